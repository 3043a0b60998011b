// The events of the outbox: made of what a transaction stores, and addressed to its topic once the
// transaction is known to have happened. Pure but for the clock; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "contracts/state_store.hpp"
#include "telemetry/trace.hpp"

namespace blocks::outbox {

/// The row that proves that a transaction has happened is stored under the id of the event.
inline constexpr std::string_view kMarkerPrefix = "outbox-";
inline constexpr std::string_view kProjectionKey = "outbox.projection";

struct EventInput {
  std::string_view id;
  std::string_view app_id;                         // becomes `source`
  std::string_view pubsub;                         // of the outbox itself
  const contracts::SetRequest& stored;             // its metadata become members of the event
  const contracts::SetRequest* published;          // whose value is the event's data
  const telemetry::TraceContext* trace = nullptr;  // null: not traced
};
/// The event without a topic.
base::Result<std::string> MakeEvent(const EventInput& input);

/// The event as it goes to its topic. kInvalidArgument if it is no JSON object.
base::Result<std::string> Readdress(std::string_view event, std::string_view pubsub,
                                    std::string_view topic);
/// The id of an event of the outbox; kInvalidArgument if it has none.
base::Result<std::string> IdOf(std::string_view event);

/// Takes the operations that only say what is published out of a transaction.
std::vector<contracts::SetRequest> TakeProjections(contracts::TransactionRequest& transaction);

}  // namespace blocks::outbox
