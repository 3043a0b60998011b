// What the HTTP/1.1 server answers.
#include <atomic>

#include "http/http1_server_test_util.hpp"

namespace http {
namespace {

using namespace http1_test;

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

}  // namespace
}  // namespace http
