#include "components/nameresolution/mdns/name.hpp"

#include "base/strings.hpp"

namespace components::nameresolution::mdns {
namespace {

bool AppendLabel(Name& name, std::string_view label) {
  // One byte is left for the closing zero.
  if (label.empty() || label.size() > kMaxLabel || name.size() + label.size() + 2 > kMaxName) {
    return false;
  }
  name += static_cast<char>(label.size());
  name += label;
  return true;
}

}  // namespace

std::optional<Name> NameFromLabels(std::initializer_list<std::string_view> labels) {
  Name name;
  for (const std::string_view label : labels) {
    if (!AppendLabel(name, label)) return std::nullopt;
  }
  return name;
}

std::optional<Name> ServiceName(std::string_view app_id) {
  Name name;
  for (const std::string_view label : base::SplitView(app_id, '.')) {
    if (!AppendLabel(name, label)) return std::nullopt;
  }
  if (!AppendLabel(name, "local")) return std::nullopt;
  return name;
}

// Lengths are below 'A', so they pass through the folding of letters unchanged.
bool SameName(std::string_view a, std::string_view b) {
  return base::EqualsIgnoreCase(a, b);
}

std::string NameKey(std::string_view name) {
  return base::ToLower(name);
}

bool IsBelow(std::string_view name, std::string_view parent) {
  while (name.size() > parent.size()) {
    const std::size_t label = static_cast<unsigned char>(name.front()) + std::size_t{1};
    if (label > name.size()) return false;
    name.remove_prefix(label);
    if (name.size() == parent.size()) return SameName(name, parent);
  }
  return false;
}

std::string FittingLabel(std::string_view text, std::string_view suffix) {
  if (suffix.size() > kMaxLabel) suffix = suffix.substr(0, kMaxLabel);
  const std::size_t room = kMaxLabel - suffix.size();
  if (text.size() > room) {
    std::size_t end = room;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  return base::StrCat(text, suffix);
}

}  // namespace components::nameresolution::mdns
