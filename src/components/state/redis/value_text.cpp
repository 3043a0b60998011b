#include "components/state/redis/value_text.hpp"

#include <cmath>

#include "base/go_json.hpp"
#include "base/strings.hpp"

namespace components::state::redis {

namespace {

// Beyond this the six decimals do not apply.
constexpr double kSixDecimalsUpTo = 0x4ffffff;
constexpr uint64_t kMillion = 1'000'000;

void AppendUtf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 63));
  } else {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 63));
    out += static_cast<char>(0x80 | (code & 63));
  }
}

bool NeedsEscape(unsigned code) {
  return code < 0x20 || code == '"' || code == '\\' || (code >= 0xd800 && code < 0xe000);
}

// Copies the string that begins at `at` (its quote); gives the place after its end.
std::size_t CopyString(std::string_view in, std::size_t at, std::string& out) {
  out += in[at++];
  while (at < in.size() && in[at] != '"') {
    if (in[at] != '\\' || at + 1 >= in.size()) {
      out += in[at++];
      continue;
    }
    const char escape = in[at + 1];
    if (escape == 'b' || escape == 'f') {
      out += escape == 'b' ? "\\u0008" : "\\u000c";
      at += 2;
    } else if (escape == 'u' && at + 5 < in.size()) {
      unsigned code = 0;
      for (std::size_t i = at + 2; i < at + 6; ++i) {
        code = code << 4 | (static_cast<unsigned>(base::HexValue(in[i])) & 15);
      }
      if (NeedsEscape(code)) {
        out.append(in.substr(at, 6));
      } else {
        AppendUtf8(out, code);
      }
      at += 6;
    } else {
      out.append(in.substr(at, 2));
      at += 2;
    }
  }
  if (at < in.size()) out += in[at++];
  return at;
}

bool IsNumberChar(char c) {
  return base::IsDigit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

}  // namespace

std::string NumberText(std::string_view number) {
  std::string out;
  const std::optional<double> parsed = base::ParseDouble(number);
  if (!parsed) return std::string(number);
  double value = *parsed;
  if (value < 0) {
    out += '-';
    value = -value;
  }
  if (value > kSixDecimalsUpTo) {
    base::AppendGoFloat(out, value);
    return out;
  }
  const auto scaled = static_cast<uint64_t>(value * static_cast<double>(kMillion) + 0.5);
  base::StrAppend(out, scaled / kMillion);
  uint64_t rest = scaled % kMillion;
  if (rest == 0) return out;
  out += '.';
  for (uint64_t place = kMillion / 10; place > rest; place /= 10) out += '0';
  while (rest % 10 == 0) rest /= 10;
  base::StrAppend(out, rest);
  return out;
}

std::string ValueText(std::string json) {
  // Most values have nothing to change.
  if (json.find_first_of("\\.eE") == std::string::npos && json.find("-0") == std::string::npos) {
    return json;
  }
  const std::string_view in = json;
  std::string out;
  out.reserve(in.size());
  std::size_t at = 0;
  while (at < in.size()) {
    const char c = in[at];
    if (c == '"') {
      at = CopyString(in, at, out);
    } else if (c == '-' || base::IsDigit(c)) {
      std::size_t end = at;
      while (end < in.size() && IsNumberChar(in[end])) ++end;
      out += NumberText(in.substr(at, end - at));
      at = end;
    } else {
      out += c;
      ++at;
    }
  }
  return out;
}

}  // namespace components::state::redis
