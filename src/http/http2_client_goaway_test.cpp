// How connections of the client end in good order.
#include <set>

#include "http/http2_client_session.hpp"
#include "http/http2_test_util.hpp"

namespace http {
namespace {
using namespace test;
using Outcome = Http2ClientConnection::Outcome;

TEST(Http2Client, DrainingServerLosesNoRequest) {
  Rig rig;
  rig.handler.later = [&](Exchange& exchange) -> async::Task<void> {
    const async::Context context;
    co_await async::Sleep(context, rig.loop.After(milliseconds(3)));
    exchange.Respond(ResponseHead{}, "ok");
  };
  auto* client = &rig.Connect();
  int good = 0;
  int bad = 0;
  int resent = 0;
  async::Gate gate;
  const auto worker = [&]() -> async::Task<void> {
    const async::Context context;
    for (int i = 0; i < 20; ++i) {
      Outcome outcome = co_await client->Send(context, Head("GET", "/"), nullptr, nullptr);
      if (outcome.response) {
        auto body = co_await ReadAll(*outcome.response->body, context, 100);
        ++(body && *body == "ok" ? good : bad);
      } else {
        ++(outcome.unprocessed ? resent : bad);
        if (outcome.unprocessed) co_return;
      }
    }
  };
  rig.loop.Post([&] {
    for (int i = 0; i < 50; ++i) gate.Spawn(worker());
  });
  EXPECT_TRUE(rig.RunUntil([&] { return good > 200; }));
  rig.loop.Post([&] { rig.core.drain.Cancel(); });
  EXPECT_TRUE(rig.RunUntil([&] { return gate.size() == 0; }));
  EXPECT_EQ(bad, 0);
  EXPECT_FALSE(client->usable());
  EXPECT_TRUE(rig.RunUntil([&] { return client->closed().is_set(); }));
  EXPECT_TRUE(rig.RunUntil([&] { return rig.core.connections.size() == 0; }));
}

TEST(Http2Client, AServerThatEndsACallAtItsDeadlineTimedOut) {
  Rig rig;
  net::Socket far;
  auto& client = rig.Connect({}, &far);
  RawPeer server(rig, std::move(far));
  std::vector<base::Kind> kinds;
  async::Gate gate;
  const auto one = [&](async::TimePoint deadline) -> async::Task<void> {
    const async::Context context(deadline);
    Outcome outcome = co_await client.Send(context, Head("GET", "/"), nullptr, nullptr);
    EXPECT_FALSE(outcome.response);
    kinds.push_back(outcome.response ? base::Kind::kInternal : outcome.response.error().kind);
  };
  const auto end = [&](int32_t id) {
    EXPECT_EQ(server.NextOf(NGHTTP2_HEADERS, id).id, id);
    server.Send(MakeFrame(NGHTTP2_RST_STREAM, 0, id, Be32(NGHTTP2_CANCEL)));
    EXPECT_TRUE(rig.RunUntil([&] { return gate.size() == 0; }));
  };
  server.Send(MakeFrame(NGHTTP2_SETTINGS, 0, 0));
  rig.loop.Post([&] { gate.Spawn(one(async::kForever)); });
  end(1);
  rig.loop.Post([&] { gate.Spawn(one(async::Clock::now() + milliseconds(4))); });
  end(3);
  EXPECT_EQ(kinds, (std::vector{base::Kind::kCanceled, base::Kind::kTimeout}));
}

TEST(Http2Client, GoAwayTellsWhatWasNotProcessed) {
  Rig rig;
  net::Socket far;
  auto& client = rig.Connect({}, &far);
  RawPeer server(rig, std::move(far));
  std::vector<std::pair<std::string, bool>> failures;
  async::Gate gate;
  PipeBody taken;  // cannot be sent again
  taken.Write("data");
  taken.Close();
  const auto one = [&](bool with_body) -> async::Task<void> {
    const async::Context context;
    Outcome outcome =
        co_await client.Send(context, Head("POST", "/"), with_body ? &taken : nullptr, nullptr);
    failures.emplace_back(outcome.response ? "" : outcome.response.error().message,
                          outcome.unprocessed);
  };
  rig.loop.Post([&] {
    gate.Spawn(one(false));  // stream 1
    gate.Spawn(one(false));  // stream 3
    gate.Spawn(one(true));   // stream 5
  });
  EXPECT_EQ(server.NextOf(NGHTTP2_HEADERS, 5).id, 5);
  server.Send(MakeFrame(NGHTTP2_SETTINGS, 0, 0) +
              MakeFrame(NGHTTP2_GOAWAY, 0, 0, Be32(1) + Be32(NGHTTP2_NO_ERROR) + "so long"));
  EXPECT_TRUE(rig.RunUntil([&] { return failures.size() == 2; }));
  EXPECT_TRUE(failures.at(0).second || failures.at(1).second);
  EXPECT_FALSE(failures.at(0).second && failures.at(1).second) << "a body was touched";
  EXPECT_NE(failures.at(0).first.find("so long"), std::string::npos);
  EXPECT_FALSE(client.usable());
  EXPECT_EQ(client.streams(), 1u);
  server.Send(MakeFrame(NGHTTP2_RST_STREAM, 0, 1, Be32(NGHTTP2_REFUSED_STREAM)));
  EXPECT_TRUE(rig.RunUntil([&] { return failures.size() == 3; }));
  EXPECT_TRUE(failures.at(2).second);
  EXPECT_TRUE(rig.RunUntil([&] { return client.closed().is_set(); }));
}

struct NoOwner final : Http2Session::Owner {
  void Wake() override {}
};

TEST(Http2Client, RequestsMadeBeforeAGoAwayIsReadAreSent) {
  async::Loop loop;
  NoOwner owner;
  Http2ClientSession session(loop, owner, {}, "peer");
  std::string out;
  session.Feed(MakeFrame(NGHTTP2_SETTINGS, 0, 0));
  session.TakeOutput(out, std::string::npos);
  PipeBody body;
  body.Write("data");
  body.Close();
  Http2ClientStream stream(session, &body, nullptr);
  ASSERT_TRUE(session.Submit(stream, Head("POST", "/")));
  // The first of the two by which a server that shuts down leaves room for what is under way.
  session.Feed(MakeFrame(NGHTTP2_GOAWAY, 0, 0, Be32(0x7fffffff) + Be32(NGHTTP2_NO_ERROR)));
  session.RunWork();
  EXPECT_FALSE(stream.failure()) << stream.failure()->message;
  EXPECT_TRUE(session.wants_write());
  EXPECT_FALSE(session.finished());
  out.clear();
  session.TakeOutput(out, std::string::npos);
  std::set<int> types;
  for (std::size_t at = 0; at + 9 <= out.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(out[at + i]); };
    types.insert(byte(3));
    at += 9u + (byte(0) << 16 | byte(1) << 8 | byte(2));
  }
  EXPECT_TRUE(types.contains(NGHTTP2_HEADERS) && types.contains(NGHTTP2_DATA));
  EXPECT_TRUE(session.going_away());
}

TEST(Http2Client, ConnectionsBeginWhileOthersSend) {
  Rig rig;
  rig.handler.now = [](Exchange& exchange) {
    exchange.Respond(ResponseHead{}, "ok");
    return true;
  };
  int good = 0;
  async::Gate gate;
  const auto one = [&](Http2ClientConnection& client) -> async::Task<void> {
    const async::Context context(rig.loop.After(milliseconds(3000)));
    Outcome outcome = co_await client.Send(context, Head("GET", "/"), nullptr, nullptr);
    good += outcome.response && *co_await ReadAll(*outcome.response->body, context, 100) == "ok";
  };
  rig.Connect();
  std::vector<net::Socket> ours;
  std::vector<net::Socket> theirs;
  for (int i = 0; i < 2; ++i) {
    auto [near, far] = TcpPair();
    ours.push_back(std::move(near));
    theirs.push_back(std::move(far));
  }
  // In one turn: the first says goodbye, two others begin, and all of it is written at its end.
  rig.loop.Post([&] {
    rig.clients.at(0)->Shutdown(false);
    for (net::Socket& socket : ours) {
      auto stream = net::Stream::Open(rig.loop, std::move(socket));
      ASSERT_TRUE(stream);
      rig.clients.push_back(Http2ClientConnection::Start(rig.client_gate, std::move(*stream), {}));
      gate.Spawn(one(*rig.clients.back()));
    }
  });
  rig.Settle();
  for (net::Socket& socket : theirs) rig.Serve(std::move(socket));
  EXPECT_TRUE(rig.RunUntil([&] { return gate.size() == 0; }));
  EXPECT_EQ(good, 2);
}

TEST(Http2Client, GracefulShutdownFinishesStreams) {
  Rig rig;
  async::Event go;
  rig.handler.later = [&](Exchange& exchange) -> async::Task<void> {
    const async::Context forever;
    co_await go.Wait(forever);
    exchange.Respond(ResponseHead{}, "done");
  };
  auto& client = rig.Connect();
  bool good = false;
  async::Gate gate;
  const auto one = [&]() -> async::Task<void> {
    const async::Context context;
    Outcome outcome = co_await client.Send(context, Head("GET", "/"), nullptr, nullptr);
    good = outcome.response && *co_await ReadAll(*outcome.response->body, context, 100) == "done";
  };
  rig.loop.Post([&] { gate.Spawn(one()); });
  EXPECT_TRUE(rig.RunUntil([&] { return rig.core.in_flight == 1; }));
  rig.loop.Post([&] { client.Shutdown(false); });
  rig.Settle();
  EXPECT_FALSE(client.usable());
  EXPECT_FALSE(client.closed().is_set());
  rig.loop.Post([&] { go.Set(); });
  EXPECT_TRUE(rig.RunUntil([&] { return client.closed().is_set() && good; }));
}

}  // namespace
}  // namespace http
