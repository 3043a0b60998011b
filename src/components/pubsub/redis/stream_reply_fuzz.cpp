// Any bytes from a server as the answer to a command on streams: no crash, and nothing is read that
// is not in them.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "components/pubsub/redis/stream_reply.hpp"
#include "components/redis/reply_reader.hpp"

namespace {

using components::pubsub::redis::Pulled;

void Check(const std::vector<Pulled>& entries, std::size_t bytes) {
  std::size_t total = 0;
  for (const Pulled& entry : entries) {
    if (!entry.readable && !entry.data.empty()) std::abort();
    if (entry.metadata.size() > components::pubsub::redis::kMaxMetadata) std::abort();
    const auto again = components::pubsub::redis::StreamId::Parse(entry.id.ToString());
    if (!again || *again != entry.id) std::abort();
    total += entry.data.size();
  }
  if (total > bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace components::pubsub::redis;
  components::redis::ReplyReader reader({.max_bytes = 64 * 1024, .max_elements = 4096});
  reader.Feed({reinterpret_cast<const char*>(data), size});
  while (true) {
    Reply reply;
    const auto got = reader.Next(reply);
    if (!got || !*got) return 0;
    Check(ReadEntries(reply), size);
    Check(ReadClaimed(reply), size);
    if (ReadIds(reply).size() > size) std::abort();
    for (const PendingEntry& entry : ReadPending(reply)) {
      if (entry.idle.count() < 0) std::abort();
    }
    if (const auto state = ReadGroupState(reply, "g")) {
      if (state->pending < 0 || state->lag.value_or(0) < 0) std::abort();
    }
  }
}
