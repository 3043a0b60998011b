// The pass-through over real sockets: every kind of stream, in one process and through two runtimes.
#include <algorithm>

#include "blocks/invoke/invoke_test_util.hpp"

namespace blocks::invoke::test {
namespace {

using Texts = std::vector<std::string>;

// An app with methods of all kinds. What it saw of the last call is kept.
struct ProxyApp {
  ProxyApp() {
    grpc::Method unary;
    unary.unary = [this](grpc::ServerCall& call, std::string message)
        -> async::Task<grpc::UnaryReply> {
      Note(call);
      if (message == "fail") {
        call.trailing_metadata().Add("x-trailing", "t");
        co_return std::unexpected(
            grpc::Status{grpc::Code::kFailedPrecondition, "as asked: \xc3\xa9", "\x08\x09"});
      }
      if (message == "hang") {
        const async::Wake wake = co_await async::Sleep(
            call.context(), async::Loop::Current()->After(std::chrono::seconds(30)));
        canceled = wake != async::Wake::kReady;
        if (ended) ended->Set();
      }
      call.initial_metadata().Add("x-initial", "i");
      call.trailing_metadata().Add("x-trailing", "t");
      call.trailing_metadata().Add("x-raw-bin", "AQID");
      co_return "reply to " + message;
    };
    service.Add("/test.App/Unary", std::move(unary));

    grpc::Method client_stream;
    client_stream.stream = [this](grpc::ServerStream& stream) -> async::Task<grpc::CallStatus> {
      Note(stream.call());
      std::string all;
      while (true) {
        auto message = co_await stream.Read();
        if (!message || !*message) break;
        all += **message + ";";
      }
      co_await stream.Write(all);
      co_return grpc::CallStatus();
    };
    service.Add("/test.App/ClientStream", std::move(client_stream));

    grpc::Method server_stream;
    server_stream.stream = [this](grpc::ServerStream& stream) -> async::Task<grpc::CallStatus> {
      Note(stream.call());
      co_await stream.Read();
      for (int i = 0; i < 100; ++i) co_await stream.Write(std::string(10'000, 's'));
      co_return std::unexpected(grpc::Status{grpc::Code::kOutOfRange, "that was all", {}});
    };
    service.Add("/test.App/ServerStream", std::move(server_stream));

    grpc::Method bidi;
    bidi.stream = [this](grpc::ServerStream& stream) -> async::Task<grpc::CallStatus> {
      Note(stream.call());
      stream.SendInitialMetadata();
      while (true) {
        auto message = co_await stream.Read();
        if (!message) {
          canceled = message.error().kind == base::Kind::kCanceled;
          if (ended) ended->Set();
          break;
        }
        if (!*message) break;
        if (**message == "die") {
          stream.call().exchange().Abort();
          break;
        }
        co_await stream.Write("echo " + **message);
      }
      co_return grpc::CallStatus();
    };
    service.Add("/test.App/Bidi", std::move(bidi));
  }
  void Note(grpc::ServerCall& call) { metadata = call.metadata(); }

  http::Headers metadata;
  bool canceled = false;
  async::Event* ended = nullptr;
  grpc::Service service{grpc::Service::Options{}};
};

Texts Values(const http::Headers& headers, std::string_view name) {
  Texts values;
  for (const auto& [field, value] : headers) {
    if (field == name) values.emplace_back(value);
  }
  return values;
}

http::Headers For(std::string_view app_id) {
  http::Headers metadata;
  metadata.Add("dapr-app-id", app_id);
  metadata.Add("x-mine-bin", "AQI=");
  metadata.Add("dapr-api-token", "secret");
  return metadata;
}

// The caller speaks to `caller`'s API port; the app is `callee`'s. All three ways to get there.
enum class Way { kOwn, kSameProcess, kTwoRuntimes };

struct ProxyWorld : World {
  explicit ProxyWorld(Way way)
      : caller(*this, "caller"),
        callee(*this, "callee", contracts::AppProtocol::kGrpc),
        way(way) {
    callee.Serve(app.service);
    callee.Open();
    if (way == Way::kSameProcess) local.table["callee"] = callee.callee;
    Node& api = way == Way::kOwn ? callee : caller;
    api.OpenApi();
    port = api.api_server->port;
  }
  grpc::Channel Channel() {
    http::Origin origin;
    origin.address = *net::Address::FromIp("127.0.0.1", port);
    origin.protocol = http::Protocol::kHttp2;
    return grpc::Channel(clients.Here(), origin, "localhost");
  }
  void Run(std::move_only_function<async::Task<void>()> task) {
    loops.RunTaskOn(0, std::move(task));
  }
  ProxyApp app;
  Node caller;
  Node callee;
  Way way;
  uint16_t port = 0;
};

async::Context Patient(std::chrono::milliseconds wait = std::chrono::seconds(10)) {
  return async::Context(async::Loop::Current()->After(wait));
}

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
