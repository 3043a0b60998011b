// StreamId: the place of an entry in a stream, "1712345678901-0". Ids grow with every entry, so
// their order is the stream's. Value type; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/strings.hpp"

namespace components::pubsub::redis {

struct StreamId {
  uint64_t millis = 0;
  uint64_t number = 0;

  auto operator<=>(const StreamId&) const = default;
  std::string ToString() const { return base::StrCat(millis, "-", number); }
  /// The least id behind this one.
  StreamId Next() const {
    return number == UINT64_MAX ? StreamId{millis + 1, 0} : StreamId{millis, number + 1};
  }
  static std::optional<StreamId> Parse(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto millis = base::ParseUint<uint64_t>(text.substr(0, dash));
    const auto number = base::ParseUint<uint64_t>(text.substr(dash + 1));
    if (!millis || !number) return std::nullopt;
    return StreamId{*millis, *number};
  }
};

}  // namespace components::pubsub::redis
