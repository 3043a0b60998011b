// Session: one client id at one broker, whatever becomes of its connections: keeps one open,
// reconnects with back-off, subscribes anew where the broker has forgotten, sends again what was
// not acknowledged. Lives on the loop it was made on; client.hpp is the way to it from others.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>

#include "async/gate.hpp"
#include "components/mqtt/inbound.hpp"
#include "components/mqtt/outbox.hpp"
#include "components/mqtt/settings.hpp"
#include "net/resolver.hpp"

namespace components::mqtt {

class Session final : private PacketSink {
 public:
  explicit Session(Settings settings, Inbound::Limits limits = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Opens the first connection; from then on there is always one, or an attempt at one. Errors
  /// name the broker and the mend; the session is of no use after one, and only to be closed.
  async::Task<base::Status> Start(const async::Context& context);
  /// Success if the broker has the message: QoS 0 handed to the system, QoS 1 and 2 acknowledged.
  /// kInvalidArgument: the broker can never take it. kUnreachable, kUnavailable: no connection for
  /// some seconds. kTimeout, kCanceled: it may still arrive.
  async::Task<base::Status> Publish(const async::Context& context, OutMessage message);
  /// Returns when the subscription stands. After an error the receiver gets nothing more.
  async::Task<base::Status> Subscribe(const async::Context& context, Filter filter, uint8_t qos,
                                      ReceiverPtr receiver);
  /// The receiver gets nothing more. `unsubscribe`: the broker forgets the subscription too, unless
  /// another receiver has the same filter; else its messages wait for the next Subscribe.
  async::Task<void> Remove(const async::Context& context, ReceiverPtr receiver, bool unsubscribe);
  /// Remove without a word to the broker.
  void Drop(const ReceiverPtr& receiver) { inbound_.RemoveRoute(receiver, false); }
  void Settle(const ReceiverPtr& receiver, const MessagePtr& message) {
    inbound_.Settle(receiver, message);
  }
  void StepOut(const MessagePtr& message) { inbound_.StepOut(message); }

  /// Success if there is a connection, else why there is none.
  base::Status Check() const;
  /// Says good-bye to the broker and ends everything. Must be awaited before destruction.
  async::Task<void> Close(const async::Context& context);

  async::Loop& loop() const { return loop_; }
  async::Gate& gate() { return gate_; }

 private:
  // A SUBSCRIBE or UNSUBSCRIBE on its way; whoever waits for it, if anybody, shares it.
  struct Request {
    std::string filter;
    bool lost = false;
    std::optional<uint8_t> code;
    async::Event done;
  };

  async::Task<void> Keep();
  async::Task<base::Status> Open(const async::Context& context);
  async::Task<base::Result<std::unique_ptr<net::Stream>>> Connect(const async::Context& context);
  async::Task<base::Result<std::shared_ptr<Connection>>> Ready(const async::Context& context);
  async::Duration Pause() const;
  void OnPacket(const Packet& packet) override;
  async::TimePoint HoldUntil() override;
  bool IsOwed() const override;
  void OnBroken() override;
  void OnConnack(const Packet& packet);
  void OnLost();
  std::shared_ptr<Request> Ask(Connection& connection, const Filter& filter,
                               std::optional<uint8_t> qos);
  base::Error Named(const base::Error& error) const;

  const Settings settings_;
  const std::string name_;
  async::Loop& loop_;
  net::Resolver resolver_;
  PacketIds ids_;
  Outbox outbox_{ids_};
  Inbound inbound_;
  std::unordered_map<uint16_t, std::shared_ptr<Request>> requests_;
  std::unordered_map<std::string, uint8_t> filters_;  // of standing subscriptions, with their QoS

  std::shared_ptr<Connection> opening_;     // until CONNACK
  std::shared_ptr<Connection> connection_;  // after it
  std::optional<uint8_t> connack_;
  async::TimePoint connected_{};
  std::optional<base::Error> last_error_;
  int failures_ = 0;
  bool goodbye_ = false;     // DISCONNECT was sent
  std::size_t waiting_ = 0;  // callers
  async::Event answered_;    // by a connection that is being opened
  async::Event changed_;
  async::Gate gate_;
};

/// Whether the error will stay until somebody changes something: wrong credentials.
bool IsLasting(const base::Error& error);

}  // namespace components::mqtt
