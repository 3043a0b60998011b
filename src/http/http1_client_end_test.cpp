// How connections and calls of the HTTP/1.1 client end.
#include <atomic>

#include "http/http1_client_test_util.hpp"

namespace http {
namespace {

using namespace http1_test;

TEST_F(Http1Client, StaleConnectionsAreReplaced) {
  // The first connection answers once and then closes on the next request; so do the others' idle
  // ends.
  ScriptedServer server([](RawClient& connection, int index) {
    for (int i = 0; i < (index == 0 ? 2 : 100); ++i) {
      if (ReadHead(connection).empty()) return;
      if (index == 0 && i == 1) return;
      connection.Send(base::StrCat("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", index));
    }
  });
  const Origin origin = OriginOf(server.port());
  Run([&](Client& client) -> async::Task<void> {
    EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/"), nullptr), "200 0");
    EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/"), nullptr), "200 1");
    StringBody body(std::string("again"));
    EXPECT_EQ(co_await Fetch(client, origin, Head("POST", "/"), &body), "200 1");
  });
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(Http1Client, AFreshConnectionIsNotTriedTwice) {
  ScriptedServer server([](RawClient& connection, int) { ReadHead(connection); });
  const Origin origin = OriginOf(server.port());
  Run([&](Client& client) -> async::Task<void> {
    EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/"), nullptr),
              base::StrCat("error ", base::KindName(base::Kind::kUnavailable)));
  });
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Http1Client, IdlePeersThatCloseOrSpeakAreDropped) {
  ScriptedServer server([](RawClient& connection, int index) {
    ReadHead(connection);
    connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    if (index == 1) {
      std::this_thread::sleep_for(milliseconds(5));
      connection.Send("HTTP/1.1 408 Timeout\r\n\r\n");
      connection.ReadSome();
    }
  });
  const Origin origin = OriginOf(server.port());
  Run([&](Client& client) -> async::Task<void> {
    const async::Context context;
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/"), nullptr), "200 ");
      for (int wait = 0; wait < 500 && client.connections() != 0; ++wait) {
        co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(2)));
      }
      EXPECT_EQ(client.connections(), 0u);
    }
  });
}

TEST_F(Http1Client, BrokenResponsesAreErrors) {
  static constexpr std::array<std::pair<const char*, base::Kind>, 8> kCases = {{
      {"HTTP/2 200\r\n\r\n", base::Kind::kProtocol},
      {"HTTP/1.1 200 OK\nA: b\n\n", base::Kind::kProtocol},
      {"HTTP/1.1 20 OK\r\n\r\n", base::Kind::kProtocol},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", base::Kind::kProtocol},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", base::Kind::kProtocol},
      {"HTTP/1.1 101 Switching\r\n\r\n", base::Kind::kProtocol},
      {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", base::Kind::kProtocol},
      {"HTTP/1.1 200", base::Kind::kUnavailable},
  }};
  ScriptedServer server([](RawClient& connection, int index) {
    ReadHead(connection);
    connection.Send(kCases[static_cast<std::size_t>(index)].first);
  });
  const Origin origin = OriginOf(server.port());
  Run([&](Client& client) -> async::Task<void> {
    for (const auto& [text, kind] : kCases) {
      EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/"), nullptr),
                base::StrCat("error ", base::KindName(kind)))
          << text;
    }
  });
}

TEST_F(Http1Client, CutBodiesAreErrors) {
  ScriptedServer server([](RawClient& connection, int index) {
    ReadHead(connection);
    if (index == 0) connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    if (index == 1)
      connection.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    if (index == 2) connection.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
  });
  const Origin origin = OriginOf(server.port());
  Run([&](Client& client) -> async::Task<void> {
    for (base::Kind kind :
         {base::Kind::kUnavailable, base::Kind::kUnavailable, base::Kind::kProtocol}) {
      EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/"), nullptr),
                base::StrCat("body error ", base::KindName(kind)));
    }
  });
}

TEST_F(Http1Client, EarlyResponseWhileTheRequestIsStillSent) {
  ScriptedServer server([](RawClient& connection, int) {
    ReadHead(connection);
    connection.Send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    connection.ReadToEnd();
  });
  const Origin origin = OriginOf(server.port());
  Run([&](Client& client) -> async::Task<void> {
    PipeBody body;
    body.Write("begin");
    EXPECT_EQ(co_await Fetch(client, origin, Head("POST", "/"), &body), "413 no");
    // The request was not complete, so the connection is not kept.
    EXPECT_EQ(client.connections(), 0u);
  });
}

TEST_F(Http1Client, MoreRequestsThanConnectionsWait) {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  FunctionHandler handler;
  handler.handle = [&](Exchange& exchange) -> async::Task<void> {
    most = std::max<int>(most, ++running);
    const async::Context context;
    co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(5)));
    --running;
    exchange.Respond({}, "x");
  };
  TestServer server(handler);
  const Origin origin = OriginOf(server.port());
  ClientOptions options;
  options.max_connections = 3;
  Run(
      [&](Client& client) -> async::Task<void> {
        async::Gate gate;
        int done = 0;
        for (int i = 0; i < 20; ++i) {
          gate.Spawn([](Client& client, const Origin& origin, int& done) -> async::Task<void> {
            EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/"), nullptr), "200 x");
            ++done;
          }(client, origin, done));
        }
        const async::Context context(async::Loop::Current()->After(milliseconds(5000)));
        co_await gate.Close(context);
        EXPECT_EQ(done, 20);
        EXPECT_EQ(client.connections(), 3u);
      },
      options);
  EXPECT_EQ(most, 3);
}

TEST_F(Http1Client, DeadlinesCancelsAndRefusals) {
  ScriptedServer server([](RawClient& connection, int) { connection.ReadToEnd(); });
  const Origin origin = OriginOf(server.port());
  auto unused = net::BindTcp("127.0.0.1", 0);
  const Origin refused = OriginOf(net::LocalPort(*unused));
  unused->Close();
  Run([&](Client& client) -> async::Task<void> {
    EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/"), nullptr, milliseconds(20)),
              base::StrCat("error ", base::KindName(base::Kind::kTimeout)));
    async::CancelToken token;
    token.Cancel();
    const async::Context canceled(async::kForever, &token);
    auto response = co_await client.Send(canceled, origin, Head("GET", "/"), nullptr);
    EXPECT_EQ(response.error().kind, base::Kind::kCanceled);
    EXPECT_EQ(co_await Fetch(client, refused, Head("GET", "/"), nullptr),
              base::StrCat("error ", base::KindName(base::Kind::kUnreachable)));
    EXPECT_EQ(client.connections(), 0u);
  });
}

TEST_F(Http1Client, IdleLimitAndForget) {
  FunctionHandler handler;
  handler.try_handle = [](Exchange& exchange) {
    exchange.Respond({}, "x");
    return true;
  };
  TestServer server(handler);
  const Origin origin = OriginOf(server.port());
  ClientOptions options;
  options.idle_timeout = milliseconds(40);
  Run(
      [&](Client& client) -> async::Task<void> {
        const async::Context context;
        EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/"), nullptr), "200 x");
        EXPECT_EQ(client.connections(), 1u);
        for (int wait = 0; wait < 500 && client.connections() != 0; ++wait) {
          co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(2)));
        }
        EXPECT_EQ(client.connections(), 0u);
        EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/"), nullptr), "200 x");
        auto open = co_await client.Send(context, origin, Head("GET", "/"), nullptr);
        client.Forget(origin);
        EXPECT_EQ(client.connections(), 1u);
        EXPECT_EQ((co_await ReadAll(*open->body, context, 10)).value_or(""), "x");
        EXPECT_EQ(client.connections(), 0u);
        EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/"), nullptr), "200 x");
      },
      options);
}

TEST_F(Http1Client, CloseCutsWhatDoesNotEnd) {
  ScriptedServer server([](RawClient& connection, int) {
    ReadHead(connection);
    connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstart");
    connection.ReadToEnd();
  });
  const Origin origin = OriginOf(server.port());
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, [&]() -> async::Task<void> {
    return [](const Origin& origin) -> async::Task<void> {
      auto client = MakeClient(*async::Loop::Current());
      const async::Context context;
      auto open = co_await client->Send(context, origin, Head("GET", "/"), nullptr);
      EXPECT_TRUE(open.has_value());
      const async::Context soon(async::Loop::Current()->After(milliseconds(30)));
      co_await client->Close(soon);
      client.reset();
      auto text = co_await ReadAll(*open->body, context, 1000);
      EXPECT_EQ(text.error().kind, base::Kind::kUnavailable);
    }(origin);
  });
}

}  // namespace
}  // namespace http
