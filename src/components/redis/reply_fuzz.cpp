// Any bytes from a server, in pieces of any size: no crash, no memory beyond the limits, and a
// reply can be walked.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "components/redis/cluster.hpp"
#include "components/redis/reply_reader.hpp"

namespace {

template <class Value>
std::size_t Walk(const Value& value, int depth) {
  if (depth > 16) std::abort();
  std::size_t total = value.text().size();
  for (std::size_t i = 0; i < value.size(); ++i) total += Walk(value[i], depth + 1);
  return total;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace components::redis;
  if (size == 0) return 0;
  const std::size_t step = data[0] + std::size_t{1};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  ReplyReader reader({.max_bytes = 4096, .max_elements = 256});
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.Feed(bytes.substr(at, step));
    while (true) {
      Reply reply;
      const auto got = reader.Next(reply);
      if (!got) return 0;
      if (!*got) break;
      std::size_t total = reply.text().size();
      for (std::size_t i = 0; i < reply.size(); ++i) total += Walk(reply[i], 0);
      if (total > 4096 + step) std::abort();
      if (const auto slots = ParseSlots(reply, {"a", 1})) {
        for (const SlotRange& range : *slots) {
          if (range.first > range.last || range.last >= kSlots) std::abort();
        }
      }
      if (reply.is_error()) (void)ParseRedirect(reply.text(), {"a", 1});
    }
  }
  return 0;
}
