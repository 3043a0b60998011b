#include "http/http1_upgrade.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.hpp"
#include "base/strings.hpp"
#include "http/http1_connection.hpp"
#include "http/http1_exchange.hpp"

namespace http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
// A request body must be held whole before the protocol can change; longer ones stay HTTP/1.1.
constexpr std::size_t kMaxBody = 64 * 1024;
constexpr std::size_t kSettingSize = 6;
constexpr std::size_t kMaxSettings = 32;

// The comma-separated items of all fields of that name, trimmed, none empty.
std::vector<std::string_view> Items(const Headers& headers, std::string_view name) {
  std::vector<std::string_view> items;
  for (const auto field : headers) {
    if (!NameEquals(field.name, name)) continue;
    for (const std::string_view part : base::SplitView(field.value, ',')) {
      if (const std::string_view item = base::Trim(part); !item.empty()) items.push_back(item);
    }
  }
  return items;
}

bool Names(const std::vector<std::string_view>& items, std::string_view wanted) {
  return std::ranges::any_of(
      items, [&](std::string_view item) { return base::EqualsIgnoreCase(item, wanted); });
}

// The values that RFC 9113, section 6.5.2, and RFC 9218 allow.
bool ValidSettings(std::string_view payload) {
  if (payload.size() % kSettingSize != 0 || payload.size() > kMaxSettings * kSettingSize) {
    return false;
  }
  for (; !payload.empty(); payload.remove_prefix(kSettingSize)) {
    const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(payload[i]); };
    const uint32_t id = uint32_t{byte(0)} << 8 | byte(1);
    const uint32_t value =
        uint32_t{byte(2)} << 24 | uint32_t{byte(3)} << 16 | uint32_t{byte(4)} << 8 | byte(5);
    bool valid = true;
    switch (id) {
      case 2:  // ENABLE_PUSH
      case 8:  // ENABLE_CONNECT_PROTOCOL
      case 9:  // NO_RFC7540_PRIORITIES
        valid = value <= 1;
        break;
      case 4:  // INITIAL_WINDOW_SIZE
        valid = value <= 0x7fffffff;
        break;
      case 5:  // MAX_FRAME_SIZE
        valid = value >= 16'384 && value <= 16'777'215;
        break;
      default:
        break;
    }
    if (!valid) return false;
  }
  return true;
}

// Fields that spoke of the HTTP/1.1 connection.
void RemoveConnectionFields(Headers& headers) {
  std::vector<std::string> names;
  for (const std::string_view name : Items(headers, "connection")) names.emplace_back(name);
  for (const std::string& name : names) headers.Remove(name);
  static constexpr std::array<std::string_view, 5> kAlways = {
      "connection", "keep-alive", "proxy-connection", "upgrade", "http2-settings"};
  for (const std::string_view name : kAlways) headers.Remove(name);
}

bool MayUpgrade(const Http1Connection& connection) {
  const ServerCore& core = connection.core;
  return core.options.allow_http2 && !connection.info.tls && !core.draining.is_set() &&
         !connection.broken();
}

}  // namespace

std::optional<std::string> AskedSettings(const RequestHead& head) {
  const Headers& headers = head.headers;
  if (!Names(Items(headers, "upgrade"), "h2c")) return std::nullopt;
  const auto options = Items(headers, "connection");
  if (!Names(options, "upgrade") || !Names(options, "http2-settings")) return std::nullopt;
  if (headers.Count("http2-settings") != 1) return std::nullopt;
  std::string_view text = *headers.Get("http2-settings");
  // Some clients pad although the RFC says not to.
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  auto settings = base::Base64UrlDecodeRaw(text);
  if (!settings || !ValidSettings(*settings)) return std::nullopt;
  return settings;
}

async::Task<std::unique_ptr<Http2Upgrade>> AcceptUpgrade(Http1Connection& connection) {
  Http1Exchange& exchange = *connection.exchange;
  const Framing& framing = exchange.parser().framing();
  const auto size =
      static_cast<std::size_t>(std::min<uint64_t>(framing.length.value_or(0), kMaxBody + 1));
  // Without the length beforehand there would be no way back; and who expects a 100 must not be
  // kept waiting for the end of its body.
  if (!MayUpgrade(connection) || framing.minor != 1 || framing.close || framing.chunked ||
      size > kMaxBody || (size > 0 && framing.expect_continue) ||
      exchange.request().method == "CONNECT") {
    co_return nullptr;
  }
  auto settings = AskedSettings(exchange.request());
  if (!settings) co_return nullptr;

  co_await connection.Flushed();
  ServerCore& core = connection.core;
  const async::Context wait(core.loop.After(core.options.body_stall_timeout));
  while (connection.in.size() < size) {
    const auto fill =
        connection.FillInput(size > BlockPool::kSmall ? BlockPool::kLarge : BlockPool::kSmall);
    if (fill == Http1Connection::Fill::kData) continue;
    if (fill != Http1Connection::Fill::kWait ||
        co_await async::Readable(connection.stream->watch(), wait) != async::Wake::kReady) {
      co_return nullptr;
    }
  }
  // Whoever sends another request of HTTP/1.1 behind this one does not expect the change. If we
  // took it for HTTP/2, or somebody on the way did not, one of us would misread what follows.
  const std::string_view behind = connection.in.view().substr(size);
  const std::string_view start = behind.substr(0, kPreface.size());
  if (!kPreface.starts_with(start) || !MayUpgrade(connection)) co_return nullptr;

  auto upgrade = std::make_unique<Http2Upgrade>();
  upgrade->settings = std::move(*settings);
  upgrade->body = connection.in.view().substr(0, size);
  upgrade->early = behind;
  upgrade->request = std::move(exchange.request());
  upgrade->request.protocol = Protocol::kHttp2;
  RemoveConnectionFields(upgrade->request.headers);
  upgrade->answer =
      "HTTP/1.1 101 Switching Protocols\r\n"
      "Connection: Upgrade\r\n"
      "Upgrade: h2c\r\n\r\n";
  connection.in.Consume(connection.in.size());
  co_return upgrade;
}

}  // namespace http
