// What the component reads from its metadata besides the server's place. Read once in Init;
// immutable.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "components/redis/settings.hpp"
#include "config/properties.hpp"

namespace components::pubsub::redis {

inline constexpr components::redis::SettingsDefaults kConnectionDefaults{};

struct Settings {
  /// Name of the consumer group and of the consumer in it: all runtimes of an app share both.
  std::string consumer;
  /// An entry that nobody has kept alive for so long is taken over. 0 = never.
  std::chrono::milliseconds processing_timeout{};
  /// How often such entries are looked for, and the longest pause before a failed message is tried
  /// again. 0 = never looked for.
  std::chrono::milliseconds redeliver_interval{};
  std::size_t queue_depth = 100;           // entries held at a time
  std::size_t concurrency = 10;            // of these with the handler
  int64_t max_length = 0;                  // of a stream, roughly; 0 = any
  std::chrono::milliseconds stream_ttl{};  // of entries, roughly; 0 = for ever

  bool takes_over() const {
    return processing_timeout.count() > 0 && redeliver_interval.count() > 0;
  }
};

base::Result<Settings> ReadSettings(const config::Properties& properties);

}  // namespace components::pubsub::redis
