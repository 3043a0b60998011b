// SQL LIKE over bytes: '%' is any text, '_' any one character, '\' takes the next character as it
// is.
#pragma once

#include <cstddef>
#include <string_view>

namespace components::state::in_memory {

/// True if all of `text` matches. Time is at most the product of both lengths.
inline bool Like(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      star = ++p;
      star_text = t;
      continue;
    }
    if (p < pattern.size()) {
      const bool escaped = pattern[p] == '\\' && p + 1 < pattern.size();
      const char wanted = pattern[escaped ? p + 1 : p];
      if (wanted == text[t] || (!escaped && wanted == '_')) {
        p += escaped ? 2 : 1;
        ++t;
        continue;
      }
    }
    if (star == std::string_view::npos) return false;
    p = star;
    t = ++star_text;
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

}  // namespace components::state::in_memory
