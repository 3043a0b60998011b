// What the metadata of a Kafka component says, checked, and as the options of librdkafka. Immutable
// once read; shared by all loops.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "components/kafka/headers.hpp"
#include "config/properties.hpp"
#include "contracts/descriptor.hpp"

namespace components::kafka {

/// When a message that failed is handed over again.
struct Retry {
  bool enabled = true;
  bool exponential = false;
  std::chrono::nanoseconds duration = std::chrono::seconds(5);  // of the constant policy
  std::chrono::nanoseconds initial = std::chrono::milliseconds(500);
  std::chrono::nanoseconds longest = std::chrono::seconds(60);
  double multiplier = 1.5;
  double randomization = 0.5;
  std::chrono::nanoseconds max_elapsed = std::chrono::minutes(15);  // 0 = no end
  int64_t max_retries = -1;                                         // -1 = no end

  /// The wait after so many failures, the first of them `elapsed` ago; nullopt: it is given up.
  std::optional<std::chrono::nanoseconds> WaitAfter(int failures,
                                                    std::chrono::nanoseconds elapsed) const;
};

struct Settings {
  using Options = std::vector<std::pair<std::string, std::string>>;

  std::string component;
  std::string brokers;
  std::string group;  // empty: none was given
  bool from_oldest = false;
  bool idempotent = true;  // the broker removes doubles of what is sent again
  std::chrono::nanoseconds dial_timeout{};
  // The group drops a member that has not looked for messages for so long; paused ones look too.
  std::chrono::milliseconds poll_interval = std::chrono::minutes(5);
  Retry retry;
  std::shared_ptr<const HeaderRules> headers;
  // Options of librdkafka; with secrets, so never to be logged.
  Options client;
  Options producer;
  Options consumer;
};

/// `retry_by_default` is what consumeRetryEnabled is where it is not given.
base::Result<std::shared_ptr<const Settings>> ReadSettings(const config::Properties& properties,
                                                           bool retry_by_default);

/// The schema of the settings that all Kafka components share.
std::vector<contracts::Field> ConnectionFields(bool retry_by_default);

}  // namespace components::kafka
