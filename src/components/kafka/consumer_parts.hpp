// What the files of Consumer share.
#pragma once

#include <deque>

#include "components/kafka/consumer.hpp"
#include "telemetry/log.hpp"

namespace components::kafka {

struct Consumer::Fetched {
  EventPtr event;
  const rd_kafka_message_t* message = nullptr;  // of `event`
};

struct Consumer::Partition {
  std::string topic;
  int32_t number = 0;
  QueuePtr queue;
  std::deque<Fetched> stray;  // came by the common queue
  Ledger ledger;
  bool owned = false;
  bool working = false;       // its worker runs
  bool paused = false;        // librdkafka was told so, which outlives its going to others and back
  int64_t committed = -1;     // the broker has it
  async::TimePoint hold_off;  // what waits is not handed over before
  int returns = 0;            // in a row
  async::Event news;
};

inline telemetry::Log ConsumerLog() {
  return telemetry::Log("dapr.contrib");
}

}  // namespace components::kafka
