// What a server connection does with a peer that asks for more than it takes.
#include "http/http2_test_util.hpp"

namespace http {
namespace {
using namespace test;

constexpr std::size_t kBody = 10'000;

std::string Get(int32_t id) {
  return MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, id, RequestFields());
}
std::string Window(uint32_t size) {
  return MakeFrame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\4", 2) + Be32(size));
}
ServerOptions Small() {
  ServerOptions options;
  options.max_unsent = 10 * kBody;
  return options;
}
void AnswerAll(Rig& rig) {
  rig.handler.now = [](Exchange& exchange) {
    exchange.Respond(ResponseHead{}, std::string(kBody, 'x'));
    return true;
  };
}
std::string Ask(int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += Get(2 * i + 1);
  return all;
}

TEST(Http2Output, RequestsWaitUntilAnswersAreTaken) {
  Rig rig(Small());
  AnswerAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  peer.Send(Window(0) + Ask(30));
  rig.Settle();
  EXPECT_EQ(rig.handler.calls, 10);
  EXPECT_EQ(rig.core.in_flight, 0u);
  peer.Send(Window(kBody) + MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, 0, Be32(1'000'000)));
  int32_t last = 0;
  for (int ended = 0; ended < 30;) {
    const Frame frame = peer.NextOf(NGHTTP2_DATA);
    ASSERT_EQ(frame.type, NGHTTP2_DATA) << ended;
    if (!(frame.flags & kEndStream)) continue;
    ++ended;
    last = std::max(last, frame.id);
  }
  EXPECT_EQ(rig.handler.calls, 30);
  EXPECT_EQ(last, 59);
}

TEST(Http2Output, RequestsThatWaitAreHandledInOrder) {
  Rig rig(Small());
  std::vector<std::string> order;
  rig.handler.now = [&](Exchange& exchange) {
    order.push_back(exchange.request().target);
    exchange.Respond(ResponseHead{}, std::string(kBody, 'x'));
    return true;
  };
  RawPeer peer = RawPeer::Client(rig);
  std::string all = Window(0);
  for (int i = 0; i < 40; ++i) {
    all += MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 2 * i + 1,
                     RequestFields("GET", "/" + std::to_string(i)));
  }
  peer.Send(all);
  rig.Settle();
  ASSERT_EQ(order.size(), 10u);
  peer.Send(Window(kBody) + MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, 0, Be32(1'000'000)));
  EXPECT_TRUE(rig.RunUntil([&] { return order.size() == 40; }));
  for (int i = 0; i < 40; ++i) EXPECT_EQ(order.at(i), "/" + std::to_string(i));
}

TEST(Http2Output, ResetsMakeRoomAndEndWaiting) {
  Rig rig(Small());
  AnswerAll(rig);
  RawPeer peer = RawPeer::Client(rig);
  peer.Send(Window(0) + Ask(15));
  rig.Settle();
  ASSERT_EQ(rig.handler.calls, 10);
  // The last two, which wait: they are never handled.
  std::string resets;
  for (const int32_t id : {27, 29}) {
    resets += MakeFrame(NGHTTP2_RST_STREAM, 0, id, Be32(NGHTTP2_CANCEL));
  }
  peer.Send(resets);
  rig.Settle();
  EXPECT_EQ(rig.handler.calls, 10);
  resets.clear();
  for (int32_t id = 1; id < 11; id += 2) {
    resets += MakeFrame(NGHTTP2_RST_STREAM, 0, id, Be32(NGHTTP2_CANCEL));
  }
  peer.Send(resets);
  EXPECT_TRUE(rig.RunUntil([&] { return rig.handler.calls == 13; }));
  rig.Settle();
  EXPECT_EQ(rig.handler.calls, 13);
}

TEST(Http2Output, AConnectionMayEndWhileRequestsWait) {
  Rig rig(Small());
  AnswerAll(rig);
  {
    RawPeer peer = RawPeer::Client(rig);
    peer.Send(Window(0) + Ask(30));
    rig.Settle();
    EXPECT_EQ(rig.handler.calls, 10);
  }
  EXPECT_TRUE(rig.RunUntil([&] { return rig.core.connections.size() == 0; }));
  EXPECT_EQ(rig.handler.calls, 10);
}

TEST(Http2Output, StreamsOfAFullConnectionPauseEarlier) {
  Rig rig(Small());
  async::Event go;
  bool congested = false;
  bool drained = false;
  rig.handler.later = [&](Exchange& exchange) -> async::Task<void> {
    const async::Context context(async::kForever, &exchange.cancel());
    if (exchange.request().target == "/big") {
      exchange.Respond(ResponseHead{}, std::string(10 * kBody, 'x'));
      co_return;
    }
    exchange.Start(ResponseHead{});
    exchange.Write(std::string(2 * kBody, 'y'));
    EXPECT_FALSE(exchange.congested());
    co_await go.Wait(context);
    congested = exchange.congested();
    drained = (co_await exchange.Drain(context)).has_value();
    exchange.Finish();
  };
  RawPeer peer = RawPeer::Client(rig);
  peer.Send(Window(0) + Get(1) +
            MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 3, RequestFields("GET", "/big")));
  rig.Settle();
  rig.loop.Post([&] { go.Set(); });
  EXPECT_TRUE(rig.RunUntil([&] { return congested; }));
  rig.Settle();
  EXPECT_FALSE(drained);
  peer.Send(MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, 1, Be32(kBody)));
  EXPECT_TRUE(rig.RunUntil([&] { return drained; }));
}

}  // namespace
}  // namespace http
