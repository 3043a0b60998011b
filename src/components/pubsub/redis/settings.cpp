#include "components/pubsub/redis/settings.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace components::pubsub::redis {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kProcessingTimeout(60);
constexpr std::chrono::seconds kRedeliverInterval(15);

base::Result<milliseconds> ReadTime(const config::Properties& properties, std::string_view name,
                                    milliseconds fallback, config::BareNumber bare) {
  ASSIGN_OR_RETURN(const std::chrono::nanoseconds time, properties.Duration(name, fallback, bare));
  // What is shorter than can be told to the server is still not "never".
  if (time.count() > 0) return std::max(milliseconds(1), std::chrono::floor<milliseconds>(time));
  return milliseconds(0);
}

}  // namespace

base::Result<Settings> ReadSettings(const config::Properties& properties) {
  Settings settings;
  settings.consumer = properties.Get("consumerID");
  if (settings.consumer.empty()) {
    return base::Fail(properties.Invalid("consumerID", "a name for the group of consumers"));
  }
  ASSIGN_OR_RETURN(settings.processing_timeout,
                   ReadTime(properties, "processingTimeout", kProcessingTimeout,
                            config::BareNumber::kMilliseconds));
  ASSIGN_OR_RETURN(settings.redeliver_interval,
                   ReadTime(properties, "redeliverInterval", kRedeliverInterval,
                            config::BareNumber::kMilliseconds));
  ASSIGN_OR_RETURN(const int64_t depth, properties.Int("queueDepth", 100, 1, 100'000));
  ASSIGN_OR_RETURN(const int64_t concurrency, properties.Int("concurrency", 10, 1, 10'000));
  settings.queue_depth = static_cast<std::size_t>(depth);
  settings.concurrency = static_cast<std::size_t>(concurrency);
  ASSIGN_OR_RETURN(settings.max_length, properties.Int("maxLenApprox", 0, 0));
  ASSIGN_OR_RETURN(settings.stream_ttl,
                   ReadTime(properties, "streamTTL", {}, config::BareNumber::kSeconds));
  return settings;
}

}  // namespace components::pubsub::redis
