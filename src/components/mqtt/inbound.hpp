// Inbound: what the broker has sent and has not been acknowledged, and to whom it goes.
//
// A message goes to every route whose filter matches it and is acknowledged when all have settled
// it. Acknowledgements go out in the order of arrival, but a message that fails, or that takes
// longer than a second, does not hold up those behind it. What no route wants stays unacknowledged
// until one comes. It outlives connections: what the broker sends again after a reconnect is
// recognised by its identifier and its content and is not handed over twice. Own loop's thread
// only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "async/loop.hpp"
#include "components/mqtt/connection.hpp"
#include "components/mqtt/filter.hpp"

namespace components::mqtt {

/// A message of the broker. Immutable, any thread.
struct Message {
  std::string topic;
  std::string payload;
  uint8_t qos = 0;
  bool retained = false;  // it was published before we subscribed
};
using MessagePtr = std::shared_ptr<const Message>;

/// Where the messages of one subscription go.
class Receiver {
 public:
  virtual ~Receiver() = default;
  /// On the session's loop, in the order of arrival. Must not call the session before it has
  /// returned. Each message is to be settled once, whenever it is dealt with.
  virtual void Deliver(MessagePtr message) = 0;
};
using ReceiverPtr = std::shared_ptr<Receiver>;

class Inbound {
 public:
  struct Limits {
    std::size_t messages = 256;
    std::size_t bytes = std::size_t{32} << 20;
    /// Of QoS 0 and one route.
    std::size_t unacknowledged = 1000;
    std::size_t unacknowledged_bytes = std::size_t{8} << 20;
  };
  struct Route {
    Filter filter;
    ReceiverPtr receiver;
    bool standing = false;    // the broker has said so once
    std::size_t waiting = 0;  // messages of QoS 0, and their bytes
    std::size_t waiting_bytes = 0;
  };

  explicit Inbound(Limits limits);

  /// Adds it and hands it what waited for it.
  void AddRoute(Filter filter, ReceiverPtr receiver);
  /// What it has not settled waits for another route of its filter, or is forgotten.
  void RemoveRoute(const ReceiverPtr& receiver, bool forget);
  Route* Find(const ReceiverPtr& receiver);
  bool HasFilter(std::string_view filter) const;
  std::deque<Route>& routes() { return routes_; }

  /// A connection stands; `session_present`: the broker knows what it has sent before.
  void OnConnected(Connection& connection, bool session_present);
  void OnLost();
  /// PUBLISH or PUBREL.
  void OnPacket(const Packet& packet);

  /// The receiver has dealt with the message.
  void Settle(const ReceiverPtr& receiver, const MessagePtr& message);
  /// It will take long: those behind it need not wait.
  void StepOut(const MessagePtr& message);

  /// See PacketSink.
  async::TimePoint HoldUntil();
  std::size_t size() const { return items_.size(); }

 private:
  // What somebody has yet to settle. Without a receiver: for the next route of the filter, or of
  // any that matches if that is empty.
  struct Debt {
    ReceiverPtr receiver;
    std::string filter;
  };
  struct Item {
    MessagePtr message;
    uint16_t id = 0;       // 0 = the broker has forgotten it
    bool on_wire = false;  // it came on this connection
    bool stepped_out = false;
    async::TimePoint arrived;
    std::vector<Debt> debts;
    std::vector<const Receiver*> given;  // to whom it was ever handed
  };
  struct PatienceTimer : async::Timer {
    explicit PatienceTimer(Inbound* inbound);
    Inbound* inbound;
  };
  using ItemPtr = std::shared_ptr<Item>;

  void Arrive(const Packet& packet);
  bool Recognise(const Packet& packet);
  void DeliverUnacknowledged(const MessagePtr& message);
  void Give(Item& item, Debt& debt, const Route& route);
  void Erase(std::size_t index);
  void Acknowledge();
  void WarnOrphans();

  const Limits limits_;
  async::Loop& loop_;
  Connection* connection_ = nullptr;
  std::deque<Route> routes_;
  std::deque<ItemPtr> items_;  // in the order of arrival
  std::size_t bytes_ = 0;
  std::unordered_set<uint16_t> received_;  // QoS 2: PUBREC was sent, PUBREL has not come
  async::TimePoint full_until_{};          // while a queue of QoS 0 is full: then it is dropped
  PatienceTimer patience_{this};
};

}  // namespace components::mqtt
