// Client: a session, for callers on any loop. Made in a component's Init on its home loop, where
// the session lives; the other loops' calls cross over to it and back.
#pragma once

#include <functional>
#include <memory>

#include "components/mqtt/session.hpp"

namespace components::mqtt {

class Client {
 public:
  /// On the home loop.
  explicit Client(Settings settings, Inbound::Limits limits = {})
      : session_(std::make_shared<Session>(std::move(settings), limits)) {}

  /// On the home loop; see Session.
  async::Task<base::Status> Start(const async::Context& context) {
    return session_->Start(context);
  }
  /// On any loop; see Session.
  async::Task<base::Status> Publish(const async::Context& context, OutMessage message);
  async::Task<base::Status> Subscribe(const async::Context& context, Filter filter, uint8_t qos,
                                      ReceiverPtr receiver);
  async::Task<void> Remove(const async::Context& context, ReceiverPtr receiver, bool unsubscribe);
  /// On any loop, at once: what was settled before a Remove is settled before it.
  void Settle(ReceiverPtr receiver, MessagePtr message);
  void StepOut(MessagePtr message);
  async::Task<base::Status> Check(const async::Context& context);

  /// On the home loop, after everything else has returned.
  async::Task<void> Close(const async::Context& context) { return session_->Close(context); }

 private:
  using Work = std::move_only_function<async::Task<base::Status>(Session&, async::Context)>;
  async::Task<base::Status> Cross(const async::Context& context, Work work);

  // Shared with calls that are on their way.
  const std::shared_ptr<Session> session_;
};

}  // namespace components::mqtt
