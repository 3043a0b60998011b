// The client against the real server, in one loop over loopback sockets.
#include "http/http2_test_util.hpp"

namespace http {
namespace {
using namespace test;
using Outcome = Http2ClientConnection::Outcome;

RequestHead Head(std::string method, std::string target) {
  RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  head.authority = "test";
  return head;
}
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

TEST(Http2Client, Unary) {
  Rig rig;
  rig.handler.later = [](Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    auto body = co_await ReadAll(exchange.body(), context, 1000);
    ResponseHead head{.status = 201};
    head.headers.Add("X-Target", exchange.request().target);
    head.headers.Add("Connection", "close");
    head.headers.Add("x-length", exchange.request().headers.Get("content-length").value_or("none"));
    exchange.Respond(head, *body + "!");
  };
  auto& client = rig.Connect();
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    StringBody body("hello");
    Outcome outcome = co_await client.Send(context, Head("POST", "/a?b"), &body, nullptr);
    EXPECT_TRUE(outcome.response);
    Response& response = *outcome.response;
    EXPECT_EQ(response.head.status, 201);
    EXPECT_EQ(response.head.headers.Get("x-target"), "/a?b");
    EXPECT_EQ(response.head.headers.Get("x-length"), "5");
    EXPECT_EQ(response.head.headers.Get("content-length"), "6");
    EXPECT_FALSE(response.head.headers.Has("connection"));
    EXPECT_TRUE(response.head.headers.Has("date"));
    EXPECT_EQ(response.body->length(), 6u);
    EXPECT_EQ(*co_await ReadAll(*response.body, context, 100), "hello!");
  });
  EXPECT_EQ(client.streams(), 0u);
}

TEST(Http2Client, HeadAndNoContentHaveNoBody) {
  Rig rig;
  rig.handler.now = [](Exchange& exchange) {
    ResponseHead head{.status = exchange.request().target == "/204" ? 204 : 200};
    exchange.Respond(head, head.status == 204 ? "" : "twelve bytes");
    return true;
  };
  auto& client = rig.Connect();
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    Outcome head = co_await client.Send(context, Head("HEAD", "/"), nullptr, nullptr);
    EXPECT_EQ(head.response->head.headers.Get("content-length"), "12");
    EXPECT_EQ(*co_await ReadAll(*head.response->body, context, 100), "");
    Outcome none = co_await client.Send(context, Head("GET", "/204"), nullptr, nullptr);
    EXPECT_EQ(none.response->head.status, 204);
    EXPECT_FALSE(none.response->head.headers.Has("content-length"));
    EXPECT_EQ(*co_await ReadAll(*none.response->body, context, 100), "");
  });
}

TEST(Http2Client, TrailersBothWays) {
  Rig rig;
  rig.handler.later = Echo;
  auto& client = rig.Connect();
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    for (const std::string_view data : {"", "some data"}) {
      PipeBody body;
      body.Write(data);
      Headers trailers;
      trailers.Add("Check-Sum", "42");
      body.Close(trailers);
      Outcome outcome = co_await client.Send(context, Head("POST", "/"), &body, nullptr);
      EXPECT_EQ(*co_await ReadAll(*outcome.response->body, context, 100), data);
      const Headers* back = outcome.response->body->trailers();
      EXPECT_TRUE(back);
      if (back) EXPECT_EQ(back->Get("check-sum"), "42");
    }
  });
}

TEST(Http2Client, InterimResponses) {
  Rig rig;
  rig.handler.now = [](Exchange& exchange) {
    ResponseHead hints{.status = 103};
    hints.headers.Add("link", "</a>");
    exchange.Inform(hints);
    exchange.Inform(hints);
    exchange.Respond(ResponseHead{}, "x");
    return true;
  };
  struct : InterimObserver {
    void OnInterim(const ResponseHead& head) override {
      seen += std::to_string(head.status) + std::string(head.headers.Get("link").value_or("?"));
    }
    std::string seen;
  } observer;
  auto& client = rig.Connect();
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    Outcome outcome = co_await client.Send(context, Head("GET", "/"), nullptr, &observer);
    EXPECT_EQ(outcome.response->head.status, 200);
    EXPECT_FALSE(outcome.response->head.headers.Has("link"));
  });
  EXPECT_EQ(observer.seen, "103</a>103</a>");
}

TEST(Http2Client, BidirectionalStreamsGoOnSideBySide) {
  Rig rig;
  rig.handler.later = Echo;
  auto& client = rig.Connect();
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    PipeBody out;
    Outcome outcome = co_await client.Send(context, Head("POST", "/"), &out, nullptr);
    EXPECT_TRUE(outcome.response) << "the response begins before the request ends";
    Body& in = *outcome.response->body;
    for (int i = 0; i < 100; ++i) {
      const std::string message = "message " + std::to_string(i);
      out.Write(message);
      auto chunk = co_await NextChunk(in, context);
      EXPECT_EQ(**chunk, message);
    }
    out.Close();
    auto end = co_await NextChunk(in, context);
    EXPECT_TRUE(end && !*end);
  });
}

TEST(Http2Client, LargeBodiesBothWaysPassThroughBoundedMemory) {
  constexpr uint64_t kSize = 32 * 1024 * 1024;
  Rig rig;
  rig.handler.later = Echo;
  auto& client = rig.Connect();
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    MadeUpBody body(kSize);
    Outcome outcome = co_await client.Send(context, Head("POST", "/"), &body, nullptr);
    uint64_t received = 0;
    uint64_t most = 0;
    for (;;) {
      auto chunk = co_await NextChunk(*outcome.response->body, context);
      if (!chunk || !*chunk) break;
      received += (*chunk)->size();
      // What is under way: two windows, two high-water marks and the sockets' buffers.
      most = std::max(most, body.taken - received);
      if (received % 7 == 0) co_await async::Yield();
    }
    EXPECT_EQ(received, kSize);
    EXPECT_LT(most, 12u * 1024 * 1024);
  });
}

TEST(Http2Client, SlowReaderStopsTheSender) {
  Rig rig;
  uint64_t written = 0;
  rig.handler.later = [&](Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    exchange.Start(ResponseHead{});
    const std::string chunk(10'000, 'x');
    while (!exchange.cancel().canceled()) {
      exchange.Write(chunk);
      written = exchange.sent();
      if (!co_await exchange.Drain(context)) break;
    }
    exchange.Abort();
  };
  auto& client = rig.Connect();
  Response response;
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    Outcome outcome = co_await client.Send(context, Head("GET", "/"), nullptr, nullptr);
    response = std::move(*outcome.response);
  });
  rig.Settle();
  const uint64_t stopped_at = written;
  rig.Settle();
  EXPECT_EQ(written, stopped_at);
  // One client window and the server's high-water mark.
  EXPECT_LT(written, 600'000u);
  std::string_view chunk;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(response.body->TryRead(chunk), Body::Poll::kChunk);
    response.body->TryRead(chunk);
    rig.Settle();
  }
  EXPECT_GT(written, stopped_at);
  // Others on the connection are not held up.
  rig.handler.now = [](Exchange& exchange) {
    exchange.Respond(ResponseHead{}, std::string(500'000, 'y'));
    return true;
  };
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    Outcome outcome = co_await client.Send(context, Head("GET", "/"), nullptr, nullptr);
    EXPECT_EQ((*co_await ReadAll(*outcome.response->body, context, 1 << 20)).size(), 500'000u);
  });
  response.body.reset();
  EXPECT_TRUE(rig.RunUntil([&] { return rig.core.in_flight == 0; }));
}

TEST(Http2Client, ThousandStreamsAtOnce) {
  Rig rig;
  async::Event go;
  rig.handler.later = [&](Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    auto body = co_await ReadAll(exchange.body(), context, 1000);
    co_await go.Wait(context);
    exchange.Respond(ResponseHead{}, *body);
  };
  auto& client = rig.Connect();
  rig.RunUntil([&] { return client.room() == 1000; });  // the server's SETTINGS have come
  int good = 0;
  async::Gate gate;
  const auto one = [&](int i) -> async::Task<void> {
    const async::Context context;
    StringBody body(std::to_string(i));
    Outcome outcome = co_await client.Send(context, Head("POST", "/"), &body, nullptr);
    if (!outcome.response) co_return;
    if (*co_await ReadAll(*outcome.response->body, context, 100) == std::to_string(i)) ++good;
  };
  rig.loop.Post([&] {
    for (int i = 0; i < 1000; ++i) gate.Spawn(one(i));
  });
  EXPECT_TRUE(rig.RunUntil([&] { return rig.core.in_flight == 1000; }));
  EXPECT_EQ(client.room(), 0u);
  rig.Run([&]() -> async::Task<void> {
    const async::Context context;
    Outcome outcome = co_await client.Send(context, Head("GET", "/"), nullptr, nullptr);
    EXPECT_TRUE(!outcome.response && outcome.unprocessed);
  });
  rig.loop.Post([&] { go.Set(); });
  EXPECT_TRUE(rig.RunUntil([&] { return gate.size() == 0; }));
  EXPECT_EQ(good, 1000);
  EXPECT_EQ(client.streams(), 0u);
}

}  // namespace
}  // namespace http
