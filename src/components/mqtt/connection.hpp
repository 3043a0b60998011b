// Connection: the socket of one MQTT session while it lasts: bytes out, packets in, PINGs.
//
// What is appended to out() goes out together at the end of the loop's turn. Packets are handed to
// the sink as they come; the sink may hold reading up for a while. A connection breaks once and for
// all; client.hpp makes another. Own loop's thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "async/gate.hpp"
#include "async/turn_end.hpp"
#include "async/wait.hpp"
#include "components/mqtt/packet.hpp"
#include "components/mqtt/settings.hpp"
#include "net/stream.hpp"

namespace components::mqtt {

class PacketSink {
 public:
  /// Runs inside the reader; may break the connection, must not wait.
  virtual void OnPacket(const Packet& packet) = 0;
  /// No packet is handed over before this time (or Connection::Continue, then it is asked again).
  virtual async::TimePoint HoldUntil() = 0;
  /// Whether the broker owes an answer, so that its silence means something.
  virtual bool IsOwed() const = 0;
  /// The connection broke, inside whatever broke it.
  virtual void OnBroken() = 0;

 protected:
  ~PacketSink() = default;
};

class Connection {
 public:
  /// A PUBLISH with a longer body breaks the connection.
  static constexpr std::size_t kMaxPacket = std::size_t{64} << 20;

  /// Takes a stream of the current loop and starts to serve it. `sink` must outlive it.
  static std::shared_ptr<Connection> Start(std::unique_ptr<net::Stream> stream,
                                           const Settings& settings, PacketSink& sink);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool broken() const { return error_.has_value(); }
  /// Why it broke.
  const base::Error& error() const { return *error_; }

  /// The bytes that wait to be sent; append whole packets, then Flush.
  std::string& out() { return out_; }
  void Flush();
  std::size_t unsent() const { return out_.size() - out_begin_; }
  /// Waits until fewer than `bytes` wait to be sent, or it is broken, or the context ends.
  async::Task<void> WaitUnsent(const async::Context& context, std::size_t bytes);

  /// Something has been asked for: from now on the broker owes an answer.
  void Owe();
  /// Asks the sink anew whether packets may be handed over.
  void Continue() { continue_.Pulse(); }

  /// Breaks it; what has been appended may be lost.
  void Break(base::Error error);
  async::Task<void> WaitBroken(const async::Context& context);
  /// Breaks it if need be and waits until its coroutines have ended; before it is destroyed.
  async::Task<void> Close();

 private:
  struct PingTimer : async::Timer {
    explicit PingTimer(Connection* connection);
    Connection* connection;
  };

  Connection(std::unique_ptr<net::Stream> stream, const Settings& settings, PacketSink& sink);
  async::Task<void> ReadLoop();
  async::Task<void> WriteLoop();
  async::Task<bool> HandOver();
  void OnPingTime();
  void ArmPing(async::TimePoint time);

  const Settings& settings_;
  const std::string name_;
  async::Loop& loop_;
  PacketSink& sink_;
  std::unique_ptr<net::Stream> stream_;
  PacketReader reader_{kMaxPacket};

  std::string out_;
  std::size_t out_begin_ = 0;     // written already
  async::TurnEnd writer_{loop_};  // the writer waits here while it has nothing to do
  async::Event written_;

  bool held_ = false;  // the sink holds reading up
  async::Event continue_;
  async::TimePoint received_;
  async::TimePoint sent_;
  std::optional<async::TimePoint> pinged_;  // a PINGREQ has not been answered
  PingTimer ping_timer_{this};
  async::TimePoint ping_time_;  // when it fires

  std::optional<base::Error> error_;
  async::Event broken_;
  async::Gate gate_;
};

}  // namespace components::mqtt
