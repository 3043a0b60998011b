// SubscribeTopicEventsAlpha1: a stream on which a caller gets the events of one topic and answers
// each.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/grpc/method.hpp"
#include "async/gate.hpp"
#include "base/strings.hpp"
#include "blocks/pubsub/errors.hpp"
#include "blocks/pubsub/publish.hpp"
#include "blocks/pubsub/stream_subscription.hpp"
#include "blocks/pubsub/subscription_manager.hpp"
#include "dapr/proto/runtime/v1/pubsub.pb.h"
#include "grpc/message.hpp"

namespace api {
namespace {

namespace runtime = dapr::proto::runtime::v1;
namespace pubsub = blocks::pubsub;
using Request = runtime::SubscribeTopicEventsRequestAlpha1;

grpc::CallStatus Unknown(std::string text) {
  return std::unexpected(grpc::Status{grpc::Code::kUnknown, std::move(text), {}});
}

// The caller's side of the stream. Reading ends when the caller has gone or the runtime ends the
// stream.
class Client final : public pubsub::StreamSubscription::Client {
 public:
  explicit Client(grpc::ServerStream& stream) : stream_(stream), gone_(*this) {
    if (!gone_.HookInto(stream.call().exchange().cancel())) reading_.Cancel();
  }

  async::Task<base::Status> Send(const async::Context& context, std::string message) override {
    stream_.SendInitialMetadata();
    std::string frame;
    frame.reserve(message.size() + 5);
    grpc::AppendFrame(message, false, frame);
    http::Exchange& exchange = stream_.call().exchange();
    if (exchange.cancel().canceled()) {
      co_return base::Fail(base::Kind::kCanceled, "the caller has gone");
    }
    exchange.Write(frame);
    if (!exchange.congested()) co_return base::Status();
    co_return co_await exchange.Drain(context);
  }
  void End() override {
    ended_ = true;
    reading_.Cancel();
  }

  bool ended() const { return ended_; }
  async::Context context() { return async::Context(stream_.call().context().deadline, &reading_); }

 private:
  struct Gone : async::CancelHook {
    explicit Gone(Client& client) : client(client) {
      set_fire([](async::CancelHook* hook) { static_cast<Gone*>(hook)->client.reading_.Cancel(); });
    }
    Client& client;
  };
  grpc::ServerStream& stream_;
  async::CancelToken reading_;
  Gone gone_;
  bool ended_ = false;
};

pubsub::SubscriptionSpec SpecOf(const runtime::SubscribeTopicEventsRequestInitialAlpha1& initial) {
  pubsub::SubscriptionSpec spec;
  spec.pubsub = initial.pubsub_name();
  spec.topic = initial.topic();
  for (const auto& [key, value] : initial.metadata()) spec.metadata[key] = value;
  spec.dead_letter_topic = initial.dead_letter_topic();
  spec.source = pubsub::SubscriptionSource::kStreaming;
  spec.origin = "SubscribeTopicEventsAlpha1";
  return spec;
}

async::Task<base::Result<std::optional<Request>>> ReadRequest(grpc::ServerStream& stream,
                                                              const async::Context& context) {
  CO_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, co_await stream.Read(context));
  if (!bytes) co_return std::optional<Request>();
  Request request;
  if (!request.ParseFromString(*bytes)) {
    co_return base::Fail(base::Kind::kInternal, "the request is malformed");
  }
  co_return std::optional<Request>(std::move(request));
}

// The caller's answers, until there are no more; how the call ends.
async::Task<grpc::CallStatus> ReadAnswers(const AppContext& app, grpc::ServerStream& stream,
                                          Client& client, pubsub::StreamSubscription& events) {
  const async::Context context = client.context();
  while (true) {
    auto request = co_await ReadRequest(stream, context);
    if (client.ended()) co_return Unknown("stream closed");
    if (!request) {
      if (request.error().kind == base::Kind::kCanceled) co_return Unknown("stream closed");
      co_return std::unexpected(Refuse(app, request.error()));
    }
    if (!*request) co_return Unknown("EOF");
    if ((*request)->has_initial_request()) co_return Unknown("duplicate initial request received");
    const auto& processed = (*request)->event_processed();
    if (!events.Processed(processed.id(), static_cast<uint64_t>(processed.status().status()))) {
      if (app.grpc_log) {
        app.grpc_log->RateLimited("stream_ack", 1)
            .Warning(base::StrCat("a stream answered for event ",
                                  base::Quote(processed.id().substr(0, 100)),
                                  ", which is not waiting for an answer"));
      }
    }
  }
}

// Subscribes while ReadAnswers runs: the caller may go before the broker is there.
async::Task<void> OpenStream(pubsub::StreamSubscription& events, Client& client,
                             std::optional<base::Error>& failed) {
  const async::Context context = client.context();
  auto opened = co_await events.Open(context);
  if (opened) co_return;
  failed = std::move(opened).error();
  client.End();
}

async::Task<grpc::CallStatus> Serve(const AppContext& app, grpc::ServerStream& stream) {
  auto first = co_await ReadRequest(stream, stream.call().context());
  if (!first) co_return std::unexpected(Refuse(app, first.error()));
  if (!*first || !(*first)->has_initial_request()) {
    co_return Unknown("initial request is required");
  }
  const auto& initial = (*first)->initial_request();
  if (initial.pubsub_name().empty()) co_return Unknown("pubsubName is required");
  if (initial.topic().empty()) co_return Unknown("topic is required");
  const pubsub::NamedPubSub* broker =
      app.publish ? app.publish->Find(initial.pubsub_name()) : nullptr;
  if (!broker || !app.subscriptions) {
    co_return std::unexpected(Refuse(app, pubsub::PubSubNotFound(initial.pubsub_name())));
  }
  if (!broker->scopes.MaySubscribe(initial.topic())) {
    co_return std::unexpected(
        Refuse(app, pubsub::TopicForbidden(initial.pubsub_name(), initial.topic(), app.app_id)));
  }

  Client client(stream);
  auto spec = SpecOf(initial);
  auto end = app.subscriptions->EndOf(*app.publish, broker->name, initial.topic());
  auto events =
      std::make_shared<pubsub::StreamSubscription>(std::move(spec), std::move(end), client);
  if (!app.subscriptions->AddStream(events)) co_return Unknown("stream closed");
  // A stream lasts for long, and has all that it needs: components that a reload takes out may go.
  stream.call().exchange().Keep(nullptr);
  std::optional<base::Error> failed;
  async::Gate gate;
  gate.Spawn(OpenStream(*events, client, failed));
  grpc::CallStatus status = co_await ReadAnswers(app, stream, client, *events);
  app.subscriptions->RemoveStream(events.get());
  // Nothing may be left behind that knows this frame.
  client.End();
  const async::Context patient;
  co_await gate.Close(patient);
  co_await events->Close();
  if (failed) co_return std::unexpected(Refuse(app, *failed));
  co_return status;
}

}  // namespace

void AddSubscribeMethod(const Registrar& registrar) {
  grpc::Method method;
  method.stream = [&app = registrar.app](grpc::ServerStream& stream) { return Serve(app, stream); };
  registrar.Add("SubscribeTopicEventsAlpha1", std::move(method));
}

}  // namespace api
