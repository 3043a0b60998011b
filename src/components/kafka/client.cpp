#include "components/kafka/client.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "base/strings.hpp"
#include "components/kafka/resolve.hpp"
#include "telemetry/log.hpp"

namespace components::kafka {

using base::Kind;
using base::StrCat;
using std::chrono::milliseconds;

namespace {

constexpr std::chrono::seconds kOfLate(60);
constexpr std::size_t kDestroyers = 4;
constexpr milliseconds kDestroyTime(1500);
// Of librdkafka's levels, which are syslog's.
constexpr int kLogError = 3;
constexpr int kLogWarning = 4;

telemetry::Log Log() {
  return telemetry::Log("dapr.contrib");
}

}  // namespace

Bell::Bell() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Bell::~Bell() {
  watch_.Close();
  if (fd_ >= 0) close(fd_);
}

void Bell::Attach(rd_kafka_queue_t* queue) const {
  static constexpr uint64_t kOne = 1;
  rd_kafka_queue_io_event_enable(queue, fd_, &kOne, sizeof kOne);
}

void Bell::Detach(rd_kafka_queue_t* queue) {
  rd_kafka_queue_io_event_enable(queue, -1, nullptr, 0);
}

base::Status Bell::Open(async::Loop& loop) {
  if (fd_ >= 0 && watch_.Open(loop, fd_)) return {};
  return base::Fail(Kind::kExhausted, "no file descriptor for the events of a Kafka client");
}

void Bell::Clear() {
  watch_.set_readable(false);
  uint64_t ignored;
  [[maybe_unused]] const auto got = read(fd_, &ignored, sizeof ignored);
}

void Bell::Ring() const {
  const uint64_t one = 1;
  [[maybe_unused]] const auto put = write(fd_, &one, sizeof one);
}

void Trouble::Note(rd_kafka_resp_err_t code, std::string text) {
  const std::lock_guard lock(mutex_);
  // That all are down says less than why one of them is.
  const bool fresh = async::Clock::now() - when_ < kOfLate;
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && fresh && !text_.empty()) return;
  text_ = std::move(text);
  code_ = code;
  when_ = async::Clock::now();
}

std::string Trouble::Last() const {
  const std::lock_guard lock(mutex_);
  return async::Clock::now() - when_ < kOfLate ? text_ : std::string();
}

rd_kafka_resp_err_t Trouble::code() const {
  const std::lock_guard lock(mutex_);
  return code_;
}

base::Result<std::unique_ptr<Client>> Client::Make(rd_kafka_type_t type, const Settings& settings,
                                                   const Settings::Options& options, int events) {
  char text[512] = "";
  ConfPtr conf(rd_kafka_conf_new());
  const auto set = [&](const Settings::Options& list) {
    for (const auto& [name, value] : list) {
      if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), text, sizeof text) !=
          RD_KAFKA_CONF_OK) {
        return false;
      }
    }
    return true;
  };
  if (!set(settings.client) || !set(options) || !set({{"log.queue", "true"}})) {
    return base::Fail(Kind::kInvalidArgument,
                      StrCat("component ", settings.component, ": ", std::string_view(text)));
  }
  rd_kafka_conf_set_events(conf.get(), events | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
  UseOwnResolver(conf.get());
  std::unique_ptr<Client> client(new Client(settings));
  client->rk_ = rd_kafka_new(type, conf.get(), text, sizeof text);
  if (!client->rk_) {
    return base::Fail(Kind::kInvalidArgument,
                      StrCat("component ", settings.component,
                             ": a Kafka client cannot be made: ", std::string_view(text)));
  }
  static_cast<void>(conf.release());  // the client's now
  if (type == RD_KAFKA_CONSUMER) {
    rd_kafka_poll_set_consumer(client->rk_);
    client->queue_.reset(rd_kafka_queue_get_consumer(client->rk_));
  } else {
    client->queue_.reset(rd_kafka_queue_get_main(client->rk_));
  }
  rd_kafka_set_log_queue(client->rk_, client->queue());
  RETURN_IF_ERROR(client->bell_.Open(*async::Loop::Current()));
  client->bell_.Attach(client->queue());
  return client;
}

Client::~Client() {
  if (!rk_) return;
  if (queue_) Bell::Detach(queue_.get());
  queue_.reset();
  rd_kafka_destroy_flags(rk_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

async::Task<void> Client::End(std::unique_ptr<Client> client) {
  if (!client || !client->rk_) co_return;
  if (client->queue_) Bell::Detach(client->queue_.get());
  client->queue_.reset();
  rd_kafka_t* const rk = std::exchange(client->rk_, nullptr);
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  const auto destroy = [rk, gone] {
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    gone->store(true);
  };
  // Never destroyed, as its threads may be at work until the process ends.
  static auto* const kPool = new async::BlockingPool(kDestroyers);
  if (!kPool->Submit(destroy)) destroy();
  const async::Context limit(async::Loop::Current()->After(kDestroyTime));
  while (!gone->load()) {
    const async::TimePoint soon = async::Loop::Current()->After(milliseconds(5));
    if (soon > limit.deadline) break;
    co_await async::Sleep(limit, soon);
  }
}

bool Client::ServeCommon(rd_kafka_event_t* event) {
  switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_LOG:
      ServeLog(event);
      return true;
    case RD_KAFKA_EVENT_ERROR:
      ServeError(event);
      return true;
    case RD_KAFKA_EVENT_STATS:
      return true;
    default:
      return false;
  }
}

void Client::ServeLog(rd_kafka_event_t* event) const {
  const char* facility = nullptr;
  const char* text = nullptr;
  int level = 0;
  if (rd_kafka_event_log(event, &facility, &text, &level) != 0) return;
  // Connections that come and go are told by ServeError, once.
  const std::string line = StrCat("kafka component ", component_, ": ", text);
  const telemetry::Log log = Log();
  if (level <= kLogError) {
    log.RateLimited("kafka_log_error", 1).Warning(line);
  } else if (level == kLogWarning) {
    log.RateLimited("kafka_log_warning", 1).Info(line);
  } else {
    log.RateLimited("kafka_log", 1).Debug(line);
  }
}

void Client::ServeError(rd_kafka_event_t* event) {
  rd_kafka_resp_err_t code = rd_kafka_event_error(event);
  std::string text = rd_kafka_event_error_string(event);
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    char why[512] = "";
    code = rd_kafka_fatal_error(rk_, why, sizeof why);
    fatal_ = code;
    text = why;
  } else if (code == RD_KAFKA_RESP_ERR__TRANSPORT &&
             text.find("SSL routines") != std::string::npos) {
    code = RD_KAFKA_RESP_ERR__SSL;  // the broker ended the handshake: our certificate, most likely
  }
  Log().RateLimited("kafka_error", 1).Warning(StrCat("kafka component ", component_, ": ", text));
  trouble_.Note(code, std::move(text));
}

async::Task<base::Status> AwaitBroker(const Client& client, const Settings& settings,
                                      async::BlockingPool& pool, const async::Context& context) {
  const async::TimePoint limit = std::min(
      context.deadline, async::Loop::Current()->After(
                            std::chrono::duration_cast<async::Duration>(settings.dial_timeout)));
  rd_kafka_t* const rk = client.get();
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
  // In short steps, because a wrong password is told apart from a slow broker only by its event.
  while (!context.canceled()) {
    const auto left = std::chrono::duration_cast<milliseconds>(limit - async::Clock::now());
    if (left <= milliseconds(0)) break;
    const int step = static_cast<int>(std::min(left, milliseconds(500)).count());
    const auto done = co_await pool.Run([rk, step] {
      const struct rd_kafka_metadata* metadata = nullptr;
      const rd_kafka_resp_err_t result = rd_kafka_metadata(rk, 0, nullptr, &metadata, step);
      if (metadata) rd_kafka_metadata_destroy(metadata);
      return result;
    });
    code = done.value_or(RD_KAFKA_RESP_ERR__QUEUE_FULL);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) co_return base::Status();
    if (KindOf(client.trouble().code()) == Kind::kUnauthenticated) {
      code = client.trouble().code();
      break;
    }
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT) {  // at once, while nothing is connected
      const async::TimePoint soon = async::Loop::Current()->After(milliseconds(50));
      if (co_await async::Sleep(context, soon) != async::Wake::kReady) break;
    }
  }
  base::Error error = ErrorOf(
      code,
      StrCat("component ", settings.component, ": no Kafka broker answers at ", settings.brokers),
      client.trouble().Last());
  if (error.kind == Kind::kTimeout) error.kind = Kind::kUnreachable;
  if (context.canceled()) error.kind = Kind::kCanceled;
  co_return base::Fail(std::move(error));
}

}  // namespace components::kafka
