// Outbox: what has been published and not been acknowledged yet. It outlives connections: with a
// session that the broker has kept, everything in it is sent again. Own loop's thread only.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "async/wait.hpp"
#include "components/mqtt/connection.hpp"

namespace components::mqtt {

/// The identifiers of packets on our side, which publishing and subscribing share.
class PacketIds {
 public:
  static constexpr std::size_t kMax = 60'000;
  /// One that is not in use; fewer than kMax may be.
  uint16_t Take();
  void Give(uint16_t id) { used_.erase(id); }

 private:
  uint16_t last_ = 0;
  std::unordered_set<uint16_t> used_;
};

struct OutMessage {
  std::string topic;
  std::string payload;
  uint8_t qos = 1;
  bool retain = false;
};

class Outbox {
 public:
  struct Flight {
    OutMessage message;
    uint16_t id = 0;
    bool released = false;               // QoS 2: the broker has it, PUBREL is on its way
    std::optional<base::Status> status;  // how it ended
    async::Event done;
  };

  explicit Outbox(PacketIds& ids) : ids_(ids) {}

  bool empty() const { return flights_.empty(); }
  /// For one more message of this QoS.
  bool HasRoom(uint8_t qos) const {
    return flights_.size() < (qos == 2 ? kMaxExactlyOnce : kMaxFlights) && bytes_ < kMaxBytes;
  }
  /// Sends a message of QoS 1 or 2. The flight ends when the broker has taken it.
  std::shared_ptr<Flight> Send(Connection& connection, OutMessage message);
  /// PUBACK, PUBREC or PUBCOMP.
  void OnAnswer(Connection& connection, const Packet& packet);
  /// After a reconnect: sends everything again, in its order.
  void Resend(Connection& connection);
  /// Ends every flight with this error.
  void Fail(const base::Error& error);

  /// Pulsed once for each flight that has ended; see HasRoom.
  async::Event& room() { return room_; }

 private:
  static constexpr std::size_t kMaxFlights = 128;
  // mosquitto acknowledges those of QoS 2 beyond its max_inflight_messages, and loses them.
  static constexpr std::size_t kMaxExactlyOnce = 10;
  static constexpr std::size_t kMaxBytes = std::size_t{16} << 20;

  void End(std::size_t index, base::Status status);

  PacketIds& ids_;
  std::deque<std::shared_ptr<Flight>> flights_;  // in their order
  std::size_t bytes_ = 0;
  async::Event room_;
};

}  // namespace components::mqtt
