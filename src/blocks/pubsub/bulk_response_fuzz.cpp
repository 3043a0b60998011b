// The answers of apps to bulk deliveries, over HTTP and gRPC.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "blocks/pubsub/delivery_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::size_t entries : {0, 1, 7}) {
    if (blocks::pubsub::ReadBulkReply(text, entries).size() != entries) std::abort();
    if (blocks::pubsub::ReadBulkResponse(text, entries).size() != entries) std::abort();
  }
  static_cast<void>(blocks::pubsub::ReadHttpReply(200, text));
  static_cast<void>(blocks::pubsub::ReadTopicEventResponse(text));
  return 0;
}
