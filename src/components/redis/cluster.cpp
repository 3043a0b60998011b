#include "components/redis/cluster.hpp"

#include <array>

#include "base/strings.hpp"

namespace components::redis {

namespace {

constexpr std::array<uint16_t, 256> MakeCrcTable() {
  std::array<uint16_t, 256> table{};
  for (unsigned i = 0; i < 256; ++i) {
    unsigned crc = i << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0);
    table[i] = static_cast<uint16_t>(crc);
  }
  return table;
}
constexpr std::array<uint16_t, 256> kCrcTable = MakeCrcTable();

std::string HostOr(std::string_view host, const Endpoint& asked) {
  return host.empty() || host == "?" ? asked.host : std::string(host);
}

}  // namespace

uint16_t KeySlot(std::string_view key) {
  if (const std::size_t open = key.find('{'); open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  unsigned crc = 0;
  for (const char c : key) {
    crc = (crc << 8 ^ kCrcTable[(crc >> 8 ^ static_cast<unsigned char>(c)) & 0xff]) & 0xffff;
  }
  return static_cast<uint16_t>(crc % kSlots);
}

base::Result<std::vector<SlotRange>> ParseSlots(const Reply& reply, const Endpoint& asked) {
  const auto bad = [] {
    return base::Fail(base::Kind::kProtocol, "the answer to CLUSTER SLOTS cannot be understood");
  };
  if (reply.is_error()) return std::unexpected(ServerError(reply.text()));
  if (!reply.is_array()) return bad();
  std::vector<SlotRange> ranges;
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const Reply::Value range = reply[i];
    const int64_t first = range[0].integer();
    const int64_t last = range[1].integer();
    const Reply::Value master = range[2];
    const int64_t port = master[1].integer();
    if (range.size() < 3 || first < 0 || last < first || last >= int64_t{kSlots} || port < 1 ||
        port > 65535) {
      return bad();
    }
    ranges.push_back({static_cast<uint16_t>(first),
                      static_cast<uint16_t>(last),
                      {HostOr(master[0].text(), asked), static_cast<uint16_t>(port)}});
  }
  return ranges;
}

std::optional<Redirect> ParseRedirect(std::string_view text, const Endpoint& asked) {
  const std::vector<std::string_view> words = base::SplitView(text, ' ');
  if (words.size() < 3 || (words[0] != "MOVED" && words[0] != "ASK")) return std::nullopt;
  const auto slot = base::ParseUint<uint16_t>(words[1]);
  // The port follows the last colon: IPv6 addresses come without brackets.
  const std::size_t colon = words[2].rfind(':');
  if (!slot || *slot >= kSlots || colon == std::string_view::npos) return std::nullopt;
  const auto port = base::ParseUint<uint16_t>(words[2].substr(colon + 1));
  if (!port || *port == 0) return std::nullopt;
  return Redirect{*slot, {HostOr(words[2].substr(0, colon), asked), *port}};
}

}  // namespace components::redis
