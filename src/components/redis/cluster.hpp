// The arithmetic and the texts of Redis Cluster: which slot a key has, who serves the slots, where
// a redirection points. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "components/redis/reply.hpp"
#include "components/redis/settings.hpp"

namespace components::redis {

inline constexpr std::size_t kSlots = 16384;

/// The slot of a key: CRC16 of it, or of what stands between its first { and the next }, unless
/// that is empty.
uint16_t KeySlot(std::string_view key);

struct SlotRange {
  uint16_t first = 0;
  uint16_t last = 0;
  Endpoint master;
};

/// The answer to CLUSTER SLOTS. Servers leave out a host that is the one that was `asked`.
base::Result<std::vector<SlotRange>> ParseSlots(const Reply& reply, const Endpoint& asked);

struct Redirect {
  uint16_t slot = 0;
  Endpoint to;
};
/// "MOVED 3999 10.0.0.1:6381" and "ASK …"; none on anything else.
std::optional<Redirect> ParseRedirect(std::string_view text, const Endpoint& asked);

}  // namespace components::redis
