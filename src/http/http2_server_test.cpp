// What the server makes of requests and of peers that break the rules; frames by hand.
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

TEST(Http2Server, AnswersAndSendsItsSettings) {
  Rig rig;
  AnswerAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  peer.Send(Get(1));
  const Frame settings = peer.Next();
  EXPECT_EQ(settings.type, NGHTTP2_SETTINGS);
  EXPECT_EQ(peer.NextOf(NGHTTP2_HEADERS).id, 1);
  const Frame data = peer.NextOf(NGHTTP2_DATA);
  EXPECT_EQ(data.payload, "hello");
  EXPECT_EQ(data.flags, kEndStream);
}

TEST(Http2Server, BuildsTheRequestHead) {
  Rig rig;
  RequestHead seen;
  rig.handler.now = [&](Exchange& exchange) {
    seen = exchange.request();
    exchange.Respond(ResponseHead{}, "");
    return true;
  };
  RawPeer peer = RawPeer::Client(rig);
  const std::string fields = Field(":method", "PUT") + Field(":scheme", "https") +
                             Field(":path", "/a%2Fb//c?x=1") + Field("host", "me:80") +
                             Field("cookie", "a=1") + Field("x-y", "z") + Field("cookie", "b=2");
  peer.Send(MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 1, fields));
  EXPECT_EQ(peer.NextOf(NGHTTP2_HEADERS).id, 1);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.scheme, "https");
  EXPECT_EQ(seen.target, "/a%2Fb//c?x=1");
  EXPECT_EQ(seen.authority, "me:80");
  EXPECT_EQ(seen.headers.Get("cookie"), "a=1; b=2");
  EXPECT_EQ(seen.headers.Get("x-y"), "z");
  EXPECT_EQ(seen.headers.size(), 2u);
}

TEST(Http2Server, StreamsOfOneReadAnswerInOneTurn) {
  Rig rig;
  AnswerAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  peer.Send(Get(1) + Get(3) + Get(5));
  for (const int32_t id : {1, 3, 5}) EXPECT_EQ(peer.NextOf(NGHTTP2_HEADERS).id, id);
  EXPECT_EQ(rig.handler.calls, 3);
}

TEST(Http2Server, TakesBytesOneByOne) {
  Rig rig;
  rig.handler.later = [](Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    auto body = co_await ReadAll(exchange.body(), context, 100);
    exchange.Respond(ResponseHead{}, *body);
  };
  RawPeer peer = RawPeer::Client(rig, false);
  const std::string bytes =
      std::string(kPreface) + MakeFrame(NGHTTP2_SETTINGS, 0, 0) +
      MakeFrame(NGHTTP2_HEADERS, 0, 1, RequestFields("POST").substr(0, 10)) +
      MakeFrame(NGHTTP2_CONTINUATION, kEndHeaders, 1, RequestFields("POST").substr(10)) +
      MakeFrame(NGHTTP2_DATA, kEndStream, 1, "hello") +
      MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, 0, Be32(5)) + MakeFrame(NGHTTP2_PRIORITY, 0, 3, "12345");
  for (const char byte : bytes) peer.Send(std::string_view(&byte, 1));
  EXPECT_EQ(peer.NextOf(NGHTTP2_DATA, 1).payload, "hello");
}

struct Fault {
  const char* name;
  std::string bytes;
  bool goaway;  // or RST_STREAM
  uint32_t code;
};

TEST(Http2Server, MalformedFramesGetTheRightError) {
  const std::string open = MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 1, RequestFields("POST"));
  const std::vector<Fault> faults = {
      {"DATA on stream 0", MakeFrame(NGHTTP2_DATA, 0, 0, "x"), true, NGHTTP2_PROTOCOL_ERROR},
      {"DATA on an idle stream", MakeFrame(NGHTTP2_DATA, 0, 1, "x"), true, NGHTTP2_PROTOCOL_ERROR},
      {"HEADERS on an even stream",
       MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 2, RequestFields()), true,
       NGHTTP2_PROTOCOL_ERROR},
      {"HEADERS below the last stream", Get(5) + Get(3), true, NGHTTP2_PROTOCOL_ERROR},
      {"HEADERS on a closed stream", Get(1) + Get(1), true, NGHTTP2_STREAM_CLOSED},
      {"frame too large", MakeFrame(NGHTTP2_DATA, 0, 1, std::string(16385, 'x')), true,
       NGHTTP2_FRAME_SIZE_ERROR},
      {"PING of 7 bytes", MakeFrame(NGHTTP2_PING, 0, 0, "1234567"), true, NGHTTP2_FRAME_SIZE_ERROR},
      {"SETTINGS of 5 bytes", MakeFrame(NGHTTP2_SETTINGS, 0, 0, "12345"), true,
       NGHTTP2_FRAME_SIZE_ERROR},
      {"WINDOW_UPDATE of 0", MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, 0, Be32(0)), true,
       NGHTTP2_PROTOCOL_ERROR},
      {"window overflow", MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, 0, Be32(0x7fffffff)), true,
       NGHTTP2_FLOW_CONTROL_ERROR},
      {"CONTINUATION alone", MakeFrame(NGHTTP2_CONTINUATION, kEndHeaders, 1, ""), true,
       NGHTTP2_PROTOCOL_ERROR},
      {"something between HEADERS and CONTINUATION",
       MakeFrame(NGHTTP2_HEADERS, 0, 1, RequestFields()) +
           MakeFrame(NGHTTP2_PING, 0, 0, "12345678"),
       true, NGHTTP2_PROTOCOL_ERROR},
      {"bad HPACK index", MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 1, "\xff\xff\x7f"), true,
       NGHTTP2_COMPRESSION_ERROR},
      {"PUSH_PROMISE from a client", MakeFrame(NGHTTP2_PUSH_PROMISE, kEndHeaders, 1, Be32(2)), true,
       NGHTTP2_PROTOCOL_ERROR},
      {"PRIORITY on stream 0", MakeFrame(NGHTTP2_PRIORITY, 0, 0, Be32(1) + "x"), true,
       NGHTTP2_PROTOCOL_ERROR},
      {"PRIORITY on itself", MakeFrame(NGHTTP2_PRIORITY, 0, 7, Be32(7) + "x"), true,
       NGHTTP2_PROTOCOL_ERROR},
      {"upper-case name",
       MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 1, RequestFields() + Field("X-Y", "1")), false,
       NGHTTP2_PROTOCOL_ERROR},
      {"connection-specific field",
       MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 1, RequestFields() + Field("connection", "close")),
       false, NGHTTP2_PROTOCOL_ERROR},
      {"no path",
       MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 1,
                 Field(":method", "GET") + Field(":scheme", "http")),
       false, NGHTTP2_PROTOCOL_ERROR},
      {"line break in a value",
       MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 1, RequestFields() + Field("x", "a\r\nb: c")), false,
       NGHTTP2_PROTOCOL_ERROR},
      {"more body than promised",
       MakeFrame(NGHTTP2_HEADERS, kEndHeaders, 1,
                 RequestFields("POST") + Field("content-length", "1")) +
           MakeFrame(NGHTTP2_DATA, kEndStream, 1, "xx"),
       false, NGHTTP2_PROTOCOL_ERROR},
      {"stream window overflow", open + MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, 1, Be32(0x7fffffff)),
       false, NGHTTP2_FLOW_CONTROL_ERROR},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    Rig rig;
    HoldAll(rig);
    if (std::string_view(fault.name).starts_with("HEADERS on a closed")) AnswerAll(rig);
    RawPeer peer = RawPeer::Client(rig);
    peer.Send(fault.bytes);
    if (fault.goaway) {
      EXPECT_EQ(peer.GoAwayCode(), fault.code);
      EXPECT_TRUE(peer.ClosedSoon());
    } else {
      const Frame frame = peer.NextOf(NGHTTP2_RST_STREAM, 1);
      ASSERT_EQ(frame.type, NGHTTP2_RST_STREAM);
      EXPECT_EQ(frame.Number(0), fault.code);
    }
  }
}

TEST(Http2Server, GarbageInsteadOfPrefaceEndsTheConnection) {
  Rig rig;
  RawPeer peer = RawPeer::Client(rig, false);
  peer.Send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  EXPECT_TRUE(peer.ClosedSoon());
}

}  // namespace
}  // namespace http
