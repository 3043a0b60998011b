// The server's limits, timeouts and ends, against peers that stall or leave.
#include <array>

#include "http/http2_test_util.hpp"

namespace http {
namespace {
using namespace test;

void AnswerAll(Rig& rig) {
  rig.handler.now = [](Exchange& exchange) {
    exchange.Respond(ResponseHead{.status = 200}, "hello");
    return true;
  };
}
void HoldAll(Rig& rig) {
  rig.handler.later = [](Exchange& exchange) -> async::Task<void> {
    async::Event never;
    const async::Context context(async::kForever, &exchange.cancel());
    co_await never.Wait(context);
  };
}
std::string Get(int32_t id, std::string_view more = {}) {
  return MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, id, RequestFields().append(more));
}

TEST(Http2Server, TooLargeHeadGets431AndTheConnectionGoesOn) {
  Rig rig;
  AnswerAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  peer.Send(Get(1, Field("x", std::string(9000, 'x'))) + Get(3));
  const Frame head = peer.NextOf(NGHTTP2_HEADERS, 1);
  EXPECT_NE(head.payload.find("431"), std::string::npos) << "(not Huffman coded: three digits)";
  EXPECT_EQ(peer.NextOf(NGHTTP2_DATA, 3).payload, "hello");
  EXPECT_EQ(rig.handler.calls, 1);
}

TEST(Http2Server, MoreStreamsThanAllowedAreRefused) {
  ServerOptions options;
  options.max_concurrent_streams = 2;
  Rig rig(options);
  HoldAll(rig);
  RawPeer peer = RawPeer::Client(rig, false);
  peer.Send(std::string(kPreface) + MakeFrame(NGHTTP2_SETTINGS, 0, 0) + Get(1) + Get(3) + Get(5));
  const Frame frame = peer.NextOf(NGHTTP2_RST_STREAM);
  EXPECT_EQ(frame.id, 5);
  EXPECT_EQ(frame.Number(0), NGHTTP2_REFUSED_STREAM);
}

TEST(Http2Server, SilentPeerIsPingedAndCut) {
  ServerOptions options;
  options.keepalive_interval = milliseconds(30);
  options.keepalive_timeout = milliseconds(30);
  Rig rig(options);
  RawPeer peer = RawPeer::Client(rig);
  EXPECT_EQ(peer.NextOf(NGHTTP2_PING).flags, 0);
  EXPECT_TRUE(peer.ClosedSoon(milliseconds(2000)));
}

TEST(Http2Server, AnsweredPingsKeepTheConnection) {
  ServerOptions options;
  options.keepalive_interval = milliseconds(30);
  options.keepalive_timeout = milliseconds(300);
  Rig rig(options);
  AnswerAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  for (int i = 0; i < 3; ++i) {
    const Frame ping = peer.NextOf(NGHTTP2_PING);
    ASSERT_EQ(ping.type, NGHTTP2_PING);
    peer.Send(MakeFrame(NGHTTP2_PING, kAck, 0, ping.payload));
  }
  peer.Send(Get(1));
  EXPECT_EQ(peer.NextOf(NGHTTP2_DATA).payload, "hello");
}

TEST(Http2Server, SlowPrefaceAndSlowHeadersAreCut) {
  ServerOptions options;
  options.header_timeout = milliseconds(50);
  Rig rig(options);
  RawPeer silent = RawPeer::Client(rig, false);
  silent.Send(kPreface.substr(0, 10));
  RawPeer slow = RawPeer::Client(rig);
  slow.Send(MakeFrame(NGHTTP2_HEADERS, 0, 1, RequestFields()));
  RawPeer partial = RawPeer::Client(rig);
  partial.Send(Get(1).substr(0, 20));
  EXPECT_TRUE(silent.ClosedSoon(milliseconds(3000)));
  EXPECT_EQ(slow.GoAwayCode(), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_EQ(partial.GoAwayCode(), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST(Http2Server, SettingsThatAreNotAcknowledgedEndTheConnection) {
  ServerOptions options;
  options.header_timeout = milliseconds(50);
  Rig rig(options);
  AnswerAll(rig);
  RawPeer peer = RawPeer::Client(rig, false);
  peer.Send(std::string(kPreface) + MakeFrame(NGHTTP2_SETTINGS, 0, 0) + Get(1));
  EXPECT_EQ(peer.NextOf(NGHTTP2_DATA, 1).payload, "hello");
  EXPECT_EQ(peer.GoAwayCode(), NGHTTP2_SETTINGS_TIMEOUT);
  EXPECT_TRUE(peer.ClosedSoon(milliseconds(3000)));
}

TEST(Http2Server, IdleConnectionIsClosedPolitely) {
  ServerOptions options;
  options.idle_timeout = milliseconds(50);
  Rig rig(options);
  AnswerAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  EXPECT_EQ(peer.GoAwayCode(), NGHTTP2_NO_ERROR);
  EXPECT_TRUE(peer.ClosedSoon(milliseconds(3000)));
}

TEST(Http2Server, StalledBodyAndStalledReaderAreReset) {
  ServerOptions options;
  options.body_stall_timeout = milliseconds(50);
  options.write_stall_timeout = milliseconds(50);
  Rig rig(options);
  rig.handler.later = [](Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    if (exchange.request().method == "POST") {
      co_await ReadAll(exchange.body(), context, 1 << 20);
    } else {
      exchange.Respond(ResponseHead{}, std::string(100'000, 'x'));  // more than the peer's window
    }
  };
  RawPeer peer = RawPeer::Client(rig);
  peer.Send(MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 1, RequestFields("POST")) + Get(3) +
            MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 5,
                      RequestFields("POST") + Field("content-type", "application/grpc")));
  std::array<bool, 6> reset{};
  for (int i = 0; i < 2; ++i) {
    const Frame frame = peer.NextOf(NGHTTP2_RST_STREAM, -1, milliseconds(3000));
    ASSERT_EQ(frame.type, NGHTTP2_RST_STREAM);
    reset.at(static_cast<std::size_t>(frame.id)) = true;
  }
  EXPECT_TRUE(reset[1]);
  EXPECT_TRUE(reset[3]);
  EXPECT_FALSE(reset[5]) << "a gRPC stream may rest";
}

TEST(Http2Server, PeerThatReadsNothingIsCut) {
  ServerOptions options;
  options.write_stall_timeout = milliseconds(100);
  Rig rig(options);
  rig.handler.later = [](Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    exchange.Start(ResponseHead{});
    const std::string chunk(64 * 1024, 'x');
    while (!exchange.finished() && !exchange.cancel().canceled()) {
      exchange.Write(chunk);
      if (!co_await exchange.Drain(context)) break;
    }
  };
  RawPeer peer = RawPeer::Client(rig);
  peer.Send(MakeFrame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\4", 2) + Be32(0x7fffffff)) +
            MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, 0, Be32(0x70000000)) + Get(1));
  EXPECT_TRUE(rig.RunUntil([&] { return rig.core.connections.size() == 0; }, milliseconds(5000)));
  EXPECT_EQ(rig.core.in_flight, 0u);
}

TEST(Http2Server, UnreadRequestIsRefusedAfterItsAnswer) {
  Rig rig;
  AnswerAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  std::string upload = MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 1, RequestFields("POST"));
  peer.Send(upload);
  EXPECT_EQ(peer.NextOf(NGHTTP2_DATA, 1).flags, kEndStream);
  for (int i = 0; i < 3; ++i) peer.Send(MakeFrame(NGHTTP2_DATA, 0, 1, std::string(16000, 'x')));
  const Frame reset = peer.NextOf(NGHTTP2_RST_STREAM, 1);
  ASSERT_EQ(reset.type, NGHTTP2_RST_STREAM);
  EXPECT_EQ(reset.Number(0), NGHTTP2_NO_ERROR);
  peer.Send(MakeFrame(NGHTTP2_DATA, 0, 1, "late") + Get(3));
  EXPECT_EQ(peer.NextOf(NGHTTP2_DATA, 3).payload, "hello") << "late data is no fault";
}

TEST(Http2Server, UnreadBodyStopsThePeer) {
  ServerOptions options;
  options.stream_window = 65535;
  Rig rig(options);
  HoldAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  peer.Send(MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 1, RequestFields("POST")));
  for (int i = 0; i < 3; ++i) peer.Send(MakeFrame(NGHTTP2_DATA, 0, 1, std::string(16000, 'x')));
  rig.Settle();
  EXPECT_EQ(peer.NextOf(NGHTTP2_WINDOW_UPDATE, 1, milliseconds(50)).type, -1);
  peer.Send(MakeFrame(NGHTTP2_DATA, 0, 1, std::string(16384, 'x')));
  peer.Send(MakeFrame(NGHTTP2_DATA, 0, 1, std::string(16384, 'x')));
  const Frame reset = peer.NextOf(NGHTTP2_RST_STREAM, 1);
  ASSERT_EQ(reset.type, NGHTTP2_RST_STREAM);
  EXPECT_EQ(reset.Number(0), NGHTTP2_FLOW_CONTROL_ERROR);
}

TEST(Http2Server, DrainSaysGoodbyeTwiceAndServesWhatCameBetween) {
  Rig rig;
  async::Event go;
  rig.handler.later = [&](Exchange& exchange) -> async::Task<void> {
    const async::Context forever;
    co_await go.Wait(forever);
    exchange.Respond(ResponseHead{}, "done");
  };
  RawPeer peer = RawPeer::Client(rig);
  peer.Send(Get(1));
  rig.Settle();
  rig.loop.Post([&] { rig.core.drain.Cancel(); });
  const Frame first = peer.NextOf(NGHTTP2_GOAWAY);
  ASSERT_EQ(first.type, NGHTTP2_GOAWAY);
  EXPECT_EQ(first.Number(0), 0x7fffffffu);
  const Frame ping = peer.NextOf(NGHTTP2_PING);
  peer.Send(Get(3) + MakeFrame(NGHTTP2_PING, kAck, 0, ping.payload));
  const Frame second = peer.NextOf(NGHTTP2_GOAWAY);
  ASSERT_EQ(second.type, NGHTTP2_GOAWAY);
  EXPECT_EQ(second.Number(0), 3u);
  peer.Send(Get(5));
  rig.loop.Post([&] { go.Set(); });
  EXPECT_EQ(peer.NextOf(NGHTTP2_DATA, 1).payload, "done");
  EXPECT_EQ(peer.NextOf(NGHTTP2_DATA, 3).payload, "done");
  EXPECT_TRUE(peer.ClosedSoon());
  EXPECT_EQ(rig.handler.calls, 2);
}

TEST(Http2Server, ResetCancelsTheHandler) {
  Rig rig;
  bool canceled = false;
  rig.handler.later = [&](Exchange& exchange) -> async::Task<void> {
    async::Event never;
    const async::Context context(async::kForever, &exchange.cancel());
    canceled = co_await never.Wait(context) == async::Wake::kCanceled;
    exchange.Respond(ResponseHead{}, "nobody hears this");
  };
  RawPeer peer = RawPeer::Client(rig);
  peer.Send(Get(1));
  rig.Settle();
  EXPECT_FALSE(canceled);
  peer.Send(MakeFrame(NGHTTP2_RST_STREAM, 0, 1, Be32(NGHTTP2_CANCEL)));
  EXPECT_TRUE(rig.RunUntil([&] { return canceled; }));
}

TEST(Http2Server, LostConnectionCancelsTheHandlerAndIsWaitedFor) {
  Rig rig;
  async::Event release;
  bool canceled = false;
  rig.handler.later = [&](Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    canceled = co_await release.Wait(context) == async::Wake::kCanceled;
    const async::Context forever;
    co_await release.Wait(forever);
    exchange.Respond(ResponseHead{}, "");
  };
  {
    RawPeer peer = RawPeer::Client(rig);
    peer.Send(Get(1));
    rig.Settle();
  }
  EXPECT_TRUE(rig.RunUntil([&] { return canceled; }));
  EXPECT_EQ(rig.core.connections.size(), 1u) << "the handler is still at work";
  rig.loop.Post([&] { release.Set(); });
  EXPECT_TRUE(rig.RunUntil([&] { return rig.core.connections.size() == 0; }));
}

TEST(Http2Server, HandlerThatAnswersNothingIsAnsweredFor) {
  Rig rig;
  rig.handler.later = [](Exchange& exchange) -> async::Task<void> {
    if (exchange.request().target == "/half") {
      exchange.Start(ResponseHead{});
      exchange.Write("half");
    }
    co_return;
  };
  RawPeer peer = RawPeer::Client(rig);
  peer.Send(Get(1));
  EXPECT_NE(peer.NextOf(NGHTTP2_HEADERS, 1).type, -1);
  peer.Send(MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 3, RequestFields("GET", "/half")));
  EXPECT_EQ(peer.NextOf(NGHTTP2_RST_STREAM, 3).Number(0), NGHTTP2_INTERNAL_ERROR);
}

}  // namespace
}  // namespace http
