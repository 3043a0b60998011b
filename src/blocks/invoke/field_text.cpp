// What may stand in header fields and request targets (declared in header_translation.hpp).
#include <array>

#include "base/hex.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/header_translation.hpp"

namespace blocks::invoke {
namespace {

constexpr auto kTokenChars = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

// What may stand in a request target as it is: all that is printable, as the caller wrote it. '%'
// too: what is escaped already is not escaped again.
bool IsTargetChar(char c) {
  return c > 0x20 && c < 0x7f && c != '#';
}

}  // namespace

void AppendCanonicalName(std::string_view name, std::string& out) {
  const std::size_t start = out.size();
  out += name;
  bool upper = true;
  for (std::size_t i = start; i < out.size(); ++i) {
    char& c = out[i];
    if (!kTokenChars[static_cast<unsigned char>(c)]) {
      out.replace(start, std::string::npos, name);
      return;
    }
    c = upper ? base::UpperChar(c) : base::LowerChar(c);
    upper = c == '-';
  }
}

bool IsFieldValue(std::string_view value) {
  for (const char c : value) {
    if (c == '\r' || c == '\n' || c == '\0') return false;
  }
  return true;
}

bool IsFieldName(std::string_view name) {
  if (name.empty()) return false;
  for (const char c : name) {
    if (!kTokenChars[static_cast<unsigned char>(c)]) return false;
  }
  return true;
}

base::Status AppendTarget(std::string_view method, std::string_view query, std::string& out) {
  const auto append = [&out](std::string_view text, bool is_query) -> bool {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (IsTargetChar(c) && (is_query || c != '?')) {
        out += c;
      } else if (byte < 0x20 || byte == 0x7f || c == '#' || (c == '?' && !is_query)) {
        return false;
      } else {
        base::AppendPercentEncoded(out, c);
      }
    }
    return true;
  };
  out.reserve(out.size() + method.size() + query.size() + 2);
  out += '/';
  if (!append(method, false)) {
    return base::Fail(
        base::Kind::kInvalidArgument,
        base::StrCat("invalid method: method contains forbidden character: ", base::Quote(method)));
  }
  if (query.empty()) return {};
  out += '?';
  if (!append(query, true)) {
    return base::Fail(base::Kind::kInvalidArgument,
                      "invalid query string: it contains a forbidden character");
  }
  return {};
}

}  // namespace blocks::invoke
