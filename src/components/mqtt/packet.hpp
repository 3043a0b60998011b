// The packets of MQTT 3.1.1: how a client writes its own and reads the server's. Pure functions and
// one reader without a socket; any thread, one at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace components::mqtt {

enum class PacketType : uint8_t {
  kConnect = 1,
  kConnack = 2,
  kPublish = 3,
  kPuback = 4,
  kPubrec = 5,
  kPubrel = 6,
  kPubcomp = 7,
  kSubscribe = 8,
  kSuback = 9,
  kUnsubscribe = 10,
  kUnsuback = 11,
  kPingreq = 12,
  kPingresp = 13,
  kDisconnect = 14,
};
/// "PUBLISH", for messages.
std::string_view PacketName(PacketType type);

/// The largest body the protocol can express.
inline constexpr std::size_t kMaxBody = 268'435'455;
/// The largest string, which topics are.
inline constexpr std::size_t kMaxString = 65'535;
/// SUBACK: the server refuses the filter.
inline constexpr uint8_t kSubackFailure = 0x80;

/// A packet of the server. Which members mean something is the type's matter; views are good until
/// the reader is touched again.
struct Packet {
  PacketType type = PacketType::kPingresp;
  bool session_present = false;  // CONNACK
  uint8_t code = 0;              // CONNACK: 0 = accepted
  uint16_t id = 0;               // all that have one; 0 = none (PUBLISH of QoS 0)
  uint8_t qos = 0;               // PUBLISH
  bool retain = false;           // PUBLISH
  bool dup = false;              // PUBLISH
  std::string_view topic;        // PUBLISH
  std::string_view payload;      // PUBLISH; SUBACK: one byte for each filter
};

struct ConnectFields {
  std::string_view client_id;
  std::string_view username;  // empty = none, and no password
  std::string_view password;
  bool clean_session = false;
  uint16_t keep_alive_seconds = 0;
};
struct PublishFields {
  std::string_view topic;
  std::string_view payload;
  uint8_t qos = 0;
  bool retain = false;
  bool dup = false;
  uint16_t id = 0;  // QoS 1 and 2
};

// Each appends one packet. Strings must not be longer than kMaxString.
void AppendConnect(std::string& out, const ConnectFields& fields);
/// Topic and payload must fit into kMaxBody together; see PublishBody.
void AppendPublish(std::string& out, const PublishFields& fields);
/// PUBACK, PUBREC, PUBREL or PUBCOMP.
void AppendAck(std::string& out, PacketType type, uint16_t id);
void AppendSubscribe(std::string& out, uint16_t id, std::string_view filter, uint8_t qos);
void AppendUnsubscribe(std::string& out, uint16_t id, std::string_view filter);
/// PINGREQ or DISCONNECT.
void AppendEmpty(std::string& out, PacketType type);

/// Bytes of a PUBLISH's body.
inline std::size_t PublishBody(std::size_t topic, std::size_t payload, uint8_t qos) {
  return 2 + topic + (qos > 0 ? 2 : 0) + payload;
}

/// Cuts the server's bytes into packets.
class PacketReader {
 public:
  /// A packet with a longer body is an error.
  explicit PacketReader(std::size_t max_body) : max_body_(max_body) {}

  void Feed(std::string_view bytes);
  /// True: `packet` is the next one. False: more bytes are needed. kProtocol: these are no packets
  /// of a server, or kExhausted: one is too long; the connection is of no use any more.
  base::Result<bool> Next(Packet& packet);
  /// How many bytes the packet that has begun still lacks, as far as is known.
  std::size_t waiting() const { return waiting_; }
  /// Whether bytes have come that Next has not looked at.
  std::size_t buffered() const { return buffer_.size() - begin_; }

 private:
  const std::size_t max_body_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t waiting_ = 0;
};

}  // namespace components::mqtt
