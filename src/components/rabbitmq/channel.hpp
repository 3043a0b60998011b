// Channel: one conversation with the broker inside a connection: declarations, publishing with or
// without confirms, consuming. Made by Connection::OpenChannel. The broker closes a channel to
// refuse something; it is then broken for good and its owner opens another. Own loop's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "async/semaphore.hpp"
#include "async/task.hpp"
#include "async/wait.hpp"
#include "components/rabbitmq/codec.hpp"
#include "components/rabbitmq/topology.hpp"

namespace components::rabbitmq {

class Connection;

/// A message the broker handed out.
struct Delivery {
  uint64_t tag = 0;  // for Ack and Nack, on the channel it came through
  bool redelivered = false;
  std::string consumer;
  std::string routing_key;
  std::string properties;  // for DecodeProperties
  std::string body;
};

/// Told of what a channel receives. Called on the channel's loop from within its reading; must not
/// wait.
class ChannelListener {
 public:
  virtual void OnDelivery(Delivery delivery) = 0;
  /// The broker has ended the consumer, for example because its queue was deleted.
  virtual void OnConsumerEnded(std::string_view consumer) = 0;
  /// The channel is broken: everything handed out through it is with the broker again.
  virtual void OnChannelBroken() = 0;

 protected:
  ~ChannelListener() = default;
};

/// What a publish has come to.
struct PublishOutcome {
  base::Status status;
  bool sent = false;   // something may have reached the broker
  bool alone = false;  // failed, and nothing else was on its way on the channel
};

class Channel {
 public:
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  bool broken() const { return error_.has_value(); }
  /// Why it broke: as CloseError says if the broker closed it.
  const base::Error& error() const { return *error_; }

  // Each waits for the broker's answer, up to the context and 20 s. A refusal breaks the channel.
  // kTimeout leaves it in doubt: Abandon it then.
  async::Task<base::Status> DeclareExchange(const async::Context& context,
                                            const ExchangeSpec& exchange);
  async::Task<base::Status> DeclareQueue(const async::Context& context, const QueueSpec& queue);
  async::Task<base::Status> BindQueue(const async::Context& context, const BindingSpec& binding);
  /// How many messages are ready in the queue, without those handed out.
  async::Task<base::Result<int64_t>> CountReady(const async::Context& context,
                                                const std::string& queue);
  /// The most messages that consumers started from now on are handed unsettled; 0 = any number.
  async::Task<base::Status> SetPrefetch(const async::Context& context, uint16_t count);
  async::Task<base::Status> Consume(const async::Context& context, const std::string& queue,
                                    const std::string& consumer, const Arguments& arguments = {});
  async::Task<base::Status> Cancel(const async::Context& context, const std::string& consumer);
  /// Gives everything handed out back to its queues.
  async::Task<base::Status> Recover(const async::Context& context);
  /// From now on Publish waits until the broker has taken the message.
  async::Task<base::Status> SelectConfirms(const async::Context& context);

  /// No answer comes; nothing happens on a broken channel.
  void Ack(uint64_t tag);
  void Nack(uint64_t tag, bool requeue);

  /// Waits for the confirm, or without SelectConfirms until the kernel has the message. Waits while
  /// the broker takes no messages. `context` should have a deadline.
  async::Task<PublishOutcome> Publish(const async::Context& context, const std::string& exchange,
                                      const std::string& routing_key, const Properties& properties,
                                      std::string_view body);

  /// Tells the broker and waits for its answer. What is unsettled goes back to its queues.
  async::Task<void> Close(const async::Context& context);
  /// The same without waiting. The listener is not called any more.
  void Abandon();

 private:
  friend class Connection;
  // The request whose answer is due, also when nobody waits for it any more.
  struct Request {
    uint32_t answer = 0;  // the id of its method
    bool answered = false;
    int64_t count = 0;
    async::Event done;
  };
  // A published message that is not confirmed. Lives in the frame of Publish.
  struct Confirm {
    enum class Result : uint8_t { kNone, kTaken, kRefused, kLost, kLostAlone };
    Confirm(Channel& channel, uint64_t tag) : channel(channel), tag(tag) {}
    Confirm(const Confirm&) = delete;
    Confirm& operator=(const Confirm&) = delete;
    ~Confirm();
    Channel& channel;
    const uint64_t tag;
    Result result = Result::kNone;
    async::Event settled;
  };
  struct Slot {
    Confirm* confirm = nullptr;  // null: nobody waits any more
    bool settled = false;
  };

  Channel(Connection& connection, uint16_t number, ChannelListener* listener);
  async::Task<base::Status> Open(const async::Context& context);
  base::Status OnFrame(const Frame& frame);
  base::Status OnMethod(const ServerMethod& method);
  base::Status OnAnswer(const ServerMethod& method);
  base::Status OnHeader(const Frame& frame);
  base::Status OnBody(const Frame& frame);
  void OnConfirm(uint64_t tag, bool multiple, bool refused);
  void OnClosed(const ServerMethod& close);
  void OnBroken(base::Error error);
  void Deliver();
  static void Settle(Slot& slot, Confirm::Result result);
  async::Task<base::Result<int64_t>> Ask(const async::Context& context, uint32_t id, void* method,
                                         uint32_t answer);
  async::Task<base::Status> AskOnly(const async::Context& context, uint32_t id, void* method,
                                    uint32_t answer);
  async::Task<base::Status> AwaitRoom(const async::Context& context);
  async::Task<void> AwaitConfirm(const async::Context& context, PublishOutcome& outcome);
  base::Error Interrupted(async::Wake wake, std::string_view what) const;

  Connection* connection_;  // null once broken
  const uint16_t number_;
  const std::string name_;  // of the broker, for messages
  ChannelListener* listener_;
  std::optional<base::Error> error_;
  bool closing_ = false;
  async::Event closed_;

  // One at a time: brokers do not answer in order (what a queue has to agree to takes longer).
  async::Semaphore asking_{1};  // until the answer has come
  std::shared_ptr<Request> request_;
  bool confirms_ = false;
  uint64_t first_slot_ = 1;  // the publish sequence number of slots_.front()
  std::deque<Slot> slots_;

  // The message that is arriving.
  enum class Arriving : uint8_t { kNothing, kHeader, kBody };
  Arriving arriving_ = Arriving::kNothing;
  bool dropping_ = false;  // it is not for anybody (a returned one)
  uint64_t body_left_ = 0;
  Delivery delivery_;
};

}  // namespace components::rabbitmq
