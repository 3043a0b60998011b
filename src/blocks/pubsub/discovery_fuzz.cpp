// What apps answer when they are asked for their subscriptions; rules are compiled too.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "blocks/pubsub/discovery.hpp"
#include "blocks/pubsub/router.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (auto parse :
       {blocks::pubsub::ParseSubscribeAnswer, blocks::pubsub::ParseListTopicSubscriptions}) {
    const auto found = parse(text);
    if (!found) continue;
    for (const auto& spec : found->subscriptions) {
      static_cast<void>(blocks::pubsub::Router::Compile(spec));
    }
  }
  return 0;
}
