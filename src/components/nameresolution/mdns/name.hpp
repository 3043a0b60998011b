// DNS names in wire form: each label with its length before it, without the closing zero. Letters
// count without case when names are compared. Pure functions; any thread.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace components::nameresolution::mdns {

using Name = std::string;

/// The longest name and label of DNS, in bytes.
inline constexpr std::size_t kMaxName = 255;
inline constexpr std::size_t kMaxLabel = 63;

/// Labels as they are, dots included; empty if one is empty or too long.
std::optional<Name> NameFromLabels(std::initializer_list<std::string_view> labels);

/// The service type under which an app is announced: `<app id>.local`. Dots in the id part labels.
/// Empty if the id makes no name.
std::optional<Name> ServiceName(std::string_view app_id);

bool SameName(std::string_view a, std::string_view b);
/// True if `name` is `parent` with at least one label before it.
bool IsBelow(std::string_view name, std::string_view parent);
/// The form under which names can be looked up in a map.
std::string NameKey(std::string_view name);

/// At most 63 bytes of `text`, cut at the end of a UTF-8 character, followed by the whole of
/// `suffix`.
std::string FittingLabel(std::string_view text, std::string_view suffix);

}  // namespace components::nameresolution::mdns
