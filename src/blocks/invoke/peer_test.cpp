// Invocation of an app behind another runtime: two of ours over real sockets.
#include "blocks/invoke/invoke_test_apps.hpp"

namespace blocks::invoke::test {
namespace {

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

TEST(Peer, AnAddressThatRefusesIsPassedOverAtOnce) {
  TwoNodes two;
  Seen seen;
  two.callee.Serve(Echo(seen));
  uint16_t dead;
  {
    RunningServer gone(two.loops, two.callee.app);
    dead = gone.port;
  }
  auto& addresses = two.resolver->table["callee.ns"];
  addresses.insert(addresses.begin(), {"127.0.0.1", dead});
  for (int i = 0; i < 20; ++i) {
    SlowBody body("once");  // cannot be repeated, so a retry would be no way out
    const Answer answer = Invoke(two.caller, Request("callee", "POST", "m", &body));
    ASSERT_TRUE(answer.ok) << answer.error;
    EXPECT_EQ(seen.body, "once");
  }
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

}  // namespace
}  // namespace blocks::invoke::test
