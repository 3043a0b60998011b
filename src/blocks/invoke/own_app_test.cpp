// Invocation of the own app over real sockets.
#include "blocks/invoke/invoke_test_apps.hpp"

namespace blocks::invoke::test {
namespace {

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

TEST(OwnApp, AQuestionMarkWithNothingBehindItStays) {
  World world;
  Node node(world, "one");
  Seen seen;
  node.Serve(Echo(seen));
  for (const bool bare : {true, false}) {
    InvokeRequest request = Request("one", "GET", "a/");
    request.bare_query = bare;
    ASSERT_TRUE(Invoke(node, std::move(request)).ok);
    EXPECT_EQ(seen.head.target, bare ? "/a/?" : "/a/");
  }
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
    gone =
        co_await async::Sleep(context, async::Loop::Current()->After(std::chrono::seconds(30))) ==
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
  world.loops.RunTaskOn(
      0, [&] { return StreamThrough(node, "one", kTotal, received, inside, error); });
  EXPECT_EQ(error, "");
  EXPECT_EQ(received, kTotal);
  EXPECT_LT(inside, 16U << 20);
}

TEST(OwnApp, InterimAnswersAreTold) {
  struct Interim final : http::InterimObserver {
    void OnInterim(const http::ResponseHead& head) override { seen.push_back(head.status); }
    std::vector<int> seen;
  };
  World world;
  Node node(world, "one");
  node.Serve([](http::Exchange& exchange) -> async::Task<void> {
    exchange.Inform({.status = 103});
    exchange.Respond({}, "done");
    co_return;
  });
  Interim interim;
  world.loops.RunTaskOn(0, [&]() -> async::Task<void> {
    contracts::Call call(async::Context(async::Loop::Current()->After(std::chrono::seconds(5))));
    auto response = co_await node.block->Invoke(call, Request("one", "GET", "m"), &interim);
    EXPECT_TRUE(response);
  });
  EXPECT_EQ(interim.seen, std::vector<int>{103});
}

}  // namespace
}  // namespace blocks::invoke::test
