// Values as text, for the tests and the fuzzer: CEL's own literals, or conversions where there are
// none.
#pragma once

#include <string>

#include "base/strings.hpp"
#include "cel/convert.hpp"
#include "cel/instant.hpp"
#include "cel/value.hpp"

namespace cel {

inline std::string TextOf(const Value& value) {
  const auto quoted = [&] {
    std::string out = "\"";
    for (const char c : value.as_text()) {
      const auto byte = static_cast<unsigned char>(c);
      constexpr std::string_view kHex = "0123456789abcdef";
      const bool text = value.is(Kind::kString) ? byte >= 0x20 : byte >= 0x20 && byte < 0x7f;
      if (c == '"' || c == '\\') out += '\\';
      if (text) {
        out += c;
      } else if (c == '\n') {
        out += "\\n";
      } else {
        base::StrAppend(out, "\\x", kHex[byte >> 4], kHex[byte & 15]);
      }
    }
    return out + '"';
  };
  switch (value.kind()) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return value.as_bool() ? "true" : "false";
    case Kind::kInt:
      return std::to_string(value.as_int());
    case Kind::kUint:
      return std::to_string(value.as_uint()) + "u";
    case Kind::kDouble: {
      const std::string text = FormatDouble(value.as_double());
      return text.find_first_of(".eIN") == std::string::npos ? text + ".0" : text;
    }
    case Kind::kString:
      return quoted();
    case Kind::kBytes:
      return "b" + quoted();
    case Kind::kType:
      return "type " + std::string(KindName(value.as_type()));
    case Kind::kTimestamp:
      return "timestamp " + FormatTimestamp(value.as_time());
    case Kind::kDuration:
      return "duration " + FormatSeconds(value.as_duration());
    case Kind::kList: {
      std::string out = "[";
      for (size_t i = 0; i < value.size(); ++i) {
        base::StrAppend(out, i > 0 ? ", " : "", TextOf(value.Item(i)));
      }
      return out + ']';
    }
    case Kind::kMap: {
      std::string out = "{";
      for (size_t i = 0; i < value.size(); ++i) {
        base::StrAppend(out, i > 0 ? ", " : "", TextOf(value.Key(i)), ": ",
                        TextOf(value.Mapped(i)));
      }
      return out + '}';
    }
    case Kind::kError:
      break;
  }
  return "error";
}

}  // namespace cel
