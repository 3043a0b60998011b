// StreamSubscription: one subscription of a caller of SubscribeTopicEventsAlpha1. Events go out on
// the stream, several at a time, and their verdicts come back on it in any order.
//
// Lives on the loop of the caller's connection, as does its subscription at the broker. The state
// of the app target does not matter here: who holds the stream is there.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "async/semaphore.hpp"
#include "blocks/pubsub/dead_letter.hpp"
#include "blocks/pubsub/incoming_event.hpp"
#include "blocks/pubsub/subscription_spec.hpp"
#include "contracts/pubsub.hpp"

namespace blocks::pubsub {

class StreamSubscription final : public contracts::MessageHandler {
 public:
  /// Events on the stream whose verdict is still to come. More wait, and so does the broker.
  static constexpr std::size_t kWindow = 100;

  /// The caller's side. Outlives the calls made on it.
  class Client {
   public:
    virtual ~Client() = default;
    /// Sends one serialized SubscribeTopicEventsResponseAlpha1 and waits while the caller is slow.
    virtual async::Task<base::Status> Send(const async::Context& context, std::string message) = 0;
    /// The stream is to end; the caller is told.
    virtual void End() = 0;
  };

  /// `spec` names what the caller wants; `client` is left alone after Close.
  StreamSubscription(SubscriptionSpec spec, MessageEnd::Options end, Client& client);
  ~StreamSubscription() override;

  const SubscriptionSpec& spec() const { return spec_; }
  const NamedPubSub& pubsub() const { return end_.pubsub(); }

  /// Subscribes, again and again with back-off while the broker cannot, and tells the caller that
  /// it stands; events go out after that. An error the caller must hear otherwise.
  async::Task<base::Status> Open(const async::Context& context);
  /// The caller's verdict on an event; `status` is a TopicEventResponseStatus. False if no event of
  /// that id is out.
  bool Processed(std::string_view id, uint64_t status);
  /// Pulls nothing more; the stream ends when the last event is settled, or at the context's end.
  async::Task<void> Drain(const async::Context& context);
  /// The stream is over: events without verdict go back to the broker. Returns when the
  /// subscription is closed.
  async::Task<void> Close();

  async::Task<contracts::Verdict> Handle(const contracts::Call& call,
                                         contracts::Message message) override;
  async::Task<std::vector<contracts::Verdict>> HandleBatch(
      const contracts::Call& call, std::vector<contracts::Message> messages) override;

 private:
  // An event that is out.
  struct Flight {
    async::Event done;
    bool answered = false;
    uint64_t status = 0;
  };
  class Place;
  class Attempt;
  void Hand(int change);
  async::Task<bool> Send(const contracts::Call& call, std::string message);

  const SubscriptionSpec spec_;
  const MessageEnd end_;
  Client& client_;
  async::Semaphore window_{kWindow};
  async::Semaphore writing_{1};
  // By event id; the first of an id is the first to be settled.
  std::map<std::string, std::list<Flight*>, std::less<>> flights_;
  std::unique_ptr<contracts::Subscription> subscription_;
  int in_hand_ = 0;
  bool paused_ = false;
  bool ending_ = false;  // no new events
  bool over_ = false;    // no verdicts any more
  async::Event told_;    // the caller knows that the subscription stands, or it is over
  async::Event idle_;
};

}  // namespace blocks::pubsub
