// Any bytes: no crash, and what is accepted is accepted again with the same result.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/go_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto check = [](bool fine) {
    if (!fine) std::abort();
  };
  for (const bool html : {false, true}) {
    const auto once = base::ReencodeLikeGo(text, {.escape_html = html});
    const auto compact = base::CompactLikeGo(text, html);
    check(compact.has_value() == base::CheckJson(text).has_value());
    if (once) {
      check(compact.has_value());
      const auto twice = base::ReencodeLikeGo(*once, {.escape_html = html});
      check(twice && *twice == *once);
      const auto of_compact = base::ReencodeLikeGo(*compact, {.escape_html = html});
      check(of_compact && *of_compact == *once);
    }
    std::string quoted;
    base::AppendJsonString(quoted, text, html);
    check(base::CheckJson(quoted).has_value());
  }
  return 0;
}
