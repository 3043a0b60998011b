// What Redis answers to the commands of streams, read into plain values. A reply is foreign input:
// whatever has another shape than expected is left out. Pure; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "components/pubsub/redis/stream_id.hpp"
#include "components/redis/reply.hpp"
#include "contracts/metadata.hpp"

namespace components::pubsub::redis {

using components::redis::Reply;

/// An entry as a consumer got it.
struct Pulled {
  StreamId id;
  std::string data;
  contracts::Metadata metadata;
  /// False: it has no field `data`, or no fields at all because it was deleted meanwhile. Nobody
  /// can handle it.
  bool readable = false;
};

/// More pairs of an entry's metadata than these are ignored.
inline constexpr std::size_t kMaxMetadata = 1000;

/// The entries in an answer to XREADGROUP for one stream; none if nothing came in time.
std::vector<Pulled> ReadEntries(const Reply& reply);
/// The entries in an answer to XCLAIM, XRANGE and their like.
std::vector<Pulled> ReadClaimed(const Reply& reply);
/// The ids in an answer to XCLAIM … JUSTID.
std::vector<StreamId> ReadIds(const Reply& reply);

/// One that a consumer has been given and nobody has acknowledged.
struct PendingEntry {
  StreamId id;
  std::chrono::milliseconds idle{};  // since it was last handed over or claimed
};
/// The answer to XPENDING with a range.
std::vector<PendingEntry> ReadPending(const Reply& reply);

/// What XINFO GROUPS tells of a group.
struct GroupState {
  int64_t pending = 0;
  StreamId last_delivered;
  std::optional<int64_t> lag;  // entries never handed over; Redis before 7 does not tell
};
/// Nullopt if there is no such group.
std::optional<GroupState> ReadGroupState(const Reply& reply, std::string_view group);

}  // namespace components::pubsub::redis
