// Any bytes from a server, in pieces of any size: no crash, views stay within what came, and what
// is read as a PUBLISH can be written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "components/mqtt/filter.hpp"
#include "components/mqtt/packet.hpp"

namespace {

void Again(const components::mqtt::Packet& packet) {
  using namespace components::mqtt;
  std::string out;
  AppendPublish(out, {.topic = packet.topic,
                      .payload = packet.payload,
                      .qos = packet.qos,
                      .retain = packet.retain,
                      .dup = packet.dup,
                      .id = packet.id});
  PacketReader reader(kMaxBody);
  reader.Feed(out);
  Packet read;
  const auto got = reader.Next(read);
  if (!got || !*got || read.topic != packet.topic || read.payload != packet.payload ||
      read.id != packet.id || read.qos != packet.qos || reader.buffered() != 0) {
    std::abort();
  }
  // The topic serves as a filter too: it may be refused, and if not it matches itself.
  const auto filter = Filter::Parse(packet.topic);
  if (filter && !filter->shared() && !filter->Matches(packet.topic)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace components::mqtt;
  if (size == 0) return 0;
  const std::size_t step = data[0] + std::size_t{1};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  PacketReader reader(4096);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.Feed(bytes.substr(at, step));
    while (true) {
      Packet packet;
      const auto got = reader.Next(packet);
      if (!got) return 0;
      if (!*got) break;
      if (packet.topic.size() + packet.payload.size() > 4096) std::abort();
      if (packet.type == PacketType::kPublish) Again(packet);
    }
    if (reader.waiting() > 4096 || reader.buffered() > 4096 + 5 + step) std::abort();
  }
  return 0;
}
