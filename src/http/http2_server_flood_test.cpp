// The server against peers that flood it with frames that cost them nothing.
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

ServerOptions Tight() {
  ServerOptions options;
  options.max_control_per_second = 10;  // and 100 a second of cheap frames, 1000 at once
  options.max_resets_per_second = 10;
  return options;
}

void ExpectCut(const std::string& unit, int times, const ServerOptions& options = Tight(),
               const std::string& before = {}) {
  Rig rig(options);
  HoldAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  peer.ReadWhileSending();
  peer.Send(before);
  std::string flood;
  for (int i = 0; i < times; ++i) flood += unit;
  peer.Send(flood);
  EXPECT_EQ(peer.GoAwayCode(), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(peer.ClosedSoon());
}

TEST(Http2ServerFlood, Pings) {
  ExpectCut(MakeFrame(NGHTTP2_PING, 0, 0, "12345678"), 200);
}
TEST(Http2ServerFlood, PingAcknowledgements) {
  ExpectCut(MakeFrame(NGHTTP2_PING, kAck, 0, "12345678"), 200);
}
TEST(Http2ServerFlood, Settings) {
  ExpectCut(MakeFrame(NGHTTP2_SETTINGS, 0, 0), 200);
}
TEST(Http2ServerFlood, Priorities) {
  ExpectCut(MakeFrame(NGHTTP2_PRIORITY, 0, 5, Be32(3) + "x"), 2000);
}
TEST(Http2ServerFlood, WindowUpdates) {
  ExpectCut(MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, 0, Be32(1)), 2000);
}
TEST(Http2ServerFlood, UnknownFrames) {
  ExpectCut(MakeFrame(0xfa, 0, 0, "x"), 2000);
}
TEST(Http2ServerFlood, EmptyData) {
  ExpectCut(MakeFrame(NGHTTP2_DATA, 0, 1), 2000, Tight(),
            MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 1, RequestFields("POST")));
}
TEST(Http2ServerFlood, EmptyContinuations) {
  ExpectCut(MakeFrame(NGHTTP2_CONTINUATION, 0, 1), 2000, {},
            MakeFrame(NGHTTP2_HEADERS, 0, 1, RequestFields()));
}
TEST(Http2ServerFlood, LongContinuations) {
  std::string fields;
  while (fields.size() < 16000) fields += Field("x", std::string(100, 'x'));
  ExpectCut(MakeFrame(NGHTTP2_CONTINUATION, 0, 1, fields), 60, {},
            MakeFrame(NGHTTP2_HEADERS, 0, 1, RequestFields()));
}

TEST(Http2ServerFlood, CompressedHeaderBomb) {
  // One long field into the dynamic table, then thousands of one-byte references to it.
  std::string block = RequestFields();
  block += '\x40';
  block += Field("x", std::string(3900, 'x')).substr(1);
  block += std::string(8000, '\xbe');
  ExpectCut(MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 1, block), 1, {});
}

TEST(Http2ServerFlood, RapidReset) {
  Rig rig(Tight());
  HoldAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  peer.ReadWhileSending();
  std::string flood;
  for (int32_t id = 1; id < 2000; id += 2) {
    flood += Get(id) + MakeFrame(NGHTTP2_RST_STREAM, 0, id, Be32(NGHTTP2_CANCEL));
  }
  peer.Send(flood);
  EXPECT_EQ(peer.GoAwayCode(), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(peer.ClosedSoon());
  EXPECT_LE(rig.handler.calls, 200);
}

TEST(Http2ServerFlood, ResetsProvokedFromTheServer) {
  Rig rig(Tight());
  HoldAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  peer.ReadWhileSending();
  std::string flood;
  for (int32_t id = 1; id < 2000; id += 2) {
    flood += Get(id) + MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, id, Be32(0x7fffffff));
  }
  peer.Send(flood);
  EXPECT_EQ(peer.GoAwayCode(), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(peer.ClosedSoon());
}

TEST(Http2ServerFlood, PingsThatAccompanyAnswersAreNone) {
  Rig rig(Tight());
  AnswerAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  peer.ReadWhileSending();
  for (int32_t id = 1; id < 2000; id += 2) {
    peer.Send(Get(id) + MakeFrame(NGHTTP2_PING, 0, 0, "12345678"));
  }
  EXPECT_EQ(peer.NextOf(NGHTTP2_DATA, 1999).payload, "hello");
}

}  // namespace
}  // namespace http
