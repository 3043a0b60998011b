// Client and server of this folder against each other over loopback sockets.
#include <gtest/gtest.h>

#include "async/loop_group.hpp"
#include "grpc/client.hpp"
#include "grpc/server.hpp"
#include "http/server.hpp"
#include "net/bind.hpp"
#include "net/listener.hpp"

namespace grpc {
namespace {

using std::chrono::milliseconds;

async::Task<UnaryReply> Echo(ServerCall& call, std::string request) {
  call.initial_metadata().Add("x-initial", "one");
  call.trailing_metadata().Add("x-trailing", "two");
  co_return request;
}

async::Task<UnaryReply> FailWith(ServerCall&, std::string request) {
  co_return std::unexpected(Status{Code::kNotFound, request, "details"});
}

async::Task<UnaryReply> Hang(ServerCall& call, std::string) {
  async::Event never;
  co_await never.Wait(call.context());
  co_return std::unexpected(Status{Code::kDeadlineExceeded, "context deadline exceeded", {}});
}

async::Task<CallStatus> EchoStream(ServerStream& stream) {
  while (true) {
    auto message = co_await stream.Read();
    if (!message) co_return std::unexpected(Status{Code::kInternal, message.error().message, {}});
    if (!*message) co_return CallStatus();
    if (auto written = co_await stream.Write(**message); !written) {
      co_return std::unexpected(Status{Code::kCancelled, written.error().message, {}});
    }
  }
}

// A server and a client on one loop.
struct Fixture {
  Fixture() : service({.max_message = 100'000}) {
    service.Add("/t.S/Echo", {.unary = [](ServerCall& call, std::string request) {
                  return Echo(call, std::move(request));
                }});
    service.Add(
        "/t.S/Quick",
        {.try_unary = [](ServerCall&, std::string_view request) -> std::optional<UnaryReply> {
           return std::string(request);
         },
         .unary = [](ServerCall& call,
                     std::string request) { return Echo(call, std::move(request)); }});
    service.Add("/t.S/Fail", {.unary = [](ServerCall& call, std::string request) {
                  return FailWith(call, std::move(request));
                }});
    service.Add("/t.S/Hang", {.unary = [](ServerCall& call, std::string request) {
                  return Hang(call, std::move(request));
                }});
    service.Add("/t.S/Stream", {.stream = [](ServerStream& stream) { return EchoStream(stream); }});
    loops.RunOn(0, [this] {
      async::Loop& loop = *async::Loop::Current();
      server = http::MakeServer(loop, service);
      auto socket = net::BindTcp("127.0.0.1", 0);
      listener = std::make_unique<net::Listener>(std::move(socket.value()));
      EXPECT_TRUE(listener->Start(loop, [this](std::unique_ptr<net::Stream> stream) {
        server->Serve(std::move(stream), nullptr, nullptr);
      }));
      client = http::MakeClient(loop);
      origin.address = listener->address();
    });
  }
  ~Fixture() {
    loops.RunTaskOn(0, [this] { return End(); });
    loops.RunOn(0, [this] {
      client.reset();
      listener.reset();
      server.reset();
    });
  }
  async::Task<void> End() {
    const async::Context soon(async::Loop::Current()->After(milliseconds(500)));
    co_await client->Close(soon);
    co_await server->Drain(soon);
  }
  Channel channel() { return Channel(*client, origin, "peer", 100'000); }
  void Run(std::move_only_function<async::Task<void>()> start) {
    loops.RunTaskOn(0, std::move(start));
  }

  Service service;
  async::LoopGroup loops{1};
  std::unique_ptr<http::Server> server;
  std::unique_ptr<net::Listener> listener;
  std::unique_ptr<http::Client> client;
  http::Origin origin;
};

async::Task<void> Unary(Fixture& fixture) {
  const async::Context context;
  http::Headers metadata;
  metadata.Add("x-request", "hello");
  for (const char* path : {"/t.S/Echo", "/t.S/Quick"}) {
    for (const std::size_t size : {0u, 1u, 1000u, 99'000u}) {
      const std::string text(size, 'q');
      auto result = co_await fixture.channel().Unary(context, path, metadata, text);
      EXPECT_TRUE(result) << result.error().message;
      if (!result) co_return;
      EXPECT_TRUE(result->status.ok()) << result->status.message;
      EXPECT_EQ(result->message, text);
    }
  }
  auto result = co_await fixture.channel().Unary(context, "/t.S/Echo", metadata, "x");
  EXPECT_EQ(result->initial.Get("x-initial"), "one");
  EXPECT_EQ(result->trailing.Get("x-trailing"), "two");
}
TEST(Grpc, Unary) {
  Fixture fixture;
  fixture.Run([&] { return Unary(fixture); });
}

async::Task<void> Failures(Fixture& fixture) {
  const async::Context context;
  const http::Headers none;
  auto failed = co_await fixture.channel().Unary(context, "/t.S/Fail", none, "50% gone");
  EXPECT_TRUE(failed);
  EXPECT_EQ(failed->status.code, Code::kNotFound);
  EXPECT_EQ(failed->status.message, "50% gone");
  EXPECT_EQ(failed->status.details, "details");

  auto unknown = co_await fixture.channel().Unary(context, "/t.S/Nope", none, "");
  EXPECT_EQ(unknown->status.code, Code::kUnimplemented);

  auto large =
      co_await fixture.channel().Unary(context, "/t.S/Echo", none, std::string(100'001, 'x'));
  EXPECT_TRUE(large) << large.error().message;
  if (large) EXPECT_EQ(large->status.code, Code::kResourceExhausted) << large->status.message;

  const async::Context soon(async::Loop::Current()->After(milliseconds(50)));
  auto late = co_await fixture.channel().Unary(soon, "/t.S/Hang", none, "");
  const bool timed_out = late ? late->status.code == Code::kDeadlineExceeded
                              : late.error().kind == base::Kind::kTimeout;
  EXPECT_TRUE(timed_out);
}
TEST(Grpc, FailuresArriveWithCodeTextAndDetails) {
  Fixture fixture;
  fixture.Run([&] { return Failures(fixture); });
}

async::Task<void> Streaming(Fixture& fixture) {
  const async::Context context(async::Loop::Current()->After(std::chrono::seconds(20)));
  ClientStream stream(fixture.channel(), "/t.S/Stream", {});
  stream.Write("first");
  auto opened = co_await stream.Open(context);
  EXPECT_TRUE(opened) << opened.error().message;
  if (!opened) co_return;
  auto first = co_await stream.Read(context);
  EXPECT_EQ(first.value(), "first");
  for (int i = 0; i < 200; ++i) {
    const std::string text(static_cast<std::size_t>(i * 37 % 5000),
                           static_cast<char>('a' + i % 26));
    stream.Write(text);
    auto back = co_await stream.Read(context);
    EXPECT_TRUE(back && *back);
    if (!back || !*back) co_return;
    EXPECT_EQ(**back, text);
  }
  stream.CloseSend();
  auto end = co_await stream.Read(context);
  EXPECT_TRUE(end && !*end);
  EXPECT_TRUE(stream.status().ok()) << stream.status().message;
}
TEST(Grpc, BidirectionalStream) {
  Fixture fixture;
  fixture.Run([&] { return Streaming(fixture); });
}

async::Task<void> Dropped(Fixture& fixture) {
  const async::Context context(async::Loop::Current()->After(std::chrono::seconds(5)));
  {
    ClientStream stream(fixture.channel(), "/t.S/Stream", {});
    stream.Write("first");
    EXPECT_TRUE(co_await stream.Open(context));
    EXPECT_TRUE(co_await stream.Read(context));
  }
  // The server notices and ends the call; otherwise Drain in the fixture would have to abort it.
  while (fixture.server->requests_in_flight() != 0 && !context.canceled()) {
    const auto wake =
        co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(1)));
    if (wake != async::Wake::kReady) break;
  }
  EXPECT_EQ(fixture.server->requests_in_flight(), 0u);
}
TEST(Grpc, DroppingAStreamEndsTheCallAtTheServer) {
  Fixture fixture;
  fixture.Run([&] { return Dropped(fixture); });
}

}  // namespace
}  // namespace grpc
