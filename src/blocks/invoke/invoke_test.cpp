// Invocation over real sockets on loopback: own app, app of the same process, app behind another
// runtime, plain HTTP addresses.
#include <algorithm>

#include "blocks/invoke/invoke_test_util.hpp"
#include "blocks/invoke/peer_call.hpp"
#include "dapr/proto/internals/v1/service_invocation.pb.h"
#include "dapr/proto/runtime/v1/appcallback.pb.h"
#include "telemetry/exposition.hpp"

namespace blocks::invoke::test {
namespace {

namespace internals = dapr::proto::internals::v1;
namespace common = dapr::proto::common::v1;

constexpr std::string_view kStreamPath =
    "/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream";

// What the app saw last.
struct Seen {
  http::RequestHead head;
  std::string body;
};

auto Echo(Seen& seen) {
  return [&seen](http::Exchange& exchange) -> async::Task<void> {
    seen.head = exchange.request();
    const async::Context context(async::kForever, &exchange.cancel());
    auto body = co_await http::ReadAll(exchange.body(), context, 1 << 20);
    seen.body = body ? *body : "failed: " + body.error().message;
    http::ResponseHead head;
    head.status = 201;
    head.headers.Add("Content-Type", "text/x-echo");
    head.headers.Add("X-App", "1");
    head.headers.Add("X-App", "2");
    exchange.Respond(head, "echo:" + seen.body);
  };
}

std::vector<std::string> Values(const http::Headers& headers, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [field, value] : headers) {
    if (http::NameEquals(field, name)) values.emplace_back(value);
  }
  return values;
}
using Texts = std::vector<std::string>;

// Produces `total` bytes in chunks and counts what was taken.
class Generator final : public http::Body {
 public:
  explicit Generator(uint64_t total) : total_(total), chunk_(64 * 1024, 'g') {}
  Poll TryRead(std::string_view& chunk) override {
    if (made == total_) return Poll::kEnd;
    chunk = std::string_view(chunk_).substr(0, std::min<uint64_t>(chunk_.size(), total_ - made));
    made += chunk.size();
    return Poll::kChunk;
  }
  void OnReady(async::Waiter*) override {}
  uint64_t made = 0;

 private:
  const uint64_t total_;
  const std::string chunk_;
};

// A body of which not all is there yet when the call is made.
class SlowBody final : public http::Body {
 public:
  explicit SlowBody(std::string data) : data_(std::move(data)) {}
  Poll TryRead(std::string_view& chunk) override {
    if (taken_) return Poll::kEnd;
    taken_ = true;
    chunk = data_;
    return Poll::kChunk;
  }
  void OnReady(async::Waiter*) override {}
  std::optional<uint64_t> length() const override { return known; }
  std::optional<uint64_t> known;

 private:
  std::string data_;
  bool taken_ = false;
};

async::Task<void> EchoStream(http::Exchange& exchange) {
  const async::Context context(async::kForever, &exchange.cancel());
  exchange.Start({});
  while (true) {
    auto chunk = co_await http::NextChunk(exchange.body(), context);
    if (!chunk) {
      exchange.Abort();
      co_return;
    }
    if (!*chunk) break;
    exchange.Write(**chunk);
    if (!co_await exchange.Drain(context)) co_return;
  }
  exchange.Finish();
}

async::Task<void> StreamThrough(Node& node, std::string target, uint64_t total, uint64_t& received,
                                uint64_t& most_inside, std::string& error) {
  contracts::Call call(async::Context(async::Loop::Current()->After(std::chrono::seconds(120))));
  Generator source(total);
  auto response =
      co_await node.block->Invoke(call, Request(std::move(target), "POST", "echo", &source));
  if (!response) {
    error = response.error().message;
    co_return;
  }
  while (true) {
    auto chunk = co_await http::NextChunk(*response->body, call);
    if (!chunk) {
      error = chunk.error().message;
      co_return;
    }
    if (!*chunk) break;
    received += (*chunk)->size();
    most_inside = std::max(most_inside, source.made - received);
  }
}

// --- own app -----------------------------------------------------------------------------------

TEST(OwnApp, RequestAndResponseAsTheyAre) {
  World world;
  Node node(world, "one");
  Seen seen;
  node.Serve(Echo(seen));
  http::StringBody body("hello");
  InvokeRequest request = Request("one", "PUT", "a%2Fb//c", &body);
  request.query = "x=%20&y";
  request.headers.Add("X-Mine", "1");
  request.headers.Add("X-Mine", "2");
  request.headers.Add("dapr-app-id", "one");
  request.headers.Add("dapr-api-token", "secret");
  request.headers.Add("Connection", "X-Hop");
  request.headers.Add("X-Hop", "h");
  const Answer answer = Invoke(node, std::move(request));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(seen.head.method, "PUT");
  EXPECT_EQ(seen.head.target, "/a%2Fb//c?x=%20&y");
  EXPECT_EQ(seen.body, "hello");
  EXPECT_EQ(Values(seen.head.headers, "x-mine"), (Texts{"1", "2"}));
  EXPECT_EQ(Values(seen.head.headers, "content-length"), Texts{"5"});
  for (const char* name : {"dapr-app-id", "dapr-api-token", "x-hop", "dapr-caller-app-id"}) {
    EXPECT_FALSE(seen.head.headers.Has(name)) << name;
  }
  EXPECT_EQ(answer.response.status, 201);
  EXPECT_EQ(answer.response.grpc_code, -1);
  EXPECT_EQ(answer.response.content_type, "text/x-echo");
  EXPECT_EQ(Values(answer.response.headers, "content-type"), Texts{"text/x-echo"});
  EXPECT_EQ(Values(answer.response.headers, "x-app"), (Texts{"1", "2"}));
  EXPECT_EQ(answer.body, "echo:hello");
  EXPECT_EQ(node.target.open, 0);
}

TEST(OwnApp, ByFullNameAndWithoutBody) {
  World world;
  Node node(world, "one");
  Seen seen;
  node.Serve(Echo(seen));
  http::StringBody empty;
  const Answer answer = Invoke(node, Request("one.ns", "GET", "m", &empty));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_FALSE(seen.head.headers.Has("content-length"));
  EXPECT_FALSE(seen.head.headers.Has("transfer-encoding"));
  EXPECT_EQ(world.resolver->asked, 0);
}

TEST(OwnApp, TrailersPass) {
  World world;
  Node node(world, "one");
  node.Serve([](http::Exchange& exchange) -> async::Task<void> {
    http::ResponseHead head;
    head.headers.Add("Trailer", "X-Sum");
    exchange.Start(head);
    exchange.Write("data");
    http::Headers trailers;
    trailers.Add("X-Sum", "42");
    exchange.Finish(&trailers);
    co_return;
  });
  InvokeRequest request = Request("one", "GET", "m");
  const Answer answer = Invoke(node, std::move(request));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(answer.body, "data");
  EXPECT_EQ(Values(answer.trailers, "x-sum"), Texts{"42"});
}

TEST(OwnApp, WithoutPortAndGone) {
  World world;
  Node node(world, "one");
  Answer answer = Invoke(node, Request("one", "GET", "m"));
  EXPECT_EQ(answer.error,
            "failed to invoke, id: one, err: cannot invoke local endpoint: app channel not "
            "initialized");
  EXPECT_EQ(answer.error_id, base::ErrorId::kDirectInvoke);
  Seen seen;
  node.Serve(Echo(seen));
  node.app_server->Stop();
  answer = Invoke(node, Request("one", "GET", "m"));
  EXPECT_TRUE(answer.error.starts_with("failed to invoke, id: one, err: ")) << answer.error;
}

TEST(OwnApp, DeadlineCancelsTheApp) {
  World world;
  Node node(world, "one");
  bool gone = false;
  node.Serve([&](http::Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    gone = co_await async::Sleep(context, async::Loop::Current()->After(std::chrono::seconds(30))) ==
           async::Wake::kCanceled;
  });
  const Answer answer = Invoke(node, Request("one", "GET", "m"), milliseconds(50));
  EXPECT_EQ(answer.error, "failed to invoke, id: one, err: context deadline exceeded");
  node.app_server->Stop();
  EXPECT_TRUE(gone);
}

TEST(OwnApp, AHundredMegabytesBothWays) {
  World world;
  Node node(world, "one");
  node.Serve(EchoStream);
  constexpr uint64_t kTotal = 100 << 20;
  uint64_t received = 0;
  uint64_t inside = 0;
  std::string error;
  world.loops.RunTaskOn(0, [&] { return StreamThrough(node, "one", kTotal, received, inside, error); });
  EXPECT_EQ(error, "");
  EXPECT_EQ(received, kTotal);
  EXPECT_LT(inside, 16U << 20);
}

// --- app of the same process -------------------------------------------------------------------

TEST(SameProcess, HeadersAsBetweenProcesses) {
  World world;
  Node caller(world, "caller");
  Node callee(world, "callee");
  world.local.table["callee"] = callee.callee;
  Seen seen;
  callee.Serve(Echo(seen));
  http::StringBody body("hi");
  InvokeRequest request = Request("callee", "POST", "m", &body);
  request.headers.Add("X-Forwarded-For", "9.9.9.9");
  request.headers.Add("Dapr-Caller-App-Id", "spoofed");
  const Answer answer = Invoke(caller, std::move(request));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(answer.body, "echo:hi");
  const http::Headers& headers = seen.head.headers;
  EXPECT_EQ(Values(headers, "dapr-caller-app-id"), (Texts{"caller", "spoofed"}));
  EXPECT_EQ(Values(headers, "dapr-caller-namespace"), Texts{"ns"});
  EXPECT_EQ(Values(headers, "dapr-callee-app-id"), Texts{"callee"});
  EXPECT_EQ(Values(headers, "x-forwarded-for"), (Texts{"9.9.9.9", "10.0.0.1"}));
  EXPECT_EQ(Values(headers, "x-forwarded-host"), Texts{"node"});
  EXPECT_EQ(Values(headers, "forwarded"), Texts{"for=10.0.0.1;by=10.0.0.1;host=node"});
  EXPECT_EQ(world.resolver->asked, 0);
}

struct DenyAll final : AccessPolicy {
  base::Status Check(const CallerIdentity& caller, const Operation& operation) const override {
    return base::Fail(base::Kind::kPermissionDenied,
                      "denied " + caller.app_id + " " + std::string(operation.method) + " " +
                          std::string(operation.verb));
  }
};

TEST(SameProcess, PolicyAndMetrics) {
  telemetry::Registry registry(1);
  auto caller_metrics = telemetry::InstanceMetrics::Create(registry, {.app_id = "caller"});
  auto callee_metrics = telemetry::InstanceMetrics::Create(registry, {.app_id = "callee"});
  ASSERT_TRUE(caller_metrics && callee_metrics);
  const DenyAll policy;
  World world;
  Node caller(world, "caller", contracts::AppProtocol::kHttp,
              [&](InvokeOptions&, CalleeOptions& options) { options.metrics = caller_metrics->get(); });
  Node callee(world, "callee", contracts::AppProtocol::kHttp,
              [&](InvokeOptions&, CalleeOptions& options) { options.metrics = callee_metrics->get(); });
  Node closed(world, "closed", contracts::AppProtocol::kHttp,
              [&](InvokeOptions&, CalleeOptions& options) { options.policy = &policy; });
  world.local.table["callee"] = callee.callee;
  world.local.table["closed"] = closed.callee;
  Seen seen;
  callee.Serve(Echo(seen));
  closed.Serve(Echo(seen));
  ASSERT_TRUE(Invoke(caller, Request("callee", "GET", "m")).ok);
  const Answer denied = Invoke(caller, Request("closed", "GET", "m"));
  EXPECT_EQ(denied.error,
            "failed to invoke, id: closed, err: rpc error: code = PermissionDenied desc = denied "
            "caller m GET");
  EXPECT_EQ(denied.error_id, base::ErrorId::kDirectInvokeDenied);
  const std::string text = telemetry::Exposition(registry);
  for (const char* line :
       {"dapr_runtime_service_invocation_req_sent_total{app_id=\"caller\",dst_app_id=\"callee\","
        "type=\"unary\"} 1",
        "dapr_runtime_service_invocation_req_recv_total{app_id=\"callee\",src_app_id=\"caller\"} 1",
        "dapr_runtime_service_invocation_res_sent_total{app_id=\"callee\",dst_app_id=\"caller\","
        "status=\"201\"} 1",
        "dapr_runtime_service_invocation_res_recv_total{app_id=\"caller\",src_app_id=\"callee\","
        "status=\"201\",type=\"unary\"} 1"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

// --- app behind another runtime ----------------------------------------------------------------

struct TwoNodes : World {
  TwoNodes(contracts::AppProtocol protocol = contracts::AppProtocol::kHttp)
      : caller(*this, "caller"), callee(*this, "callee", protocol) {
    callee.Open();
  }
  Node caller;
  Node callee;
};

TEST(Peer, RequestAndResponse) {
  TwoNodes two;
  Seen seen;
  two.callee.Serve(Echo(seen));
  http::StringBody body("hello");
  InvokeRequest request = Request("callee", "POST", "a%2Fb//c", &body);
  request.query = "x=1";
  request.headers.Add("content-type", "text/mine");
  request.headers.Add("x-mine", "1");
  request.headers.Add("x-mine", "2");
  request.headers.Add("x-bin", "AQI=");
  request.headers.Add("Connection", "X-Hop");
  request.headers.Add("X-Hop", "h");
  const Answer answer = Invoke(two.caller, std::move(request));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(seen.head.method, "POST");
  EXPECT_EQ(seen.head.target, "/a%2Fb//c?x=1");
  EXPECT_EQ(seen.body, "hello");
  const http::Headers& headers = seen.head.headers;
  EXPECT_EQ(Values(headers, "content-type"), Texts{"text/mine"});
  EXPECT_EQ(Values(headers, "x-mine"), (Texts{"1", "2"}));
  EXPECT_EQ(Values(headers, "dapr-caller-app-id"), Texts{"caller"});
  EXPECT_EQ(Values(headers, "dapr-callee-app-id"), Texts{"callee"});
  EXPECT_EQ(Values(headers, "x-forwarded-for"), Texts{"10.0.0.1"});
  for (const char* name : {"x-bin", "x-hop", "destination-app-id"}) {
    EXPECT_FALSE(headers.Has(name)) << name;
  }
  EXPECT_EQ(answer.response.status, 201);
  EXPECT_EQ(Values(answer.response.headers, "content-type"), Texts{"text/x-echo"});
  EXPECT_EQ(Values(answer.response.headers, "x-app"), (Texts{"1", "2"}));
  EXPECT_EQ(answer.body, "echo:hello");
  EXPECT_EQ(two.callee.target.open, 0);
}

TEST(Peer, TraceGoesOn) {
  TwoNodes two;
  Seen seen;
  two.callee.Serve(Echo(seen));
  const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto span = telemetry::ParseTraceparent(parent);
  two.loops.RunTaskOn(0, [&]() -> async::Task<void> {
    contracts::Call call(async::Context(async::Loop::Current()->After(std::chrono::seconds(10))));
    call.trace = &*span;
    auto response = co_await two.caller.block->Invoke(call, Request("callee", "GET", "m"));
    EXPECT_TRUE(response);
  });
  EXPECT_EQ(Values(seen.head.headers, "traceparent"), Texts{parent});
}

TEST(Peer, BodiesOfUnknownLengthStream) {
  TwoNodes two;
  Seen seen;
  two.callee.Serve(Echo(seen));
  SlowBody body("streamed");
  const Answer answer = Invoke(two.caller, Request("callee", "POST", "m", &body));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(seen.body, "streamed");
}

TEST(Peer, TrailersPass) {
  TwoNodes two;
  two.callee.Serve([](http::Exchange& exchange) -> async::Task<void> {
    exchange.Start({});
    exchange.Write("data");
    http::Headers trailers;
    trailers.Add("X-Sum", "42");
    exchange.Finish(&trailers);
    co_return;
  });
  const Answer answer = Invoke(two.caller, Request("callee", "GET", "m"));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(answer.body, "data");
  EXPECT_EQ(Values(answer.trailers, "x-sum"), Texts{"42"});
}

TEST(Peer, AHundredMegabytesBothWays) {
  TwoNodes two;
  two.callee.Serve(EchoStream);
  constexpr uint64_t kTotal = 100 << 20;
  uint64_t received = 0;
  uint64_t inside = 0;
  std::string error;
  two.loops.RunTaskOn(
      0, [&] { return StreamThrough(two.caller, "callee", kTotal, received, inside, error); });
  EXPECT_EQ(error, "");
  EXPECT_EQ(received, kTotal);
  EXPECT_LT(inside, 24U << 20);
}

TEST(Peer, AppDiesInTheMiddle) {
  TwoNodes two;
  two.callee.Serve([](http::Exchange& exchange) -> async::Task<void> {
    exchange.Start({});
    exchange.Write("part");
    const async::Context context(async::kForever, &exchange.cancel());
    co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(30)));
    exchange.Abort();
  });
  for (const char* target : {"callee", "callee.ns"}) {
    const Answer answer = Invoke(two.caller, Request(target, "GET", "m"));
    ASSERT_TRUE(answer.ok) << answer.error;
    EXPECT_EQ(answer.body, "part");
    EXPECT_NE(answer.body_error, "");
  }
  const Answer own = Invoke(two.callee, Request("callee", "GET", "m"));
  EXPECT_EQ(own.body, "part");
  EXPECT_NE(own.body_error, "");
}

TEST(Peer, DroppingTheResponseReachesTheApp) {
  // Over HTTP/1.1 an app learns of it when it writes; over HTTP/2 at once.
  TwoNodes two(contracts::AppProtocol::kH2c);
  async::Event* ended = nullptr;
  async::Wake wake = async::Wake::kReady;
  two.callee.Serve([&](http::Exchange& exchange) -> async::Task<void> {
    exchange.Start({});
    exchange.Write("part");
    const async::Context context(async::kForever, &exchange.cancel());
    wake = co_await async::Sleep(context, async::Loop::Current()->After(std::chrono::seconds(30)));
    if (ended) ended->Set();
  });
  two.loops.RunTaskOn(0, [&]() -> async::Task<void> {
    async::Event event;
    ended = &event;
    contracts::Call call(async::Context(async::Loop::Current()->After(std::chrono::seconds(10))));
    {
      auto response = co_await two.caller.block->Invoke(call, Request("callee", "GET", "m"));
      EXPECT_TRUE(response);
      if (!response) co_return;
      co_await http::NextChunk(*response->body, call);
    }
    co_await event.Wait(call);
    ended = nullptr;
  });
  EXPECT_EQ(wake, async::Wake::kCanceled);
  EXPECT_EQ(two.callee.target.open, 0);
}

TEST(Peer, TheHeadDoesNotWaitForTheBody) {
  for (const auto protocol : {contracts::AppProtocol::kHttp, contracts::AppProtocol::kH2c}) {
    TwoNodes two(protocol);
    async::Event* go = nullptr;
    two.callee.Serve([&](http::Exchange& exchange) -> async::Task<void> {
      const async::Context context(async::Loop::Current()->After(std::chrono::seconds(10)),
                                   &exchange.cancel());
      exchange.Start({});
      for (int i = 0; i < 3; ++i) {
        co_await go->Wait(context);
        go->Reset();
        exchange.Write("event;");
      }
      exchange.Finish();
    });
    two.loops.RunTaskOn(0, [&]() -> async::Task<void> {
      async::Event event;
      go = &event;
      contracts::Call call(async::Context(async::Loop::Current()->After(std::chrono::seconds(5))));
      auto response = co_await two.caller.block->Invoke(call, Request("callee", "GET", "m"));
      EXPECT_TRUE(response);
      if (!response) co_return;
      for (int i = 0; i < 3; ++i) {
        event.Set();
        auto chunk = co_await http::NextChunk(*response->body, call);
        EXPECT_TRUE(chunk && *chunk);
        if (chunk && *chunk) EXPECT_EQ(**chunk, "event;");
      }
      auto end = co_await http::NextChunk(*response->body, call);
      EXPECT_TRUE(end && !*end);
    });
  }
}

TEST(Peer, AReaderThatStopsStopsTheSource) {
  TwoNodes two;
  two.callee.Serve(EchoStream);
  uint64_t first = 0;
  uint64_t later = 0;
  two.loops.RunTaskOn(0, [&]() -> async::Task<void> {
    contracts::Call call(async::Context(async::Loop::Current()->After(std::chrono::seconds(20))));
    {
      Generator source(uint64_t{1} << 40);
      auto response =
          co_await two.caller.block->Invoke(call, Request("callee", "POST", "m", &source));
      EXPECT_TRUE(response);
      if (!response) co_return;
      // Nothing is read: everything between here and the app fills up and then stands still.
      do {
        first = source.made;
        co_await async::Sleep(call, async::Loop::Current()->After(milliseconds(100)));
        later = source.made;
      } while (later != first && later < (64U << 20));
    }
    // The response is gone, and with it the call of the app.
    while (two.callee.target.open != 0 && async::Loop::Current()->now() < call.deadline) {
      co_await async::Yield();
      co_await async::Sleep(call, async::Loop::Current()->After(milliseconds(1)));
    }
  });
  EXPECT_EQ(first, later);
  EXPECT_LT(later, 24U << 20);
  EXPECT_EQ(two.callee.target.open, 0);
}

TEST(Peer, TheCallersPatienceEndsRetries) {
  World world;
  Node caller(world, "caller", contracts::AppProtocol::kHttp,
              [](InvokeOptions& options, CalleeOptions&) {
                options.retry_wait = std::chrono::seconds(10);
              });
  world.resolver->table["fake.ns"] = {{"127.0.0.1", 1}};
  const Answer answer = Invoke(caller, Request("fake", "GET", "m"), milliseconds(30));
  EXPECT_EQ(answer.error, "failed to invoke, id: fake, err: context deadline exceeded");
}

TEST(Peer, DeadlineCrossesTheHop) {
  TwoNodes two;
  two.callee.Serve([](http::Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    co_await async::Sleep(context, async::Loop::Current()->After(std::chrono::seconds(30)));
  });
  const Answer answer = Invoke(two.caller, Request("callee", "GET", "m"), milliseconds(60));
  EXPECT_EQ(answer.error,
            "failed to invoke, id: callee, err: rpc error: code = DeadlineExceeded desc = context "
            "deadline exceeded");
}

TEST(Peer, ErrorsOfTheCallee) {
  TwoNodes two;
  Answer answer = Invoke(two.caller, Request("callee", "GET", "m"));
  EXPECT_EQ(answer.error,
            "failed to invoke, id: callee, err: rpc error: code = Internal desc = app channel is "
            "not initialized");
  Seen seen;
  two.callee.Serve(Echo(seen));
  answer = Invoke(two.caller, Request("callee", "", "m"));
  EXPECT_NE(answer.error.find("invalid HTTP verb"), std::string::npos) << answer.error;
  two.callee.app_server->Stop();
  answer = Invoke(two.caller, Request("callee", "GET", "m"));
  EXPECT_TRUE(answer.error.starts_with(
      "failed to invoke, id: callee, err: rpc error: code = Internal desc = error invoking app "
      "channel: "))
      << answer.error;
}

TEST(Peer, UnknownAndInvalidNames) {
  TwoNodes two;
  Answer answer = Invoke(two.caller, Request("nobody", "GET", "m"));
  EXPECT_EQ(answer.error, "failed to invoke, id: nobody, err: couldn't find service: nobody");
  EXPECT_EQ(two.resolver->asked, 6);
  answer = Invoke(two.caller, Request("a.b.c", "GET", "m"));
  EXPECT_EQ(answer.error, "failed to invoke, id: a.b.c, err: invalid app id a.b.c");
}

TEST(Peer, AddressesAreRemembered) {
  TwoNodes two;
  Seen seen;
  two.callee.Serve(Echo(seen));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Invoke(two.caller, Request("callee", "GET", "m")).ok);
  EXPECT_EQ(two.resolver->asked, 1);
}

TEST(Peer, NobodyAtTheAddress) {
  TwoNodes two;
  two.callee.internal_server->Stop();
  const Answer answer = Invoke(two.caller, Request("callee", "GET", "m"));
  EXPECT_TRUE(answer.error.starts_with(
      "failed to invoke, id: callee, err: failed to invoke target callee after 3 retries. Error: "
      "rpc error: code = Unavailable desc = connection error: "))
      << answer.error;
  EXPECT_EQ(two.resolver->asked, 4);  // every retry asks again
}

// A peer that behaves as a test says.
struct FakePeer {
  FakePeer(World& world, std::function<async::Task<grpc::CallStatus>(grpc::ServerStream&)> stream) {
    grpc::Method method;
    method.stream = std::move(stream);
    if (method.stream) service.Add(std::string(kStreamPath), std::move(method));
    grpc::Method unary;
    unary.unary = [this](grpc::ServerCall&, std::string request) -> async::Task<grpc::UnaryReply> {
      internals::InternalInvokeRequest message;
      EXPECT_TRUE(message.ParseFromString(request));
      unary_data = message.message().data().value();
      internals::InternalInvokeResponse response;
      response.mutable_status()->set_code(200);
      response.mutable_message()->mutable_data()->set_value("unary");
      co_return response.SerializeAsString();
    };
    service.Add("/dapr.proto.internals.v1.ServiceInvocation/CallLocal", std::move(unary));
    server = std::make_unique<RunningServer>(world.loops, service);
    world.resolver->table["fake.ns"] = {{"127.0.0.1", server->port}};
  }
  std::string unary_data;
  grpc::Service service{grpc::Service::Options{}};
  std::unique_ptr<RunningServer> server;
};

async::Task<grpc::CallStatus> AnswerInGoStyle(grpc::ServerStream& stream) {
  std::string body;
  internals::InternalInvokeRequestStream first;
  uint64_t seq = 0;
  bool is_first = true;
  while (true) {
    auto message = co_await stream.Read();
    EXPECT_TRUE(message);
    if (!message || !*message) break;
    internals::InternalInvokeRequestStream parsed;
    EXPECT_TRUE(parsed.ParseFromString(**message));
    EXPECT_EQ(parsed.has_request(), is_first);
    if (is_first) first = parsed;
    is_first = false;
    if (parsed.has_payload()) {
      EXPECT_EQ(parsed.payload().seq(), seq++);
      body += parsed.payload().data();
    }
  }
  internals::InternalInvokeResponseStream head;
  head.mutable_response()->mutable_status()->set_code(202);
  (*head.mutable_response()->mutable_headers())["X-Method"].add_values(
      first.request().message().method());
  head.mutable_response()->mutable_message()->set_content_type("text/go");
  head.mutable_response()->mutable_message();
  co_await stream.Write(head.SerializeAsString());
  for (std::size_t i = 0, n = 0; i < body.size(); i += 2048, ++n) {
    internals::InternalInvokeResponseStream piece;
    piece.mutable_payload()->set_data(body.substr(i, 2048));
    piece.mutable_payload()->set_seq(n);
    co_await stream.Write(piece.SerializeAsString());
  }
  co_return grpc::CallStatus();
}

TEST(Peer, SpeaksAsProtobufReads) {
  World world;
  Node caller(world, "caller");
  FakePeer peer(world, AnswerInGoStyle);
  const std::string data(100'000, 'd');
  for (const bool whole : {true, false}) {
    http::StringBody small("small");
    SlowBody large(data);
    http::Body* body = whole ? static_cast<http::Body*>(&small) : &large;
    const Answer answer = Invoke(caller, Request("fake", "POST", "the/method", body));
    ASSERT_TRUE(answer.ok) << answer.error;
    EXPECT_EQ(answer.response.status, 202);
    EXPECT_EQ(Values(answer.response.headers, "X-Method"), Texts{"the/method"});
    EXPECT_EQ(Values(answer.response.headers, "Content-Type"), Texts{"text/go"});
    EXPECT_EQ(answer.body, whole ? "small" : data);
  }
}

TEST(Peer, RetriesWhatCanBeRepeated) {
  World world;
  Node caller(world, "caller");
  int calls = 0;
  int failures = 2;
  FakePeer peer(world, [&](grpc::ServerStream& stream) -> async::Task<grpc::CallStatus> {
    if (++calls <= failures) {
      co_return std::unexpected(grpc::Status{grpc::Code::kUnavailable, "not now", {}});
    }
    co_return co_await AnswerInGoStyle(stream);
  });
  http::StringBody body("again");
  Answer answer = Invoke(caller, Request("fake", "POST", "m", &body));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(answer.body, "again");

  // Read into memory first, because its length is known and small.
  calls = 0;
  SlowBody known("known");
  known.known = 5;
  answer = Invoke(caller, Request("fake", "POST", "m", &known));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(answer.body, "known");

  calls = 0;
  SlowBody stream("once");
  answer = Invoke(caller, Request("fake", "POST", "m", &stream));
  EXPECT_EQ(answer.error,
            "failed to invoke, id: fake, err: rpc error: code = Unavailable desc = not now");
  EXPECT_EQ(calls, 1);

  calls = 0;
  failures = 100;
  answer = Invoke(caller, Request("fake", "GET", "m"));
  EXPECT_EQ(answer.error,
            "failed to invoke, id: fake, err: failed to invoke target fake after 3 retries. Error: "
            "rpc error: code = Unavailable desc = not now");
  EXPECT_EQ(calls, 4);
}

TEST(Peer, NoRetryOnOtherCodes) {
  World world;
  Node caller(world, "caller");
  int calls = 0;
  FakePeer peer(world, [&](grpc::ServerStream&) -> async::Task<grpc::CallStatus> {
    ++calls;
    co_return std::unexpected(grpc::Status{grpc::Code::kPermissionDenied, "no", {}});
  });
  const Answer answer = Invoke(caller, Request("fake", "GET", "m"));
  EXPECT_EQ(answer.error_id, base::ErrorId::kDirectInvokeDenied);
  EXPECT_EQ(answer.error,
            "failed to invoke, id: fake, err: rpc error: code = PermissionDenied desc = no");
  EXPECT_EQ(calls, 1);
}

TEST(Peer, OlderRuntimesGetTheUnaryCall) {
  World world;
  Node caller(world, "caller");
  FakePeer peer(world, {});
  http::StringBody body("data");
  Answer answer = Invoke(caller, Request("fake", "POST", "m", &body));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(answer.body, "unary");
  EXPECT_EQ(peer.unary_data, "data");
  SlowBody stream("once");
  answer = Invoke(caller, Request("fake", "POST", "m", &stream));
  EXPECT_NE(answer.error.find("code = Unimplemented"), std::string::npos) << answer.error;
}

// --- what another runtime may send -------------------------------------------------------------

async::Task<void> RawStream(Node& node, std::vector<std::string> messages, grpc::Status& status,
                            std::vector<std::string>& replies) {
  const async::Context context(async::Loop::Current()->After(std::chrono::seconds(10)));
  http::Origin origin;
  origin.address = *net::Address::FromIp("127.0.0.1", node.internal_server->port);
  origin.protocol = http::Protocol::kHttp2;
  grpc::ClientStream stream(grpc::Channel(node.world.clients.Here(), origin, "peer"), kStreamPath,
                            {});
  for (const std::string& message : messages) stream.Write(message);
  stream.CloseSend();
  const base::Status opened = co_await stream.Open(context);
  EXPECT_TRUE(opened);
  if (!opened) co_return;
  while (true) {
    auto message = co_await stream.Read(context);
    if (!message || !*message) break;
    replies.push_back(**message);
  }
  status = stream.status();
}

internals::InternalInvokeRequestStream RawHead() {
  internals::InternalInvokeRequestStream first;
  first.mutable_request()->set_ver(internals::V1);
  auto* message = first.mutable_request()->mutable_message();
  message->set_method("m");
  message->mutable_http_extension()->set_verb(common::HTTPExtension::POST);
  return first;
}
std::string RawPiece(std::string data, uint64_t seq) {
  internals::InternalInvokeRequestStream piece;
  piece.mutable_payload()->set_data(std::move(data));
  piece.mutable_payload()->set_seq(seq);
  return piece.SerializeAsString();
}

TEST(InternalPort, StreamAsGoSendsIt) {
  TwoNodes two;
  Seen seen;
  two.callee.Serve(Echo(seen));
  grpc::Status status;
  std::vector<std::string> replies;
  two.loops.RunTaskOn(0, [&] {
    return RawStream(two.callee, {RawHead().SerializeAsString(), RawPiece("one,", 0),
                                  RawPiece("", 1), RawPiece("two", 2)},
                     status, replies);
  });
  EXPECT_TRUE(status.ok()) << status.message;
  EXPECT_EQ(seen.body, "one,two");
  ASSERT_FALSE(replies.empty());
  std::string body;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    internals::InternalInvokeResponseStream parsed;
    ASSERT_TRUE(parsed.ParseFromString(replies[i]));
    EXPECT_EQ(parsed.has_response(), i == 0);
    body += parsed.payload().data();
    if (i > 0) continue;
    EXPECT_EQ(parsed.response().status().code(), 201);
    EXPECT_EQ(parsed.response().headers().at("X-App").values_size(), 2);
    EXPECT_EQ(parsed.response().message().content_type(), "text/x-echo");
  }
  EXPECT_EQ(body, "echo:one,two");
}

TEST(InternalPort, BadStreams) {
  TwoNodes two;
  Seen seen;
  two.callee.Serve(Echo(seen));
  const std::string head = RawHead().SerializeAsString();
  internals::InternalInvokeRequestStream no_message;
  no_message.mutable_request()->set_ver(internals::V1);
  const std::pair<std::vector<std::string>, grpc::Code> kCases[] = {
      {{head, RawPiece("a", 0), RawPiece("b", 2)}, grpc::Code::kInternal},
      {{head, RawPiece("a", 0), head}, grpc::Code::kInternal},
      {{RawPiece("a", 0)}, grpc::Code::kInvalidArgument},
      {{no_message.SerializeAsString()}, grpc::Code::kInvalidArgument},
      {{}, grpc::Code::kInvalidArgument},
      {{std::string("\xff\xff")}, grpc::Code::kInvalidArgument},
  };
  for (const auto& [messages, code] : kCases) {
    grpc::Status status;
    std::vector<std::string> replies;
    two.loops.RunTaskOn(0, [&] { return RawStream(two.callee, messages, status, replies); });
    EXPECT_EQ(status.code, code) << status.message;
  }
}

async::Task<void> RawUnary(Node& node, std::string path, std::string message,
                           std::optional<grpc::UnaryResult>& out) {
  const async::Context context(async::Loop::Current()->After(std::chrono::seconds(10)));
  http::Origin origin;
  origin.address = *net::Address::FromIp("127.0.0.1", node.internal_server->port);
  grpc::Channel channel(node.world.clients.Here(), origin, "peer");
  auto result = co_await channel.Unary(context, path, {}, message);
  EXPECT_TRUE(result);
  if (result) out = std::move(*result);
}

TEST(InternalPort, CallLocalAndActors) {
  TwoNodes two;
  Seen seen;
  two.callee.Serve(Echo(seen));
  const std::string prefix = "/dapr.proto.internals.v1.ServiceInvocation/";
  auto request = RawHead().request();
  request.mutable_message()->mutable_data()->set_value("unary");
  std::optional<grpc::UnaryResult> result;
  two.loops.RunTaskOn(0, [&] {
    return RawUnary(two.callee, prefix + "CallLocal", request.SerializeAsString(), result);
  });
  ASSERT_TRUE(result && result->status.ok()) << result->status.message;
  internals::InternalInvokeResponse response;
  ASSERT_TRUE(response.ParseFromString(result->message));
  EXPECT_EQ(response.status().code(), 201);
  EXPECT_EQ(response.message().data().value(), "echo:unary");
  for (const char* name : {"CallActor", "CallActorReminder", "CallActorStream"}) {
    two.loops.RunTaskOn(0, [&] { return RawUnary(two.callee, prefix + name, "", result); });
    EXPECT_EQ(result->status.code, grpc::Code::kUnavailable) << name;
  }
}

// --- gRPC apps ---------------------------------------------------------------------------------

struct GrpcApp {
  GrpcApp() {
    grpc::Method method;
    method.unary = [this](grpc::ServerCall& call, std::string message)
        -> async::Task<grpc::UnaryReply> {
      EXPECT_TRUE(request.ParseFromString(message));
      metadata = call.metadata();
      call.initial_metadata().Add("x-initial", "i");
      call.trailing_metadata().Add("x-trailing", "t");
      if (!status.ok()) co_return std::unexpected(status);
      common::InvokeResponse reply;
      reply.mutable_data()->set_value("grpc:" + request.data().value());
      reply.set_content_type("text/grpc");
      co_return reply.SerializeAsString();
    };
    service.Add("/dapr.proto.runtime.v1.AppCallback/OnInvoke", std::move(method));
  }
  common::InvokeRequest request;
  http::Headers metadata;
  grpc::Status status;
  grpc::Service service{grpc::Service::Options{}};
};

TEST(GrpcApp, HttpCallersNearAndFar) {
  TwoNodes two(contracts::AppProtocol::kGrpc);
  GrpcApp app;
  two.callee.Serve(app.service);
  for (Node* node : {&two.callee, &two.caller}) {
    app.status = {};
    http::StringBody body("in");
    InvokeRequest request = Request("callee", "PUT", "m", &body);
    request.query = "q=1";
    request.headers.Add("Content-Type", "text/in");
    request.headers.Add("Accept", "*/*");
    request.headers.Add("X-Mine", "v");
    Answer answer = Invoke(*node, std::move(request));
    ASSERT_TRUE(answer.ok) << answer.error;
    EXPECT_EQ(app.request.method(), "m");
    EXPECT_EQ(app.request.data().value(), "in");
    EXPECT_EQ(app.request.content_type(), "text/in");
    EXPECT_EQ(app.request.http_extension().verb(), common::HTTPExtension::PUT);
    EXPECT_EQ(app.request.http_extension().querystring(), "q=1");
    EXPECT_EQ(Values(app.metadata, "dapr-accept"), Texts{"*/*"});
    EXPECT_EQ(Values(app.metadata, "x-mine"), Texts{"v"});
    EXPECT_EQ(answer.response.status, 200);
    EXPECT_EQ(answer.body, "grpc:in");
    EXPECT_EQ(Values(answer.response.headers, "content-type"), Texts{"text/grpc"});
    EXPECT_EQ(Values(answer.response.headers, "x-initial"), Texts{"i"});

    app.status = {grpc::Code::kNotFound, "no such thing", {}};
    answer = Invoke(*node, Request("callee", "GET", "m"));
    ASSERT_TRUE(answer.ok) << answer.error;
    EXPECT_EQ(answer.response.status, 404);
    EXPECT_EQ(answer.body, R"({"code":5,"message":"no such thing"})");
    EXPECT_EQ(Values(answer.response.headers, "content-type"), Texts{"text/plain; charset=utf-8"});
  }
}

TEST(GrpcApp, GrpcCallersNearAndFar) {
  TwoNodes two(contracts::AppProtocol::kGrpc);
  GrpcApp app;
  two.callee.Serve(app.service);
  for (Node* node : {&two.callee, &two.caller}) {
    app.status = {};
    http::StringBody body("in");
    InvokeRequest request = Request("callee", "", "m", &body);
    request.grpc_origin = true;
    request.headers.Add("content-type", "application/json");
    request.headers.Add("x-data-bin", "AQI");
    Answer answer = Invoke(*node, std::move(request));
    ASSERT_TRUE(answer.ok) << answer.error;
    EXPECT_EQ(answer.response.grpc_code, 0);
    EXPECT_EQ(answer.response.content_type, "text/grpc");
    EXPECT_EQ(answer.body, "grpc:in");
    EXPECT_EQ(Values(answer.response.headers, "x-initial"), Texts{"i"});
    EXPECT_EQ(Values(answer.trailers, "x-trailing"), Texts{"t"});
    ASSERT_EQ(Values(app.metadata, "x-data-bin").size(), 1U);
    EXPECT_EQ(grpc::DecodeBinary(Values(app.metadata, "x-data-bin")[0]), "\x01\x02");
    EXPECT_EQ(app.request.content_type(), "application/json");

    app.status = {grpc::Code::kAborted, "stop", "\x08\x0a\x12\x04stop\x1a\x03\x0a\x01t"};
    http::StringBody again("in");
    request = Request("callee", "", "m", &again);
    request.grpc_origin = true;
    answer = Invoke(*node, std::move(request));
    ASSERT_TRUE(answer.ok) << answer.error;
    EXPECT_EQ(answer.response.grpc_code, 10);
    EXPECT_EQ(answer.response.grpc_message, "stop");
    EXPECT_EQ(answer.response.grpc_details, app.status.details);
  }
}

// --- addresses outside Dapr --------------------------------------------------------------------

TEST(Endpoint, UrlAndResource) {
  World world;
  Node node(world, "one");
  Seen seen;
  FunctionApp outside;
  outside.serve = Echo(seen);
  RunningServer server(world.loops, outside);
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port);
  Answer answer = Invoke(node, Request(url + "/base/", "GET", "a/b"));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(seen.head.target, "/base/a/b");
  EXPECT_EQ(seen.head.authority, "127.0.0.1:" + std::to_string(server.port));

  HttpEndpoint endpoint;
  endpoint.name = "shop";
  endpoint.base_url = url;
  endpoint.headers.Add("X-Key", "configured");
  node.block->SetEndpoints({endpoint});
  InvokeRequest request = Request("shop", "GET", "c");
  request.headers.Add("x-key", "callers");
  answer = Invoke(node, std::move(request));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(seen.head.target, "/c");
  EXPECT_EQ(Values(seen.head.headers, "x-key"), Texts{"configured"});
  EXPECT_EQ(answer.response.status, 201);

  node.Serve(Echo(seen));
  EXPECT_TRUE(Invoke(node, Request("one", "GET", "own")).ok);
  EXPECT_EQ(seen.head.target, "/own");
  EXPECT_FALSE(Invoke(node, Request("http://", "GET", "x")).ok);
}

}  // namespace
}  // namespace blocks::invoke::test
