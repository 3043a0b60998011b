// How requests and connections of the client end when they do not end well.
#include "http/http2_test_util.hpp"

namespace http {
namespace {
using namespace test;
using Outcome = Http2ClientConnection::Outcome;

async::Task<void> Echo(Exchange& exchange) {
  const async::Context context(async::kForever, &exchange.cancel());
  exchange.Start(ResponseHead{});
  for (;;) {
    auto chunk = co_await NextChunk(exchange.body(), context);
    if (!chunk) co_return exchange.Abort();
    if (!*chunk) break;
    exchange.Write(**chunk);
    if (!co_await exchange.Drain(context)) co_return exchange.Abort();
  }
  exchange.Finish(exchange.body().trailers());
}
/// A body of `size` bytes that makes them up as they are asked for.
class MadeUpBody final : public Body {
 public:
  explicit MadeUpBody(uint64_t size) : left_(size), chunk_(16 * 1024, 'b') {}
  Poll TryRead(std::string_view& chunk) override {
    if (left_ == 0) return Poll::kEnd;
    chunk = std::string_view(chunk_).substr(0, std::min<uint64_t>(left_, chunk_.size()));
    left_ -= chunk.size();
    taken += chunk.size();
    return Poll::kChunk;
  }
  void OnReady(async::Waiter*) override {}
  uint64_t taken = 0;

 private:
  uint64_t left_;
  std::string chunk_;
};

TEST(Http2Client, DroppedResponseResetsTheStream) {
  Rig rig;
  bool canceled = false;
  rig.handler.later = [&](Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    exchange.Start(ResponseHead{});
    exchange.Write("x");
    async::Event never;
    canceled = co_await never.Wait(context) == async::Wake::kCanceled;
    exchange.Abort();
  };
  auto& client = rig.Connect();
  PipeBody body;
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    Outcome outcome = co_await client.Send(context, Head("POST", "/"), &body, nullptr);
    EXPECT_TRUE(outcome.response);
  });
  EXPECT_TRUE(rig.RunUntil([&] { return canceled; }));
  EXPECT_EQ(client.streams(), 0u);
  EXPECT_TRUE(client.usable());
  body.Write("nobody listens");
}

TEST(Http2Client, DeadlineAndCancellationResetTheStream) {
  Rig rig;
  int canceled = 0;
  rig.handler.later = [&](Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    async::Event never;
    if (co_await never.Wait(context) == async::Wake::kCanceled) ++canceled;
    exchange.Abort();
  };
  auto& client = rig.Connect();
  async::CancelToken token;
  rig.Run([&]() -> async::Task<void> {
    const async::Context soon(rig.loop.After(milliseconds(30)));
    Outcome outcome = co_await client.Send(soon, Head("GET", "/"), nullptr, nullptr);
    EXPECT_FALSE(outcome.response);
    if (!outcome.response) EXPECT_EQ(outcome.response.error().kind, base::Kind::kTimeout);
    EXPECT_FALSE(outcome.unprocessed);
    rig.loop.Post([&] { token.Cancel(); });
    const async::Context cancelable(async::kForever, &token);
    Outcome second = co_await client.Send(cancelable, Head("GET", "/"), nullptr, nullptr);
    EXPECT_FALSE(second.response);
    if (!second.response) EXPECT_EQ(second.response.error().kind, base::Kind::kCanceled);
  });
  EXPECT_TRUE(rig.RunUntil([&] { return rig.core.in_flight == 0; }));
  EXPECT_GE(canceled, 1);
}

TEST(Http2Client, ServersResetBeforeAndAfterTheHead) {
  Rig rig;
  rig.handler.later = [](Exchange& exchange) -> async::Task<void> {
    if (exchange.request().target == "/late") {
      exchange.Start(ResponseHead{});
      exchange.Write("part");
      co_await async::Yield();
      co_await async::Yield();
    } else {
      exchange.Start(ResponseHead{});
    }
    exchange.Abort();
  };
  auto& client = rig.Connect();
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    Outcome late = co_await client.Send(context, Head("GET", "/late"), nullptr, nullptr);
    EXPECT_TRUE(late.response);
    auto body = co_await ReadAll(*late.response->body, context, 100);
    EXPECT_FALSE(body);
    if (!body) EXPECT_EQ(body.error().kind, base::Kind::kProtocol);
    Outcome early = co_await client.Send(context, Head("GET", "/early"), nullptr, nullptr);
    if (early.response) {
      EXPECT_FALSE(co_await ReadAll(*early.response->body, context, 100));
    } else {
      EXPECT_FALSE(early.unprocessed);
    }
  });
  EXPECT_TRUE(client.usable());
}

TEST(Http2Client, EarlyAnswerStopsTheRequestBody) {
  Rig rig;
  rig.handler.now = [](Exchange& exchange) {
    exchange.Respond(ResponseHead{.status = 413}, "no");
    return true;
  };
  auto& client = rig.Connect();
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    MadeUpBody body(1'000'000'000);
    Outcome outcome = co_await client.Send(context, Head("POST", "/"), &body, nullptr);
    EXPECT_EQ(outcome.response->head.status, 413);
    EXPECT_EQ(*co_await ReadAll(*outcome.response->body, context, 100), "no");
    const uint64_t taken = body.taken;
    for (int i = 0; i < 20; ++i) co_await async::Yield();
    EXPECT_EQ(body.taken, taken);
    EXPECT_LT(taken, 2'000'000u);
  });
  EXPECT_TRUE(rig.RunUntil([&] { return client.streams() == 0; }));
}

TEST(Http2Client, FailingRequestBodyFailsTheRequest) {
  Rig rig;
  rig.handler.later = Echo;
  auto& client = rig.Connect();
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    PipeBody body;
    body.Write("x");
    body.Fail(base::Error(base::Kind::kCanceled, "source went away"));
    Outcome outcome = co_await client.Send(context, Head("POST", "/"), &body, nullptr);
    EXPECT_FALSE(outcome.response);
    if (!outcome.response) {
      EXPECT_NE(outcome.response.error().message.find("source went away"), std::string::npos);
    }
  });
  EXPECT_TRUE(rig.RunUntil([&] { return rig.core.in_flight == 0; }));
}

TEST(Http2Client, LostConnectionFailsRequestsWithTheAddress) {
  Rig rig;
  net::Socket far;
  auto& client = rig.Connect({}, &far);
  Response half;
  {
    RawPeer server(rig, std::move(far));
    base::Error error(base::Kind::kInternal, "");
    bool unprocessed = true;
    async::Gate gate;
    const auto waiting = [&]() -> async::Task<void> {
      const async::Context context;
      Outcome outcome = co_await client.Send(context, Head("GET", "/"), nullptr, nullptr);
      EXPECT_FALSE(outcome.response);
      if (!outcome.response) error = outcome.response.error();
      unprocessed = outcome.unprocessed;
    };
    const auto reading = [&]() -> async::Task<void> {
      const async::Context context;
      Outcome outcome = co_await client.Send(context, Head("GET", "/"), nullptr, nullptr);
      half = std::move(*outcome.response);
    };
    rig.loop.Post([&] {
      gate.Spawn(waiting());
      gate.Spawn(reading());
    });
    EXPECT_EQ(server.NextOf(NGHTTP2_HEADERS, 3).id, 3);
    server.Send(MakeFrame(NGHTTP2_SETTINGS, 0, 0) +
                MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 3, "\x88"));
    EXPECT_TRUE(rig.RunUntil([&] { return half.body != nullptr; }));
    {
      RawPeer gone(std::move(server));
    }
    EXPECT_TRUE(rig.RunUntil([&] { return gate.size() == 0; }));
    EXPECT_EQ(error.kind, base::Kind::kUnavailable);
    EXPECT_NE(error.message.find("127.0.0.1:"), std::string::npos) << error.message;
    EXPECT_FALSE(unprocessed) << "the server may have done it";
  }
  EXPECT_TRUE(rig.RunUntil([&] { return client.closed().is_set(); }));
  rig.clients.clear();
  std::string_view chunk;
  EXPECT_EQ(half.body->TryRead(chunk), Body::Poll::kError) << "outlives its connection";
  EXPECT_EQ(half.body->error().kind, base::Kind::kUnavailable);
}

TEST(Http2Client, SilentServerIsPingedAndGivenUp) {
  Rig rig;
  net::Socket far;
  ClientOptions options;
  options.keepalive_interval = milliseconds(30);
  options.keepalive_timeout = milliseconds(30);
  auto& client = rig.Connect(options, &far);
  RawPeer server(rig, std::move(far));
  server.Send(MakeFrame(NGHTTP2_SETTINGS, 0, 0) + MakeFrame(NGHTTP2_SETTINGS, kAck, 0));
  rig.Settle();
  EXPECT_EQ(server.NextOf(NGHTTP2_PING, -1, milliseconds(100)).type, -1) << "no stream, no ping";
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    Outcome outcome = co_await client.Send(context, Head("GET", "/"), nullptr, nullptr);
    EXPECT_FALSE(outcome.response);
    if (!outcome.response) {
      EXPECT_EQ(outcome.response.error().kind, base::Kind::kUnavailable);
      EXPECT_NE(outcome.response.error().message.find("ping"), std::string::npos);
    }
  });
  EXPECT_EQ(server.NextOf(NGHTTP2_PING).flags, 0);
}

TEST(Http2Client, TooLargeResponseHeadIsRefused) {
  Rig rig;
  rig.handler.now = [](Exchange& exchange) {
    ResponseHead head;
    head.headers.Add("x", std::string(5000, 'x'));
    exchange.Respond(head, "");
    return true;
  };
  ClientOptions options;
  options.max_header_bytes = 4096;
  auto& client = rig.Connect(options);
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    Outcome outcome = co_await client.Send(context, Head("GET", "/"), nullptr, nullptr);
    EXPECT_FALSE(outcome.response);
    if (!outcome.response) EXPECT_EQ(outcome.response.error().kind, base::Kind::kTooLarge);
  });
  EXPECT_TRUE(client.usable());
}

TEST(Http2Client, HeadsOfManyFramesOnManyConnections) {
  Rig rig;
  async::Event go;
  rig.handler.later = [&](Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    co_await go.Wait(context);
    ResponseHead head;
    for (int i = 0; i < 30; ++i) {
      head.headers.Add("x-" + std::to_string(i),
                       exchange.request().target + std::string(1500, '~'));
    }
    exchange.Respond(head, exchange.request().target);
  };
  ClientOptions options;
  options.max_header_bytes = 128 * 1024;
  for (int i = 0; i < 3; ++i) rig.Connect(options);
  async::Gate gate;
  int good = 0;
  const auto one = [&](Http2ClientConnection& client, int i) -> async::Task<void> {
    const async::Context context;
    const std::string target = "/" + std::to_string(i);
    Outcome outcome = co_await client.Send(context, Head("GET", target), nullptr, nullptr);
    if (!outcome.response) co_return;
    const Headers& headers = outcome.response->head.headers;
    bool same = *co_await ReadAll(*outcome.response->body, context, 100) == target;
    for (int k = 0; k < 30; ++k) {
      same = same && headers.Get("x-" + std::to_string(k)) == target + std::string(1500, '~');
    }
    good += same;
  };
  rig.loop.Post([&] {
    for (int i = 0; i < 30; ++i) gate.Spawn(one(*rig.clients.at(i % 3), i));
  });
  EXPECT_TRUE(rig.RunUntil([&] { return rig.core.in_flight == 30; }));
  rig.loop.Post([&] { go.Set(); });
  EXPECT_TRUE(rig.RunUntil([&] { return gate.size() == 0; }));
  EXPECT_EQ(good, 30);
}

}  // namespace
}  // namespace http
