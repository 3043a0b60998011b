// The pass-through over real sockets: every kind of stream, in one process and through two
// runtimes.
#include "blocks/invoke/grpc_proxy_test_util.hpp"

namespace blocks::invoke::test {
namespace {

class Proxy : public testing::TestWithParam<Way> {};
INSTANTIATE_TEST_SUITE_P(Ways, Proxy,
                         testing::Values(Way::kOwn, Way::kSameProcess, Way::kTwoRuntimes));

TEST_P(Proxy, Unary) {
  ProxyWorld world(GetParam());
  world.Run([&]() -> async::Task<void> {
    auto result = co_await world.Channel().Unary(Patient(), "/test.App/Unary", For("callee"), "hi");
    EXPECT_TRUE(result && result->status.ok());
    if (!result) co_return;
    EXPECT_EQ(result->message, "reply to hi");
    EXPECT_EQ(Values(result->initial, "x-initial"), Texts{"i"});
    EXPECT_EQ(Values(result->trailing, "x-trailing"), Texts{"t"});
    EXPECT_EQ(Values(result->trailing, "x-raw-bin"), Texts{"AQID"});
  });
  EXPECT_EQ(Values(world.app.metadata, "x-mine-bin"), Texts{"AQI="});
  EXPECT_FALSE(world.app.metadata.Has("dapr-app-id"));
  EXPECT_FALSE(world.app.metadata.Has("dapr-api-token"));
  const bool own = GetParam() == Way::kOwn;
  EXPECT_EQ(Values(world.app.metadata, "dapr-caller-app-id"), own ? Texts{} : Texts{"caller"});
  EXPECT_EQ(Values(world.app.metadata, "dapr-callee-app-id"), own ? Texts{} : Texts{"callee"});
}

TEST_P(Proxy, StatusWithDetails) {
  ProxyWorld world(GetParam());
  world.Run([&]() -> async::Task<void> {
    auto result =
        co_await world.Channel().Unary(Patient(), "/test.App/Unary", For("callee"), "fail");
    EXPECT_TRUE(result);
    if (!result) co_return;
    EXPECT_EQ(result->status.code, grpc::Code::kFailedPrecondition);
    EXPECT_EQ(result->status.message, "as asked: \xc3\xa9");
    EXPECT_EQ(result->status.details, "\x08\x09");
  });
}

TEST_P(Proxy, UnknownMethodOfTheApp) {
  ProxyWorld world(GetParam());
  world.Run([&]() -> async::Task<void> {
    auto result = co_await world.Channel().Unary(Patient(), "/test.App/No", For("callee"), "x");
    EXPECT_TRUE(result);
    if (result) EXPECT_EQ(result->status.code, grpc::Code::kUnimplemented);
  });
}

TEST_P(Proxy, ClientStream) {
  ProxyWorld world(GetParam());
  world.Run([&]() -> async::Task<void> {
    const async::Context context = Patient();
    grpc::ClientStream stream(world.Channel(), "/test.App/ClientStream", For("callee"));
    stream.Write("a");
    stream.Write("b");
    stream.CloseSend();
    EXPECT_TRUE(co_await stream.Open(context));
    auto message = co_await stream.Read(context);
    EXPECT_TRUE(message && *message);
    if (message && *message) EXPECT_EQ(**message, "a;b;");
    message = co_await stream.Read(context);
    EXPECT_TRUE(message && !*message);
    EXPECT_TRUE(stream.status().ok());
  });
}

TEST_P(Proxy, MessagesOverTheLimitEndTheCall) {
  ProxyWorld world(GetParam(), 16'384);
  world.Run([&]() -> async::Task<void> {
    const async::Context context = Patient();
    auto result = co_await world.Channel().Unary(context, "/test.App/Unary", For("callee"),
                                                 std::string(16'384, 'f'));
    // The answer has some bytes more than the request.
    EXPECT_TRUE(result);
    if (!result) co_return;
    EXPECT_EQ(result->status.code, grpc::Code::kResourceExhausted);
    EXPECT_EQ(result->status.message, "grpc: received message larger than max (16393 vs. 16384)");
    result = co_await world.Channel().Unary(context, "/test.App/Unary", For("callee"),
                                            std::string(20'000, 'f'));
    EXPECT_TRUE(result);
    if (!result) co_return;
    EXPECT_EQ(result->status.code, grpc::Code::kResourceExhausted);
    EXPECT_EQ(result->status.message, "grpc: received message larger than max (20000 vs. 16384)");

    grpc::ClientStream stream(world.Channel(), "/test.App/Bidi", For("callee"));
    EXPECT_TRUE(co_await stream.Open(context));
    stream.Write("small");
    auto message = co_await stream.Read(context);
    EXPECT_TRUE(message && *message);
    stream.Write(std::string(20'000, 'b'));
    message = co_await stream.Read(context);
    EXPECT_TRUE(message && !*message);
    EXPECT_EQ(stream.status().code, grpc::Code::kResourceExhausted);
  });
}

TEST_P(Proxy, ServerStream) {
  ProxyWorld world(GetParam());
  world.Run([&]() -> async::Task<void> {
    const async::Context context = Patient();
    grpc::ClientStream stream(world.Channel(), "/test.App/ServerStream", For("callee"));
    stream.Write("go");
    stream.CloseSend();
    EXPECT_TRUE(co_await stream.Open(context));
    int messages = 0;
    while (true) {
      auto message = co_await stream.Read(context);
      if (!message || !*message) break;
      EXPECT_EQ((*message)->size(), 10'000U);
      ++messages;
    }
    EXPECT_EQ(messages, 100);
    EXPECT_EQ(stream.status().code, grpc::Code::kOutOfRange);
    EXPECT_EQ(stream.status().message, "that was all");
  });
}

TEST_P(Proxy, BothWaysAtOnce) {
  ProxyWorld world(GetParam());
  world.Run([&]() -> async::Task<void> {
    const async::Context context = Patient();
    grpc::ClientStream stream(world.Channel(), "/test.App/Bidi", For("callee"));
    // The app answers with its head before the first message.
    EXPECT_TRUE(co_await stream.Open(context));
    for (const char* text : {"one", "two", "three"}) {
      stream.Write(text);
      auto message = co_await stream.Read(context);
      EXPECT_TRUE(message && *message);
      if (!message || !*message) co_return;
      EXPECT_EQ(**message, std::string("echo ") + text);
    }
    stream.CloseSend();
    auto message = co_await stream.Read(context);
    EXPECT_TRUE(message && !*message);
    EXPECT_TRUE(stream.status().ok());
  });
  EXPECT_EQ(world.callee.target.open, 0);
}

TEST_P(Proxy, CallerGoesAway) {
  ProxyWorld world(GetParam());
  world.Run([&]() -> async::Task<void> {
    const async::Context context = Patient();
    async::Event ended;
    world.app.ended = &ended;
    {
      grpc::ClientStream stream(world.Channel(), "/test.App/Bidi", For("callee"));
      EXPECT_TRUE(co_await stream.Open(context));
      stream.Write("one");
      co_await stream.Read(context);
    }
    EXPECT_EQ(co_await ended.Wait(context), async::Wake::kReady);
    world.app.ended = nullptr;
  });
  EXPECT_TRUE(world.app.canceled);
  EXPECT_EQ(world.callee.target.open, 0);
}

TEST_P(Proxy, AppBreaksOff) {
  ProxyWorld world(GetParam());
  world.Run([&]() -> async::Task<void> {
    const async::Context context = Patient();
    grpc::ClientStream stream(world.Channel(), "/test.App/Bidi", For("callee"));
    EXPECT_TRUE(co_await stream.Open(context));
    stream.Write("one");
    co_await stream.Read(context);
    stream.Write("die");
    auto message = co_await stream.Read(context);
    EXPECT_TRUE(!message || (!*message && !stream.status().ok()));
  });
}

TEST_P(Proxy, Deadline) {
  ProxyWorld world(GetParam());
  world.Run([&]() -> async::Task<void> {
    async::Event ended;
    world.app.ended = &ended;
    auto result = co_await world.Channel().Unary(Patient(std::chrono::milliseconds(80)),
                                                 "/test.App/Unary", For("callee"), "hang");
    EXPECT_TRUE(!result || result->status.code == grpc::Code::kDeadlineExceeded);
    EXPECT_EQ(co_await ended.Wait(Patient()), async::Wake::kReady);
    world.app.ended = nullptr;
  });
  EXPECT_TRUE(world.app.canceled);
}

TEST_P(Proxy, AppIsNotThere) {
  ProxyWorld world(GetParam());
  world.callee.app_server->Stop();
  world.Run([&]() -> async::Task<void> {
    auto result = co_await world.Channel().Unary(Patient(), "/test.App/Unary", For("callee"), "x");
    EXPECT_TRUE(result);
    if (result) EXPECT_EQ(result->status.code, grpc::Code::kUnavailable) << result->status.message;
  });
}

TEST(ProxyTargets, MissingAndUnknown) {
  ProxyWorld world(Way::kTwoRuntimes);
  world.Run([&]() -> async::Task<void> {
    auto result = co_await world.Channel().Unary(Patient(), "/test.App/Unary", {}, "x");
    EXPECT_TRUE(result);
    if (!result) co_return;
    EXPECT_EQ(result->status.code, grpc::Code::kUnknown);
    EXPECT_EQ(result->status.message,
              "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata");
    result = co_await world.Channel().Unary(Patient(), "/test.App/Unary", For("nobody"), "x");
    EXPECT_TRUE(result);
    if (!result) co_return;
    EXPECT_EQ(result->status.code, grpc::Code::kUnknown);
    EXPECT_EQ(result->status.message, "couldn't find service: nobody");
    http::Headers metadata = For("nobody");
    metadata.Add("dapr-callee-app-id", "callee");
    result = co_await world.Channel().Unary(Patient(), "/test.App/Unary", metadata, "x");
    EXPECT_TRUE(result && result->status.ok());
  });
}

TEST(ProxyTargets, RuntimeIsNotThere) {
  ProxyWorld world(Way::kTwoRuntimes);
  world.callee.internal_server->Stop();
  world.Run([&]() -> async::Task<void> {
    auto result = co_await world.Channel().Unary(Patient(), "/test.App/Unary", For("callee"), "x");
    EXPECT_TRUE(result);
    if (result) EXPECT_EQ(result->status.code, grpc::Code::kUnavailable);
  });
  EXPECT_EQ(world.resolver->asked, 2);
}

TEST(ProxyTargets, HttpAppsCannotBeProxied) {
  World world;
  Node node(world, "one");
  FunctionApp app;
  app.serve = [](http::Exchange& exchange) -> async::Task<void> {
    exchange.Respond({}, "");
    co_return;
  };
  node.Serve(app);
  node.OpenApi();
  world.loops.RunTaskOn(0, [&]() -> async::Task<void> {
    http::Origin origin;
    origin.address = *net::Address::FromIp("127.0.0.1", node.api_server->port);
    grpc::Channel channel(world.clients.Here(), origin, "localhost");
    auto result = co_await channel.Unary(Patient(), "/a.B/C", For("one"), "x");
    EXPECT_TRUE(result);
    if (result) EXPECT_EQ(result->status.code, grpc::Code::kInternal);
  });
}

}  // namespace
}  // namespace blocks::invoke::test
