#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "base/strings.hpp"
#include "http/http1_test_util.hpp"

namespace http {
namespace {

using http1_test::FunctionHandler;
using http1_test::milliseconds;
using http1_test::RawClient;
using http1_test::TestServer;

std::string Get(std::string_view target, std::string_view fields = {}) {
  return base::StrCat("GET ", target, " HTTP/1.1\r\nHost: h\r\n", fields, "\r\n");
}
std::string Ok(std::string_view body, std::string_view fields = {}) {
  return base::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n", fields, "\r\n",
                      body);
}

// What happened, told by handlers and awaited by tests.
class Log {
 public:
  void Add(std::string line) {
    std::lock_guard lock(mutex_);
    text_ += line + ";";
    changed_.notify_all();
  }
  std::string WaitFor(std::string_view what) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(5),
                      [&] { return text_.find(what) != std::string::npos; });
    return text_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
};

class Http1Server : public testing::Test {
 protected:
  void Begin(ServerOptions options = {}) {
    server_ = std::make_unique<TestServer>(handler_, options);
  }
  RawClient Connect() { return RawClient(server_->port()); }

  FunctionHandler handler_;
  Log log_;
  std::unique_ptr<TestServer> server_;
};

async::Task<void> EchoBody(Exchange& exchange) {
  const async::Context context;
  auto body = co_await ReadAll(exchange.body(), context, 1 << 24);
  if (body) exchange.Respond({}, *body);
}

TEST_F(Http1Server, TryHandleAnswersPipelinedRequestsInOneWrite) {
  handler_.try_handle = [](Exchange& exchange) {
    exchange.Respond({}, exchange.request().target);
    return true;
  };
  Begin();
  RawClient client(server_->port());
  std::string sent;
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    sent += Get("/" + std::to_string(i));
    expected += Ok("/" + std::to_string(i));
  }
  client.Send(sent);
  EXPECT_EQ(http1_test::WithoutDates(client.ReadSome()), expected);
}

TEST_F(Http1Server, RequestsAreAnsweredInOrderThoughHandlersWait) {
  handler_.handle = [](Exchange& exchange) -> async::Task<void> {
    const async::Context context;
    if (exchange.request().target == "/slow") {
      co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(20)));
    }
    exchange.Respond({}, exchange.request().target);
  };
  Begin();
  RawClient client(server_->port());
  client.Send(Get("/slow") + Get("/fast") + Get("/slow") + Get("/end", "Connection: close\r\n"));
  EXPECT_EQ(client.ReadToEnd(),
            Ok("/slow") + Ok("/fast") + Ok("/slow") + Ok("/end", "Connection: close\r\n"));
}

TEST_F(Http1Server, DateIsSentOnceAndTheHandlersOwnWins) {
  handler_.try_handle = [](Exchange& exchange) {
    ResponseHead head;
    if (exchange.request().target == "/own") head.headers.Add("date", "mine");
    exchange.Respond(head, "");
    return true;
  };
  Begin();
  RawClient client(server_->port());
  client.Send(Get("/"));
  const std::string first = client.ReadSome();
  EXPECT_NE(first.find("\r\nDate: "), std::string::npos);
  EXPECT_NE(first.find(" GMT\r\n"), std::string::npos);
  client.Send(Get("/own"));
  EXPECT_EQ(client.ReadSome(), "HTTP/1.1 200 OK\r\ndate: mine\r\nContent-Length: 0\r\n\r\n");
}

TEST_F(Http1Server, HeadAndBodilessStatusesSendNoBody) {
  handler_.handle = [](Exchange& exchange) -> async::Task<void> {
    ResponseHead head;
    const std::string& target = exchange.request().target;
    if (target == "/204") head.status = 204;
    if (target == "/304") head.status = 304;
    if (target == "/stream") {
      exchange.Start(head);
      exchange.Write("dropped");
      exchange.Finish(nullptr);
    } else if (target == "/length") {
      head.headers.Add("Content-Length", "77");
      exchange.Start(head);
      exchange.Finish(nullptr);
    } else {
      exchange.Respond(head, target == "/204" || target == "/304" ? "" : "body");
    }
    co_return;
  };
  Begin();
  RawClient client(server_->port());
  const auto head = [](std::string_view target) {
    return base::StrCat("HEAD ", target, " HTTP/1.1\r\nHost: h\r\n\r\n");
  };
  client.Send(head("/") + head("/stream") + head("/length") + Get("/204") + Get("/304") +
              Get("/", "Connection: close\r\n"));
  EXPECT_EQ(client.ReadToEnd(),
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
            "HTTP/1.1 200 OK\r\n\r\n"
            "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"
            "HTTP/1.1 204 No Content\r\n\r\n"
            "HTTP/1.1 304 Not Modified\r\n\r\n" +
                Ok("body", "Connection: close\r\n"));
}

TEST_F(Http1Server, StreamsChunksWithTrailersAndKeepsHop) {
  handler_.handle = [](Exchange& exchange) -> async::Task<void> {
    const async::Context context;
    ResponseHead head;
    head.headers.Add("Trailer", "T");
    head.headers.Add("Transfer-Encoding", "gzip");  // the engine's
    exchange.Start(head);
    exchange.Write("one");
    co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(5)));
    exchange.Write("twotwotwotwotwotwo");
    EXPECT_TRUE((co_await exchange.Drain(context)).has_value());
    Headers trailers;
    trailers.Add("T", "end");
    exchange.Finish(&trailers);
    EXPECT_EQ(exchange.sent(), 21u);
  };
  Begin();
  RawClient client(server_->port());
  const std::string expected =
      "HTTP/1.1 200 OK\r\nTrailer: T\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\none\r\n12\r\ntwotwotwotwotwotwo\r\n0\r\nT: end\r\n\r\n";
  client.Send(Get("/"));
  EXPECT_EQ(client.Read(expected.size()), expected);
  client.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.ReadToEnd(), "HTTP/1.0 200 OK\r\nTrailer: T\r\n\r\nonetwotwotwotwotwotwo");
}

TEST_F(Http1Server, DeclaredLengthIsEnforced) {
  handler_.handle = [](Exchange& exchange) -> async::Task<void> {
    ResponseHead head;
    head.headers.Add("Content-Length", "5");
    exchange.Start(head);
    exchange.Write("abc");
    if (exchange.request().target == "/long") exchange.Write("defgh");
    if (exchange.request().target == "/fits") exchange.Write("de");
    exchange.Finish(nullptr);
    co_return;
  };
  Begin();
  RawClient fits(server_->port());
  fits.Send(Get("/fits"));
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  EXPECT_EQ(fits.Read(head.size() + 5), head + "abcde");
  for (const char* target : {"/long", "/short"}) {
    RawClient client(server_->port());
    client.Send(Get(target));
    EXPECT_EQ(client.ReadToEnd(), head + "abc") << target;
    EXPECT_TRUE(client.ended());
  }
}

TEST_F(Http1Server, ReadsBodiesOfBothFramingsAndTrailers) {
  handler_.handle = [this](Exchange& exchange) -> async::Task<void> {
    co_await EchoBody(exchange);
    if (exchange.body().trailers()) log_.Add(std::string(*exchange.body().trailers()->Get("t")));
  };
  Begin();
  RawClient client(server_->port());
  const std::string big(300'000, 'x');
  client.Send(
      base::StrCat("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ", big.size(), "\r\n\r\n"));
  client.Send(big);
  EXPECT_EQ(client.Read(Ok(big).size()), Ok(big));
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  client.Send("2\r\nde\r\n0\r\nT: last\r\n\r\n");
  EXPECT_EQ(client.Read(Ok("abcde").size()), Ok("abcde"));
  EXPECT_EQ(log_.WaitFor("last"), "last;");
}

TEST_F(Http1Server, ContinueIsSentWhenTheBodyIsAskedFor) {
  handler_.handle = [](Exchange& exchange) -> async::Task<void> {
    if (exchange.request().target == "/refuse") {
      ResponseHead head;
      head.status = 413;
      exchange.Respond(head, "");
      co_return;
    }
    co_await EchoBody(exchange);
  };
  Begin();
  const auto head = [](std::string_view target) {
    return base::StrCat(
        "POST ", target,
        " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  };
  RawClient client(server_->port());
  client.Send(head("/"));
  EXPECT_EQ(client.ReadSome(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("hi");
  EXPECT_EQ(client.Read(Ok("hi").size()), Ok("hi"));
  // Not after the body has come along, and not for a body that is not wanted.
  client.Send(head("/") + "hi");
  EXPECT_EQ(client.Read(Ok("hi").size()), Ok("hi"));
  client.Send(head("/refuse"));
  EXPECT_EQ(
      client.ReadToEnd(),
      "HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

TEST_F(Http1Server, InterimResponsesComeFirst) {
  handler_.handle = [](Exchange& exchange) -> async::Task<void> {
    ResponseHead hints;
    hints.status = 103;
    hints.headers.Add("Link", "</x>");
    exchange.Inform(hints);
    exchange.Respond({}, "x");
    exchange.Inform(hints);
    co_return;
  };
  Begin();
  RawClient client(server_->port());
  client.Send(Get("/", "Connection: close\r\n"));
  EXPECT_EQ(client.ReadToEnd(),
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + Ok("x", "Connection: close\r\n"));
}

TEST_F(Http1Server, UnreadBodiesAreSkippedOrTheConnectionCloses) {
  handler_.try_handle = [](Exchange& exchange) {
    exchange.Respond({}, "early");
    return true;
  };
  Begin();
  const auto head = [](std::size_t size) {
    return base::StrCat("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ", size, "\r\n\r\n");
  };
  RawClient client(server_->port());
  client.Send(head(200'000));
  EXPECT_EQ(client.Read(Ok("early").size()), Ok("early"));
  client.Send(std::string(200'000, 'b') + Get("/next"));
  EXPECT_EQ(client.Read(Ok("early").size()), Ok("early"));
  client.Send(head(10'000'000));
  client.Send(std::string(5'000'000, 'b'));
  EXPECT_EQ(client.ReadToEnd(), Ok("early", "Connection: close\r\n"));
  EXPECT_FALSE(client.was_reset());
}

TEST_F(Http1Server, HandlerFaultsBecome500OrACut) {
  handler_.handle = [](Exchange& exchange) -> async::Task<void> {
    if (exchange.request().target == "/throw") throw std::runtime_error("boom");
    if (exchange.request().target == "/half") {
      exchange.Start({});
      exchange.Write("half");
    }
    co_return;
  };
  Begin();
  const std::string refusal =
      "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Length: 25\r\nConnection: close\r\n\r\n500 Internal Server Error";
  for (const char* target : {"/throw", "/nothing"}) {
    RawClient client(server_->port());
    client.Send(Get(target));
    EXPECT_EQ(client.ReadToEnd(), refusal) << target;
  }
  RawClient client(server_->port());
  client.Send(Get("/half"));
  EXPECT_EQ(client.ReadToEnd(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
}

TEST_F(Http1Server, ResetCancelsButAHalfClosedPeerIsAnswered) {
  handler_.handle = [this](Exchange& exchange) -> async::Task<void> {
    log_.Add("begin " + exchange.request().target);
    const async::Context context(async::Loop::Current()->After(milliseconds(
                                     exchange.request().target == "/fin" ? 50 : 10'000)),
                                 &exchange.cancel());
    async::Event never;
    const async::Wake wake = co_await never.Wait(context);
    log_.Add(wake == async::Wake::kCanceled ? "canceled" : "waited");
    exchange.Respond({}, "late");
  };
  Begin();
  RawClient reset(server_->port());
  reset.Send(Get("/rst"));
  log_.WaitFor("begin /rst");
  reset.Reset();
  EXPECT_EQ(log_.WaitFor("canceled"), "begin /rst;canceled;");
  RawClient half(server_->port());
  half.Send(Get("/fin"));
  log_.WaitFor("begin /fin");
  half.EndWrite();
  EXPECT_EQ(half.ReadToEnd(), Ok("late"));
  EXPECT_EQ(log_.WaitFor("waited"), "begin /rst;canceled;begin /fin;waited;");
}

TEST_F(Http1Server, SlowReaderOfALargeBodyIsWaitedFor) {
  constexpr std::size_t kTotal = 20'000'000;
  std::atomic<std::size_t> most{0};
  handler_.handle = [&most](Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    const std::string piece(50'000, 'p');
    exchange.Start({});
    while (exchange.sent() < kTotal) {
      exchange.Write(piece);
      EXPECT_TRUE((co_await exchange.Drain(context)).has_value());
      if (exchange.congested()) most = most + 1;
    }
    exchange.Finish(nullptr);
  };
  Begin();
  RawClient client(server_->port());
  client.Send(Get("/", "Connection: close\r\n"));
  std::size_t total = 0;
  for (std::string part; !(part = client.ReadSome()).empty();) total += part.size();
  EXPECT_GT(total, kTotal);
  EXPECT_EQ(most, 0u);
}

TEST_F(Http1Server, LargeAnswersArriveWhole) {
  const std::string big(3'000'000, 'z');
  handler_.try_handle = [&big](Exchange& exchange) {
    exchange.Respond({}, big);
    return true;
  };
  Begin();
  RawClient client(server_->port());
  client.Send(Get("/1") + Get("/2"));
  EXPECT_TRUE(client.Read(2 * Ok(big).size()) == Ok(big) + Ok(big));
}

TEST_F(Http1Server, TimeoutsEndSlowPeers) {
  ServerOptions options;
  options.header_timeout = milliseconds(40);
  options.idle_timeout = milliseconds(80);
  options.body_stall_timeout = milliseconds(40);
  options.write_stall_timeout = milliseconds(60);
  const std::string big(30'000'000, 'z');
  handler_.handle = [&](Exchange& exchange) -> async::Task<void> {
    if (exchange.request().target == "/big") {
      const async::Context context;
      exchange.Start({});
      exchange.Write(big);
      log_.Add((co_await exchange.Drain(context)) ? "drained" : "gone");
      co_return;
    }
    co_await EchoBody(exchange);
  };
  Begin(options);
  const std::string refusal =
      "HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Length: 19\r\nConnection: close\r\n\r\n408 Request Timeout";
  RawClient head(server_->port());
  head.Send("GET / HTTP/1.1\r\nHost: h");
  EXPECT_EQ(head.ReadToEnd(), refusal);
  RawClient body(server_->port());
  body.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc");
  EXPECT_EQ(body.ReadToEnd(), refusal);
  RawClient idle(server_->port());
  idle.Send(Get("/"));
  EXPECT_EQ(idle.ReadToEnd(), Ok(""));
  EXPECT_TRUE(idle.ended());
  RawClient reader(server_->port());
  reader.Send(Get("/big"));
  EXPECT_EQ(log_.WaitFor("gone"), "gone;");
}

TEST_F(Http1Server, DrainClosesIdleAndFinishesBusyConnections) {
  handler_.handle = [this](Exchange& exchange) -> async::Task<void> {
    if (exchange.request().target == "/slow") {
      log_.Add("slow");
      const async::Context context;
      co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(60)));
    }
    exchange.Respond({}, "done");
  };
  Begin();
  RawClient idle(server_->port());
  idle.Send(Get("/"));
  EXPECT_EQ(idle.Read(Ok("done").size()), Ok("done"));
  RawClient busy(server_->port());
  busy.Send(Get("/slow"));
  log_.WaitFor("slow");
  EXPECT_EQ(server_->connections(), 2u);
  server_->Drain(milliseconds(5000));
  EXPECT_EQ(server_->connections(), 0u);
  EXPECT_EQ(idle.ReadToEnd(), "");
  EXPECT_EQ(busy.ReadToEnd(), Ok("done", "Connection: close\r\n"));
}

TEST_F(Http1Server, DrainAbortsWhatDoesNotEnd) {
  handler_.handle = [this](Exchange& exchange) -> async::Task<void> {
    log_.Add("begin");
    const async::Context context(async::kForever, &exchange.cancel());
    async::Event never;
    co_await never.Wait(context);
    log_.Add("canceled");
  };
  Begin();
  RawClient client(server_->port());
  client.Send(Get("/"));
  log_.WaitFor("begin");
  server_->Drain(milliseconds(20));
  EXPECT_EQ(log_.WaitFor("canceled"), "begin;canceled;");
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(Http1Server, AnHttp2OnlyPortSaysSo) {
  ServerOptions options;
  options.allow_http1 = false;
  Begin(options);
  RawClient client(server_->port());
  client.Send("P");
  client.Send(Get("/").substr(1));
  EXPECT_EQ(
      client.ReadToEnd(),
      "HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Length: 37\r\nConnection: close\r\n\r\nthis port speaks HTTP/2 (gRPC) only\r\n");
}

TEST_F(Http1Server, TheHttp2PrefaceMayComeInPieces) {
  Begin();
  RawClient client(server_->port());
  for (std::string_view part : {"PRI * HT", "TP/2.0\r\n\r\nSM\r\n\r\n"}) client.Send(part);
  client.Send(std::string_view("\0\0\0\4\0\0\0\0\0", 9));
  const std::string frame = client.ReadSome();
  ASSERT_GE(frame.size(), 9u);
  EXPECT_EQ(frame[3], 4) << "a SETTINGS frame";
  RawClient http1(server_->port());
  handler_.try_handle = [](Exchange& exchange) {
    exchange.Respond({}, exchange.request().method);
    return true;
  };
  http1.Send("P");
  http1.Send("OST / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(http1.Read(Ok("POST").size()), Ok("POST"));
}

}  // namespace
}  // namespace http
