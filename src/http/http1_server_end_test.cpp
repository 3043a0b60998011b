// How requests and connections of the HTTP/1.1 server end, and how it tells HTTP/2 apart.
#include <atomic>

#include "async/gate.hpp"
#include "http/http1_server_test_util.hpp"

namespace http {
namespace {

using namespace http1_test;

TEST_F(Http1Server, LeavingCancelsButAHalfClosedPeerIsAnswered) {
  handler_.handle = [this](Exchange& exchange) -> async::Task<void> {
    log_.Add("begin " + exchange.request().target);
    const async::Context context(async::Loop::Current()->After(milliseconds(10'000)),
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
  EXPECT_EQ(log_.WaitFor("begin /fin;canceled"), "begin /rst;canceled;begin /fin;canceled;");
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

TEST_F(Http1Server, DrainAnswersWhatWasOnItsWayOnAnIdleConnection) {
  handler_.handle = [](Exchange& exchange) -> async::Task<void> {
    exchange.Respond({}, "done");
    co_return;
  };
  ServerOptions options;
  options.last_request_time = milliseconds(10'000);
  Begin(options);
  RawClient idle(server_->port());
  idle.Send(Get("/"));
  EXPECT_EQ(idle.Read(Ok("done").size()), Ok("done"));
  async::Gate gate;
  server_->loops().RunOn(0,
                         [&] { gate.Spawn(DrainServer(server_->server(), milliseconds(20'000))); });
  idle.Send(Get("/"));
  EXPECT_EQ(idle.ReadToEnd(), Ok("done", "Connection: close\r\n"));
  server_->loops().RunTaskOn(0, [&]() -> async::Task<void> {
    const async::Context patient;
    co_await gate.Close(patient);
  });
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
