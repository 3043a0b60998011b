#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/strings.hpp"
#include "http/client.hpp"
#include "http/http1_test_util.hpp"

namespace http {
namespace {

using http1_test::FunctionHandler;
using http1_test::milliseconds;
using http1_test::RawClient;
using http1_test::TestServer;

// A server whose every connection follows a script, on a thread of its own.
class ScriptedServer {
 public:
  using Script = std::function<void(RawClient& connection, int index)>;
  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    auto socket = net::BindTcp("127.0.0.1", 0);
    port_ = net::LocalPort(*socket);
    fd_ = socket->Release();
    thread_ = std::thread([this] { Run(); });
  }
  ~ScriptedServer() {
    stop_ = true;
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  uint16_t port() const { return port_; }
  int connections() const { return count_; }

 private:
  void Run() {
    std::vector<std::thread> threads;
    while (!stop_) {
      pollfd item{fd_, POLLIN, 0};
      poll(&item, 1, 20);
      const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      threads.emplace_back([this, fd, index = count_++] {
        RawClient connection(fd, true);
        script_(connection, index);
      });
    }
    for (auto& thread : threads) thread.join();
  }
  Script script_;
  uint16_t port_ = 0;
  int fd_ = -1;
  std::atomic<bool> stop_{false};
  std::atomic<int> count_{0};
  std::thread thread_;
};

std::string ReadHead(RawClient& connection) {
  return connection.ReadUntil("\r\n\r\n");
}

Origin OriginOf(uint16_t port) {
  Origin origin;
  origin.address = *net::Address::FromIp("127.0.0.1", port);
  return origin;
}
RequestHead Head(std::string method, std::string target) {
  RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  head.authority = "app";
  return head;
}

// The whole answer as text, or the error.
async::Task<std::string> Fetch(Client& client, const Origin& origin, RequestHead head, Body* body,
                               milliseconds patience = milliseconds(5000)) {
  const async::Context context(async::Loop::Current()->After(patience));
  auto response = co_await client.Send(context, origin, std::move(head), body);
  if (!response) co_return base::StrCat("error ", base::KindName(response.error().kind));
  auto text = co_await ReadAll(*response->body, context, 1 << 26);
  if (!text) co_return base::StrCat("body error ", base::KindName(text.error().kind));
  std::string trailers;
  if (response->body->trailers()) {
    for (const auto field : *response->body->trailers()) {
      base::StrAppend(trailers, " +", field.name, "=", field.value);
    }
  }
  co_return base::StrCat(response->head.status, " ", *text, trailers);
}

class Http1Client : public testing::Test {
 protected:
  using Scenario = std::function<async::Task<void>(Client&)>;
  static async::Task<void> RunScenario(const Scenario& scenario, const ClientOptions& options) {
    auto client = MakeClient(*async::Loop::Current(), options);
    co_await scenario(*client);
    const async::Context context(async::Loop::Current()->After(milliseconds(200)));
    co_await client->Close(context);
    EXPECT_EQ(client->connections(), 0u);
  }
  void Run(const Scenario& scenario, const ClientOptions& options = {}) {
    async::LoopGroup loops(1);
    loops.RunTaskOn(0, [&] { return RunScenario(scenario, options); });
  }
};

TEST_F(Http1Client, ConnectionsAreReused) {
  ScriptedServer server([](RawClient& connection, int) {
    for (int i = 0;; ++i) {
      const std::string head = ReadHead(connection);
      if (head.empty()) return;
      EXPECT_EQ(head, base::StrCat("GET /x?y HTTP/1.1\r\nHost: app\r\nX-One: 1\r\n\r\n"));
      connection.Send(base::StrCat("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", i));
    }
  });
  const Origin origin = OriginOf(server.port());
  Run([&](Client& client) -> async::Task<void> {
    for (int i = 0; i < 5; ++i) {
      RequestHead head = Head("GET", "/x?y");
      head.headers.Add("X-One", "1");
      head.headers.Add("Connection", "x");  // the engine's
      head.headers.Add("Content-Length", "7");
      head.headers.Add("Host", "other");
      EXPECT_EQ(co_await Fetch(client, origin, std::move(head), nullptr), base::StrCat("200 ", i));
    }
    EXPECT_EQ(client.connections(), 1u);
  });
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Http1Client, AllFramingsOfResponses) {
  ScriptedServer server([](RawClient& connection, int) {
    for (;;) {
      const std::string head = ReadHead(connection);
      if (head.empty()) return;
      const auto is = [&](std::string_view what) { return head.find(what) != std::string::npos; };
      if (is("/chunked")) {
        connection.Send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n");
        connection.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n");
        connection.Send("2\r\nde\r\n0\r\nT: 1\r\n\r\n");
      } else if (is("HEAD /")) {
        connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
      } else if (is("/204")) {
        connection.Send("HTTP/1.1 204 No Content\r\n\r\n");
      } else if (is("/304")) {
        connection.Send("HTTP/1.1 304\r\nContent-Length: 9\r\n\r\n");
      } else if (is("/close")) {
        connection.Send("HTTP/1.0 200 OK\r\n\r\nuntil the end");
        return;
      }
    }
  });
  const Origin origin = OriginOf(server.port());
  struct Observer final : InterimObserver {
    std::string seen;
    void OnInterim(const ResponseHead& head) override {
      base::StrAppend(seen, head.status, head.headers.Get("link").value_or(""), ";");
    }
  };
  Run([&](Client& client) -> async::Task<void> {
    EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/chunked"), nullptr), "200 abcde +T=1");
    EXPECT_EQ(co_await Fetch(client, origin, Head("HEAD", "/"), nullptr), "200 ");
    EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/204"), nullptr), "204 ");
    EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/304"), nullptr), "304 ");
    EXPECT_EQ(client.connections(), 1u);
    Observer observer;
    const async::Context context;
    auto response =
        co_await client.Send(context, origin, Head("GET", "/chunked"), nullptr, &observer);
    EXPECT_TRUE(response.has_value());
    EXPECT_EQ(observer.seen, "100;103x;");
    response->body.reset();
    EXPECT_EQ(co_await Fetch(client, origin, Head("GET", "/close"), nullptr), "200 until the end");
    EXPECT_EQ(client.connections(), 0u);
  });
}

TEST_F(Http1Client, RequestBodiesOfAllKinds) {
  FunctionHandler handler;
  handler.handle = [](Exchange& exchange) -> async::Task<void> {
    const async::Context context;
    std::string length = "chunked";
    if (const auto known = exchange.body().length()) length = std::to_string(*known);
    auto body = co_await ReadAll(exchange.body(), context, 1 << 26);
    if (!body) co_return;
    std::string trailer;
    if (exchange.body().trailers()) trailer = *exchange.body().trailers()->Get("t");
    const auto sum = std::hash<std::string>()(*body);
    exchange.Respond({}, base::StrCat(length, " ", body->size(), " ", sum, " ", trailer));
  };
  TestServer server(handler);
  const Origin origin = OriginOf(server.port());
  Run([&](Client& client) -> async::Task<void> {
    const auto expected = [](std::string_view length, const std::string& body,
                             std::string_view trailer = "") {
      return base::StrCat("200 ", length, " ", body.size(), " ", std::hash<std::string>()(body),
                          " ", trailer);
    };
    EXPECT_EQ(co_await Fetch(client, origin, Head("POST", "/"), nullptr), expected("0", ""));
    for (std::size_t size : {0u, 1u, 16'384u, 16'385u, 3'000'000u}) {
      const std::string text(size, 'b');
      StringBody body = StringBody::View(text);
      EXPECT_EQ(co_await Fetch(client, origin, Head("PUT", "/"), &body),
                expected(std::to_string(size), text));
    }
    {
      PipeBody body;  // all there, so its length is known after all
      body.Write("abc");
      body.Close();
      EXPECT_EQ(co_await Fetch(client, origin, Head("POST", "/"), &body), expected("3", "abc"));
    }
    {
      PipeBody body;
      body.Write("abc");
      Headers trailers;
      trailers.Add("T", "tail");
      body.Close(std::move(trailers));
      EXPECT_EQ(co_await Fetch(client, origin, Head("POST", "/"), &body),
                expected("chunked", "abc", "tail"));
    }
    {
      PipeBody body;
      async::Gate gate;
      std::string all;
      gate.Spawn([](PipeBody& body, std::string& all) -> async::Task<void> {
        const async::Context context;
        for (int i = 0; i < 200; ++i) {
          const std::string piece(static_cast<std::size_t>(i) * 100 + 1,
                                  static_cast<char>('a' + i % 26));
          all += piece;
          body.Write(piece);
          if (i % 10 == 0) co_await async::Yield();
          co_await body.Drain(context);
        }
        body.Close();
      }(body, all));
      const std::string answer = co_await Fetch(client, origin, Head("POST", "/"), &body);
      EXPECT_EQ(answer, expected("chunked", all));
      const async::Context context;
      co_await gate.Close(context);
    }
    EXPECT_EQ(client.connections(), 1u);
  });
}

TEST_F(Http1Client, AFailingRequestBodyFailsTheCall) {
  FunctionHandler handler;
  handler.handle = [](Exchange& exchange) -> async::Task<void> {
    const async::Context context;
    auto body = co_await ReadAll(exchange.body(), context, 1000);
    if (body) exchange.Respond({}, "whole");
  };
  TestServer server(handler);
  const Origin origin = OriginOf(server.port());
  Run([&](Client& client) -> async::Task<void> {
    PipeBody body;
    async::Gate gate;
    body.Write("abc");
    gate.Spawn([](PipeBody& body) -> async::Task<void> {
      const async::Context context;
      co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(10)));
      body.Fail(base::Error(base::Kind::kConflict, "no more"));
    }(body));
    EXPECT_EQ(co_await Fetch(client, origin, Head("POST", "/"), &body),
              base::StrCat("error ", base::KindName(base::Kind::kConflict)));
    EXPECT_EQ(client.connections(), 0u);
    const async::Context context;
    co_await gate.Close(context);
  });
}

TEST_F(Http1Client, FullDuplexEcho) {
  FunctionHandler handler;
  handler.handle = [](Exchange& exchange) -> async::Task<void> {
    const async::Context context;
    exchange.Start({});
    for (;;) {
      auto chunk = co_await NextChunk(exchange.body(), context);
      if (!chunk || !*chunk) break;
      exchange.Write(**chunk);
      co_await exchange.Drain(context);
    }
    exchange.Finish(nullptr);
  };
  TestServer server(handler);
  const Origin origin = OriginOf(server.port());
  Run([&](Client& client) -> async::Task<void> {
    PipeBody body;
    const async::Context context(async::Loop::Current()->After(milliseconds(5000)));
    auto response = co_await client.Send(context, origin, Head("POST", "/"), &body);
    EXPECT_TRUE(response.has_value());
    if (!response) co_return;
    for (int i = 0; i < 10; ++i) {
      const std::string word = "ping" + std::to_string(i);
      body.Write(word);
      auto chunk = co_await NextChunk(*response->body, context);
      EXPECT_TRUE(chunk.has_value() && *chunk);
      if (!chunk || !*chunk) co_return;
      EXPECT_EQ(**chunk, word);
    }
    body.Close();
    auto end = co_await NextChunk(*response->body, context);
    EXPECT_TRUE(end.has_value() && !*end);
    EXPECT_EQ(client.connections(), 1u);
  });
}

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
