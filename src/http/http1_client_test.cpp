// What the HTTP/1.1 client sends and how it reads answers.
#include "http/http1_client_test_util.hpp"

namespace http {
namespace {

using namespace http1_test;

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

}  // namespace
}  // namespace http
