#include "telemetry/baggage.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace telemetry {
namespace {

constexpr size_t kMaxBytes = 8192;
constexpr size_t kMaxMembers = 180;
constexpr size_t kMaxMemberBytes = 4096;

std::string_view TrimBlanks(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t") - start + 1);
}

bool IsTokenChar(char c) {
  return base::IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsKey(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, IsTokenChar);
}

bool IsValue(std::string_view value) {
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c <= 0x20 || c == 0x7F || c == '"' || c == ',' || c == ';' || c == '\\') return false;
    if (c == '%') {
      if (i + 2 >= value.size() || base::HexValue(value[i + 1]) < 0 ||
          base::HexValue(value[i + 2]) < 0) {
        return false;
      }
    }
  }
  return true;
}

base::Status Bad(std::string_view why) {
  return base::Fail(base::Kind::kInvalidArgument, base::StrCat("invalid baggage header: ", why));
}

}  // namespace

base::Status ValidateBaggage(std::string_view header) {
  if (header.empty()) return {};
  if (header.size() > kMaxBytes) return Bad("more than 8192 bytes");
  size_t members = 0;
  for (const std::string_view member : base::SplitView(header, ',')) {
    if (++members > kMaxMembers) return Bad("more than 180 members");
    if (member.size() > kMaxMemberBytes) return Bad("a member has more than 4096 bytes");
    bool first = true;
    for (const std::string_view part : base::SplitView(member, ';')) {
      const size_t equals = part.find('=');
      const bool has_value = equals != std::string_view::npos;
      if (first && !has_value) return Bad("a member is not of the form key=value");
      if (!IsKey(TrimBlanks(part.substr(0, equals)))) return Bad("a key is empty or malformed");
      if (has_value && !IsValue(TrimBlanks(part.substr(equals + 1)))) {
        return Bad("a value holds a character that must be escaped");
      }
      first = false;
    }
  }
  return {};
}

}  // namespace telemetry
