#include "components/mqtt/client.hpp"

#include <utility>

#include "async/loop.hpp"

namespace components::mqtt {

using base::Kind;

namespace {

// The session keeps to the deadline itself and knows better what to say about it.
constexpr std::chrono::seconds kGrace(1);

// A call from another loop. The event is the caller's, which alone touches it.
struct Crossing {
  base::Status status;
  async::Event done;
};

using Work = std::move_only_function<async::Task<base::Status>(Session&, async::Context)>;

void Answer(async::Loop& caller, std::shared_ptr<Crossing> crossing) {
  caller.Post([crossing = std::move(crossing)] { crossing->done.Set(); });
}

async::Task<void> RunThere(std::shared_ptr<Session> session, Work work, async::TimePoint deadline,
                           async::Loop& caller, std::shared_ptr<Crossing> crossing) {
  crossing->status = co_await work(*session, async::Context(deadline, &session->gate().token()));
  Answer(caller, std::move(crossing));
}

}  // namespace

async::Task<base::Status> Client::Cross(const async::Context& context, Work work) {
  async::Loop& caller = *async::Loop::Current();
  if (&caller == &session_->loop()) co_return co_await work(*session_, context);
  const auto crossing = std::make_shared<Crossing>();
  session_->loop().Post([session = session_, crossing, &caller, deadline = context.deadline,
                         work = std::move(work)]() mutable {
    Session& there = *session;
    if (there.gate().Spawn(
            RunThere(std::move(session), std::move(work), deadline, caller, crossing))) {
      return;
    }
    crossing->status = base::Fail(Kind::kCanceled, "the mqtt component is closing");
    Answer(caller, crossing);
  });
  async::Context patient = context;
  if (patient.deadline != async::kForever) patient.deadline += kGrace;
  const async::Wake wake = co_await crossing->done.Wait(patient);
  if (wake == async::Wake::kReady) co_return std::move(crossing->status);
  if (wake == async::Wake::kCanceled) co_return base::Fail(Kind::kCanceled, "the caller went away");
  co_return base::Fail(Kind::kTimeout, "the mqtt session did not answer before the deadline");
}

async::Task<base::Status> Client::Publish(const async::Context& context, OutMessage message) {
  if (async::Loop::Current() == &session_->loop()) {
    co_return co_await session_->Publish(context, std::move(message));
  }
  co_return co_await Cross(
      context, [message = std::move(message)](Session& session, async::Context there) mutable {
        return [](Session& session, async::Context there,
                  OutMessage message) -> async::Task<base::Status> {
          co_return co_await session.Publish(there, std::move(message));
        }(session, there, std::move(message));
      });
}

async::Task<base::Status> Client::Subscribe(const async::Context& context, Filter filter,
                                            uint8_t qos, ReceiverPtr receiver) {
  base::Status status = co_await Cross(
      context, [filter = std::move(filter), qos, receiver](Session& session, async::Context there) {
        return [](Session& session, async::Context there, Filter filter, uint8_t qos,
                  ReceiverPtr receiver) -> async::Task<base::Status> {
          co_return co_await session.Subscribe(there, std::move(filter), qos, std::move(receiver));
        }(session, there, filter, qos, receiver);
      });
  if (!status) {
    // A caller who has given up must not be handed anything later.
    session_->loop().Post(
        [session = session_, receiver = std::move(receiver)] { session->Drop(receiver); });
  }
  co_return status;
}

async::Task<void> Client::Remove(const async::Context& context, ReceiverPtr receiver,
                                 bool unsubscribe) {
  co_await Cross(context, [receiver = std::move(receiver), unsubscribe](Session& session,
                                                                        async::Context there) {
    return [](Session& session, async::Context there, ReceiverPtr receiver,
              bool unsubscribe) -> async::Task<base::Status> {
      co_await session.Remove(there, std::move(receiver), unsubscribe);
      co_return base::Status();
    }(session, there, receiver, unsubscribe);
  });
}

void Client::Settle(ReceiverPtr receiver, MessagePtr message) {
  if (async::Loop::Current() == &session_->loop()) return session_->Settle(receiver, message);
  session_->loop().Post([session = session_, receiver = std::move(receiver),
                         message = std::move(message)] { session->Settle(receiver, message); });
}

void Client::StepOut(MessagePtr message) {
  if (async::Loop::Current() == &session_->loop()) return session_->StepOut(message);
  session_->loop().Post(
      [session = session_, message = std::move(message)] { session->StepOut(message); });
}

async::Task<base::Status> Client::Check(const async::Context& context) {
  co_return co_await Cross(context, [](Session& session, async::Context) {
    return
        [](Session& session) -> async::Task<base::Status> { co_return session.Check(); }(session);
  });
}

}  // namespace components::mqtt
