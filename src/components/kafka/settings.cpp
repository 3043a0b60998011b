#include "components/kafka/settings.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/random.hpp"
#include "base/strings.hpp"

namespace components::kafka {

using base::Kind;
using base::StrCat;
using config::BareNumber;
using config::Properties;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

constexpr int64_t kDefaultMessageBytes = 1024 * 1024;
constexpr int64_t kLargestMessage = 512 * 1024 * 1024;

std::string Millis(nanoseconds time, milliseconds least, milliseconds most) {
  const auto millis = std::chrono::duration_cast<milliseconds>(time);
  return std::to_string(std::clamp(millis, least, most).count());
}

base::Status ReadRetry(const Properties& properties, bool by_default, Retry& retry) {
  retry.enabled = properties.Bool("consumeRetryEnabled", by_default);
  const std::string policy = base::ToLower(properties.Get("backOffPolicy", "constant"));
  if (policy != "constant" && policy != "exponential") {
    return base::Fail(properties.Invalid("backOffPolicy", "constant or exponential"));
  }
  retry.exponential = policy == "exponential";
  ASSIGN_OR_RETURN(retry.duration, properties.Duration("backOffDuration", retry.duration));
  ASSIGN_OR_RETURN(retry.initial, properties.Duration("backOffInitialInterval", retry.initial));
  ASSIGN_OR_RETURN(retry.longest, properties.Duration("backOffMaxInterval", retry.longest));
  ASSIGN_OR_RETURN(retry.max_elapsed,
                   properties.Duration("backOffMaxElapsedTime", retry.max_elapsed));
  ASSIGN_OR_RETURN(retry.multiplier, properties.Double("backOffMultiplier", retry.multiplier));
  ASSIGN_OR_RETURN(retry.randomization,
                   properties.Double("backOffRandomizationFactor", retry.randomization));
  ASSIGN_OR_RETURN(retry.max_retries, properties.Int("backOffMaxRetries", -1, -1));
  if (retry.multiplier < 1) return base::Fail(properties.Invalid("backOffMultiplier", "1 or more"));
  if (retry.randomization < 0 || retry.randomization > 1) {
    return base::Fail(properties.Invalid("backOffRandomizationFactor", "a number from 0 to 1"));
  }
  return {};
}

// The form of the version is checked, because a wrong one is a mistake; brokers tell what they are.
base::Status CheckVersion(const Properties& properties) {
  const std::string version = properties.Get("version");
  const auto parts = base::SplitView(version, '.');
  const bool good = version.empty() || ((parts.size() == 3 || parts.size() == 4) &&
                                        std::ranges::all_of(parts, [](std::string_view part) {
                                          return base::ParseUint<uint32_t>(part).has_value();
                                        }));
  if (!good) return base::Fail(properties.Invalid("version", "a version of Kafka such as 2.0.0.0"));
  return {};
}

base::Result<std::string> ReadAuthType(const Properties& properties) {
  std::string type = base::ToLower(base::Trim(properties.Get("authType")));
  if (type.empty() && !properties.Get("authRequired").empty()) {
    type = properties.Bool("authRequired", false) ? "oidc" : "none";
  }
  if (type == "certificate") type = "mtls";
  if (type == "none" || type == "password" || type == "mtls") return type;
  if (type == "oidc" || type == "oidc_private_key_jwt" || type == "awsiam") {
    return base::Fail(Kind::kUnimplemented,
                      StrCat("component ", properties.component(), ": authType ", type,
                             " is not in this version; use none, password or mtls"));
  }
  return base::Fail(properties.Invalid("authType", "none, password or mtls"));
}

// Without caCert the system's authorities are trusted, which librdkafka would not find by itself.
std::string SystemAuthorities() {
  const char* const from_environment = std::getenv("SSL_CERT_FILE");
  for (const char* path :
       {from_environment, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    std::error_code ignored;
    if (path && std::filesystem::is_regular_file(path, ignored)) return path;
  }
  return {};
}

base::Status CheckPem(const Properties& properties, std::string_view name) {
  const std::string text = properties.Get(name);
  if (text.find("-----BEGIN ") != std::string::npos) return {};
  return base::Fail(properties.Invalid(name, "PEM text (-----BEGIN ...)"));
}

base::Status ReadTls(const Properties& properties, bool certificate, Settings::Options& client) {
  if (properties.Bool("skipVerify", false)) {
    client.emplace_back("enable.ssl.certificate.verification", "false");
    client.emplace_back("ssl.endpoint.identification.algorithm", "none");
  } else {
    client.emplace_back("ssl.endpoint.identification.algorithm", "https");
  }
  if (!properties.Get("caCert").empty()) {
    RETURN_IF_ERROR(CheckPem(properties, "caCert"));
    client.emplace_back("ssl.ca.pem", properties.Get("caCert"));
  } else if (std::string file = SystemAuthorities(); !file.empty()) {
    client.emplace_back("ssl.ca.location", std::move(file));
  }
  const bool given = !properties.Get("clientCert").empty() || !properties.Get("clientKey").empty();
  if (!certificate && !given) return {};
  RETURN_IF_ERROR(CheckPem(properties, "clientCert"));
  RETURN_IF_ERROR(CheckPem(properties, "clientKey"));
  client.emplace_back("ssl.certificate.pem", properties.Get("clientCert"));
  client.emplace_back("ssl.key.pem", properties.Get("clientKey"));
  return {};
}

base::Status ReadSecurity(const Properties& properties, Settings::Options& client) {
  ASSIGN_OR_RETURN(const std::string type, ReadAuthType(properties));
  const bool password = type == "password";
  const bool tls = type != "none" && !properties.Bool("disableTls", false);
  if (type == "mtls" && !tls) {
    return base::Fail(Kind::kInvalidArgument,
                      StrCat("component ", properties.component(),
                             ": authType mtls needs TLS; remove disableTls"));
  }
  client.emplace_back("security.protocol", password ? (tls ? "sasl_ssl" : "sasl_plaintext")
                                                    : (tls ? "ssl" : "plaintext"));
  if (tls) RETURN_IF_ERROR(ReadTls(properties, type == "mtls", client));
  if (!password) return {};
  const std::string mechanism = base::ToLower(properties.Get("saslMechanism", "PLAINTEXT"));
  if (mechanism == "plaintext" || mechanism == "plain") {
    client.emplace_back("sasl.mechanisms", "PLAIN");
  } else if (mechanism == "sha-256" || mechanism == "scram-sha-256") {
    client.emplace_back("sasl.mechanisms", "SCRAM-SHA-256");
  } else if (mechanism == "sha-512" || mechanism == "scram-sha-512") {
    client.emplace_back("sasl.mechanisms", "SCRAM-SHA-512");
  } else {
    return base::Fail(properties.Invalid("saslMechanism", "PLAINTEXT, SHA-256 or SHA-512"));
  }
  ASSIGN_OR_RETURN(std::string user, properties.Require("saslUsername"));
  ASSIGN_OR_RETURN(std::string secret, properties.Require("saslPassword"));
  client.emplace_back("sasl.username", std::move(user));
  client.emplace_back("sasl.password", std::move(secret));
  return {};
}

base::Status ReadClient(const Properties& properties, Settings& settings) {
  Settings::Options& client = settings.client;
  ASSIGN_OR_RETURN(const std::string brokers, properties.Require("brokers"));
  settings.brokers = base::Join(base::SplitTrimmed(brokers, ','), ",");
  if (settings.brokers.empty()) {
    return base::Fail(properties.Invalid("brokers", "a list of host:port with commas between"));
  }
  RETURN_IF_ERROR(CheckVersion(properties));
  RETURN_IF_ERROR(ReadSecurity(properties, client));
  ASSIGN_OR_RETURN(settings.dial_timeout, properties.Duration("dialTimeout", seconds(30)));
  ASSIGN_OR_RETURN(const nanoseconds read, properties.Duration("readTimeout", seconds(30)));
  ASSIGN_OR_RETURN(
      const nanoseconds refresh,
      properties.Duration("clientConnectionTopicMetadataRefreshInterval", std::chrono::minutes(9)));
  ASSIGN_OR_RETURN(const nanoseconds keep_alive,
                   properties.Duration("clientConnectionKeepAliveInterval", nanoseconds(0)));
  ASSIGN_OR_RETURN(
      const nanoseconds reconnect,
      properties.Duration("consumeRetryInterval", milliseconds(100), BareNumber::kMilliseconds));
  ASSIGN_OR_RETURN(const int64_t largest,
                   properties.Int("maxMessageBytes", kDefaultMessageBytes, 1000, kLargestMessage));
  client.emplace_back("bootstrap.servers", settings.brokers);
  client.emplace_back("client.id", properties.Get("clientID", "sarama"));
  client.emplace_back("message.max.bytes", std::to_string(largest));
  client.emplace_back("socket.connection.setup.timeout.ms",
                      Millis(settings.dial_timeout, seconds(1), std::chrono::minutes(5)));
  client.emplace_back("socket.timeout.ms", Millis(read, seconds(1), std::chrono::minutes(5)));
  client.emplace_back("socket.keepalive.enable", keep_alive.count() > 0 ? "true" : "false");
  client.emplace_back("socket.nagle.disable", "true");
  client.emplace_back("topic.metadata.refresh.interval.ms",
                      Millis(refresh, seconds(10), std::chrono::hours(1)));
  client.emplace_back("reconnect.backoff.ms", Millis(reconnect, milliseconds(10), seconds(1)));
  client.emplace_back("reconnect.backoff.max.ms", "1000");
  return {};
}

base::Status ReadProducer(const Properties& properties, Settings& settings) {
  Settings::Options& producer = settings.producer;
  const std::string acks = base::ToLower(properties.Get("producerRequiredAcks", "all"));
  if (acks == "all" || acks == "-1" || acks == "waitforall") {
    producer.emplace_back("acks", "all");
  } else if (acks == "none" || acks == "0" || acks == "noresponse") {
    producer.emplace_back("acks", "0");
  } else if (acks == "leader" || acks == "local" || acks == "1" || acks == "waitforlocal") {
    producer.emplace_back("acks", "1");
  } else {
    return base::Fail(properties.Invalid("producerRequiredAcks", "all, leader or none"));
  }
  const std::string compression = base::ToLower(properties.Get("compression", "none"));
  static constexpr std::string_view kCodecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
  if (std::ranges::find(kCodecs, compression) == std::end(kCodecs)) {
    return base::Fail(properties.Invalid("compression", "none, gzip, snappy, lz4 or zstd"));
  }
  ASSIGN_OR_RETURN(const int64_t retries, properties.Int("producerRetryMax", 5, 0, 10'000));
  ASSIGN_OR_RETURN(const nanoseconds write, properties.Duration("writeTimeout", seconds(30)));
  settings.idempotent = retries > 0 && producer.back().second == "all";
  // Without the broker's help a second sending may be a double, so there is none.
  producer.emplace_back("retries", std::to_string(settings.idempotent ? retries : 0));
  producer.emplace_back("retry.backoff.ms", "100");
  producer.emplace_back("compression.codec", compression);
  producer.emplace_back("message.timeout.ms", Millis(write, seconds(1), std::chrono::minutes(5)));
  // Whoever publishes waits, so nothing is held back for company; what comes while a request is
  // under way goes together.
  producer.emplace_back("queue.buffering.max.ms", "0");
  producer.emplace_back("queue.buffering.max.messages", "20000");
  producer.emplace_back("queue.buffering.max.kbytes", "32768");
  // The partition that Dapr's own client gives a key.
  producer.emplace_back("partitioner", "fnv1a_random");
  return {};
}

base::Status ReadConsumer(const Properties& properties, Settings& settings) {
  Settings::Options& consumer = settings.consumer;
  settings.group = properties.Get("consumerGroup");
  if (settings.group.empty()) settings.group = properties.Get("consumerID");
  const std::string initial = base::ToLower(properties.Get("initialOffset", "newest"));
  if (initial != "newest" && initial != "oldest") {
    return base::Fail(properties.Invalid("initialOffset", "newest or oldest"));
  }
  settings.from_oldest = initial == "oldest";
  const std::string strategy =
      base::ToLower(properties.Get("consumerGroupRebalanceStrategy", "range"));
  if (strategy != "range" && strategy != "roundrobin" && strategy != "sticky") {
    return base::Fail(
        properties.Invalid("consumerGroupRebalanceStrategy", "range, roundrobin or sticky"));
  }
  ASSIGN_OR_RETURN(const nanoseconds session, properties.Duration("sessionTimeout", seconds(10)));
  ASSIGN_OR_RETURN(const nanoseconds beat, properties.Duration("heartbeatInterval", seconds(3)));
  if (beat >= session || beat.count() <= 0) {
    return base::Fail(properties.Invalid("heartbeatInterval", "less than sessionTimeout"));
  }
  ASSIGN_OR_RETURN(const int64_t least, properties.Int("consumerFetchMin", 1, 1, 100'000'000));
  ASSIGN_OR_RETURN(const int64_t usual,
                   properties.Int("consumerFetchDefault", 1024 * 1024, 1, 100'000'000));
  ASSIGN_OR_RETURN(const int64_t buffered, properties.Int("channelBufferSize", 256, 1, 1'000'000));
  consumer.emplace_back("partition.assignment.strategy",
                        strategy == "sticky" ? "cooperative-sticky" : strategy);
  consumer.emplace_back("session.timeout.ms",
                        Millis(session, seconds(1), std::chrono::minutes(30)));
  consumer.emplace_back("heartbeat.interval.ms",
                        Millis(beat, milliseconds(100), std::chrono::minutes(10)));
  // librdkafka takes none that is shorter than the session.
  settings.poll_interval = std::clamp(std::chrono::duration_cast<milliseconds>(session),
                                      settings.poll_interval, milliseconds(std::chrono::hours(1)));
  consumer.emplace_back("enable.auto.commit", "false");
  consumer.emplace_back("enable.auto.offset.store", "false");
  // Where to begin is decided by the subscription. This is for offsets that the broker has thrown
  // away since: then what is left comes, rather than nothing of it.
  consumer.emplace_back("auto.offset.reset", "earliest");
  consumer.emplace_back("allow.auto.create.topics", "true");
  consumer.emplace_back("fetch.min.bytes", std::to_string(least));
  consumer.emplace_back("fetch.message.max.bytes", std::to_string(usual));
  consumer.emplace_back("fetch.max.bytes", "8388608");
  consumer.emplace_back("fetch.error.backoff.ms", "100");
  // Of each partition: more is fetched once less than this waits.
  consumer.emplace_back("queued.min.messages", std::to_string(buffered));
  consumer.emplace_back("queued.max.messages.kbytes", "512");
  return {};
}

}  // namespace

std::optional<nanoseconds> Retry::WaitAfter(int failures, nanoseconds elapsed) const {
  if (!enabled || failures < 1) return std::nullopt;
  if (max_retries >= 0 && failures > max_retries) return std::nullopt;
  if (!exponential) return duration;
  if (max_elapsed.count() > 0 && elapsed > max_elapsed) return std::nullopt;
  const double grown =
      static_cast<double>(initial.count()) * std::pow(multiplier, std::min(failures - 1, 200));
  const double wait = std::min(grown, static_cast<double>(longest.count()));
  return base::Jitter(nanoseconds(static_cast<int64_t>(wait)), randomization);
}

base::Result<std::shared_ptr<const Settings>> ReadSettings(const Properties& properties,
                                                           bool retry_by_default) {
  auto settings = std::make_shared<Settings>();
  settings->component = properties.component();
  RETURN_IF_ERROR(ReadClient(properties, *settings));
  RETURN_IF_ERROR(ReadProducer(properties, *settings));
  RETURN_IF_ERROR(ReadConsumer(properties, *settings));
  RETURN_IF_ERROR(ReadRetry(properties, retry_by_default, settings->retry));
  auto rules = HeaderRules::Make(properties.Bool("escapeHeaders", false),
                                 properties.Get("excludeHeaderMetaRegex"));
  if (!rules) {
    return base::Fail(properties.Invalid("excludeHeaderMetaRegex", "a regular expression (RE2)"));
  }
  settings->headers = std::move(*rules);
  return settings;
}

}  // namespace components::kafka
