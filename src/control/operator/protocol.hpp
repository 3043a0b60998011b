// The operator's gRPC messages (dapr.proto.operator.v1). Each is a text, a few byte fields or an
// enum, so they are written and read without generated classes. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "control/operator/manifest.hpp"

namespace control {

enum class EventType : uint8_t { kUnknown = 0, kCreated = 1, kUpdated = 2, kDeleted = 3 };

struct ResourceEvent {
  EventType type = EventType::kUnknown;
  std::string_view object;  // JSON; a view into the message
};

/// "/dapr.proto.operator.v1.Operator/ListComponents" and so on.
std::string_view ListPath(ResourceKind kind);
std::string_view UpdatePath(ResourceKind kind);

/// The request of ListPath. `name` is for Configurations, which are asked for one by one.
std::string ListRequest(ResourceKind kind, std::string_view name_space, std::string_view name);
std::string UpdateRequest(std::string_view name_space);

/// The objects of a reply to ListPath; views into it. kProtocol if it is malformed.
base::Result<std::vector<std::string_view>> ReadList(std::string_view reply);
base::Result<ResourceEvent> ReadEvent(std::string_view message);

}  // namespace control
