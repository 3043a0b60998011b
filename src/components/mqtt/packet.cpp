#include "components/mqtt/packet.hpp"

#include <array>

#include "base/strings.hpp"

namespace components::mqtt {

using base::Kind;
using base::StrCat;

namespace {

// A buffer that has grown beyond this is given back once it is empty.
constexpr std::size_t kKeepBuffer = 64 * 1024;
// Bytes of a length; the last one has no flag that says more follow.
constexpr std::size_t kLengthBytes = 4;

constexpr uint8_t kCleanSession = 0x02;
constexpr uint8_t kHasPassword = 0x40;
constexpr uint8_t kHasUsername = 0x80;
constexpr uint8_t kProtocolLevel = 4;  // 3.1.1

void AppendByte(std::string& out, unsigned value) {
  out += static_cast<char>(value);
}
void AppendShort(std::string& out, std::size_t value) {
  AppendByte(out, static_cast<unsigned>(value >> 8) & 0xff);
  AppendByte(out, static_cast<unsigned>(value) & 0xff);
}
void AppendString(std::string& out, std::string_view text) {
  AppendShort(out, text.size());
  out += text;
}
void AppendHeader(std::string& out, PacketType type, unsigned flags, std::size_t body) {
  AppendByte(out, static_cast<unsigned>(type) << 4 | flags);
  do {
    const unsigned more = body > 0x7f ? 0x80 : 0;
    AppendByte(out, static_cast<unsigned>(body & 0x7f) | more);
    body >>= 7;
  } while (body > 0);
}

uint8_t ByteAt(std::string_view bytes, std::size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}
uint16_t ShortAt(std::string_view bytes, std::size_t at) {
  return static_cast<uint16_t>(ByteAt(bytes, at) << 8 | ByteAt(bytes, at + 1));
}

std::unexpected<base::Error> Malformed(PacketType type, std::string_view what) {
  return base::Fail(Kind::kProtocol, StrCat("sent a malformed ", PacketName(type), ": ", what));
}

base::Status ReadPublish(Packet& packet, unsigned flags, std::string_view body) {
  packet.dup = (flags & 0x8) != 0;
  packet.qos = static_cast<uint8_t>(flags >> 1 & 0x3);
  packet.retain = (flags & 0x1) != 0;
  if (packet.qos == 3) return Malformed(packet.type, "QoS 3");
  if (body.size() < 2) return Malformed(packet.type, "no topic");
  const std::size_t topic = ShortAt(body, 0);
  const std::size_t rest = 2 + topic + (packet.qos > 0 ? 2 : 0);
  if (body.size() < rest) return Malformed(packet.type, "the topic is longer than the packet");
  packet.topic = body.substr(2, topic);
  if (packet.topic.empty() ||
      packet.topic.find_first_of(std::string_view("+#\0", 3)) != std::string_view::npos) {
    return Malformed(packet.type, "not a topic");
  }
  if (packet.qos > 0) {
    packet.id = ShortAt(body, 2 + topic);
    if (packet.id == 0) return Malformed(packet.type, "no packet identifier");
  }
  packet.payload = body.substr(rest);
  return {};
}

base::Status ReadConnack(Packet& packet, std::string_view body) {
  if (body.size() != 2 || ByteAt(body, 0) > 1) return Malformed(packet.type, "wrong flags");
  packet.session_present = ByteAt(body, 0) == 1;
  packet.code = ByteAt(body, 1);
  return {};
}

// Those that consist of a packet identifier, and perhaps of a list behind it.
base::Status ReadAnswer(Packet& packet, std::string_view body) {
  const bool list = packet.type == PacketType::kSuback;
  if (body.size() < 2 || (body.size() > 2) != list) return Malformed(packet.type, "wrong length");
  packet.id = ShortAt(body, 0);
  if (packet.id == 0) return Malformed(packet.type, "no packet identifier");
  packet.payload = body.substr(2);
  for (const char c : packet.payload) {
    const auto code = static_cast<uint8_t>(c);
    if (code > 2 && code != kSubackFailure) return Malformed(packet.type, "unknown return code");
  }
  return {};
}

base::Status ReadBody(Packet& packet, unsigned flags, std::string_view body) {
  if (packet.type == PacketType::kPublish) return ReadPublish(packet, flags, body);
  const unsigned expected = packet.type == PacketType::kPubrel ? 2 : 0;
  if (flags != expected) return Malformed(packet.type, "wrong flags");
  switch (packet.type) {
    case PacketType::kConnack:
      return ReadConnack(packet, body);
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp:
    case PacketType::kSuback:
    case PacketType::kUnsuback:
      return ReadAnswer(packet, body);
    case PacketType::kPingresp:
      if (!body.empty()) return Malformed(packet.type, "wrong length");
      return {};
    default:
      return base::Fail(Kind::kProtocol, StrCat("sent a packet that no server sends (type ",
                                                static_cast<int>(packet.type), ")"));
  }
}

}  // namespace

std::string_view PacketName(PacketType type) {
  static constexpr std::array<std::string_view, 15> kNames = {
      "packet",      "CONNECT",  "CONNACK", "PUBLISH",   "PUBACK",
      "PUBREC",      "PUBREL",   "PUBCOMP", "SUBSCRIBE", "SUBACK",
      "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP",  "DISCONNECT"};
  const auto index = static_cast<std::size_t>(type);
  return kNames[index < kNames.size() ? index : 0];
}

void AppendConnect(std::string& out, const ConnectFields& fields) {
  const bool user = !fields.username.empty();
  const bool password = user && !fields.password.empty();
  std::size_t body = 10 + 2 + fields.client_id.size();
  unsigned flags = fields.clean_session ? kCleanSession : 0;
  if (user) {
    body += 2 + fields.username.size();
    flags |= kHasUsername;
  }
  if (password) {
    body += 2 + fields.password.size();
    flags |= kHasPassword;
  }
  AppendHeader(out, PacketType::kConnect, 0, body);
  AppendString(out, "MQTT");
  AppendByte(out, kProtocolLevel);
  AppendByte(out, flags);
  AppendShort(out, fields.keep_alive_seconds);
  AppendString(out, fields.client_id);
  if (user) AppendString(out, fields.username);
  if (password) AppendString(out, fields.password);
}

void AppendPublish(std::string& out, const PublishFields& fields) {
  const unsigned flags =
      (fields.dup ? 0x8U : 0U) | static_cast<unsigned>(fields.qos) << 1 | (fields.retain ? 1U : 0U);
  const std::size_t body = PublishBody(fields.topic.size(), fields.payload.size(), fields.qos);
  out.reserve(out.size() + 1 + kLengthBytes + body);
  AppendHeader(out, PacketType::kPublish, flags, body);
  AppendString(out, fields.topic);
  if (fields.qos > 0) AppendShort(out, fields.id);
  out += fields.payload;
}

void AppendAck(std::string& out, PacketType type, uint16_t id) {
  AppendHeader(out, type, type == PacketType::kPubrel ? 2 : 0, 2);
  AppendShort(out, id);
}

void AppendSubscribe(std::string& out, uint16_t id, std::string_view filter, uint8_t qos) {
  AppendHeader(out, PacketType::kSubscribe, 2, 2 + 2 + filter.size() + 1);
  AppendShort(out, id);
  AppendString(out, filter);
  AppendByte(out, qos);
}

void AppendUnsubscribe(std::string& out, uint16_t id, std::string_view filter) {
  AppendHeader(out, PacketType::kUnsubscribe, 2, 2 + 2 + filter.size());
  AppendShort(out, id);
  AppendString(out, filter);
}

void AppendEmpty(std::string& out, PacketType type) {
  AppendHeader(out, type, 0, 0);
}

void PacketReader::Feed(std::string_view bytes) {
  if (begin_ == buffer_.size()) {
    begin_ = 0;
    if (buffer_.capacity() > kKeepBuffer && bytes.size() < kKeepBuffer) {
      buffer_ = std::string();
    } else {
      buffer_.clear();
    }
  } else if (begin_ > buffer_.size() / 2) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_ += bytes;
}

base::Result<bool> PacketReader::Next(Packet& packet) {
  const std::string_view bytes = std::string_view(buffer_).substr(begin_);
  waiting_ = 0;
  if (bytes.empty()) return false;
  const auto type = static_cast<PacketType>(ByteAt(bytes, 0) >> 4);
  std::size_t body = 0;
  std::size_t header = 1;
  for (bool more = true; more; ++header) {
    if (header > kLengthBytes) return base::Fail(Kind::kProtocol, "sent an endless packet length");
    if (header == bytes.size()) return false;
    const uint8_t byte = ByteAt(bytes, header);
    body |= static_cast<std::size_t>(byte & 0x7f) << (7 * (header - 1));
    more = (byte & 0x80) != 0;
  }
  if (body > max_body_) {
    return base::Fail(Kind::kExhausted, StrCat("sent a ", PacketName(type), " of ", body,
                                               " bytes, and ", max_body_, " are allowed"));
  }
  if (bytes.size() < header + body) {
    waiting_ = header + body - bytes.size();
    return false;
  }
  packet = Packet{.type = type};
  RETURN_IF_ERROR(ReadBody(packet, ByteAt(bytes, 0) & 0xf, bytes.substr(header, body)));
  begin_ += header + body;
  return true;
}

}  // namespace components::mqtt
