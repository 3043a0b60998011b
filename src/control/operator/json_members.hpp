// The members of a JSON object as slices of its text, for handing parts on unchanged. Private to
// control/operator/.
#pragma once

#include <string_view>

namespace control {

/// The end of the value at the front of `text`, which has been checked to be well-formed JSON
/// without white space.
inline std::size_t ValueEnd(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
        if (depth == 0) return i + 1;
      }
      continue;
    }
    switch (c) {
      case '"':
        in_string = true;
        break;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (depth == 0) return i;
        if (--depth == 0) return i + 1;
        break;
      case ',':
      case ':':
        if (depth == 0) return i;
        break;
      default:
        break;
    }
  }
  return text.size();
}

/// Calls f(key, value) for each member of `object`: the key without its quotes, its escapes left
/// as they are; the value as it stands. `object` is as for ValueEnd, and an object.
template <class F>
void ForEachMember(std::string_view object, F f) {
  std::size_t at = 1;
  while (at < object.size() && object[at] == '"') {
    const std::string_view rest = object.substr(at);
    const std::size_t key_end = ValueEnd(rest);
    const std::string_view key = rest.substr(1, key_end - 2);
    const std::string_view value = rest.substr(key_end + 1);
    const std::size_t value_end = ValueEnd(value);
    f(key, value.substr(0, value_end));
    at += key_end + 1 + value_end + 1;  // the colon, and the comma or the end
  }
}

}  // namespace control
