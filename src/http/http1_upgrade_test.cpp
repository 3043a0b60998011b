// The change from HTTP/1.1 to HTTP/2 on one connection, and when it must not happen.
#include "base/base64.hpp"
#include "http/http1_server_test_util.hpp"
#include "http/http2_test_util.hpp"

namespace http {
namespace {

using http1_test::Get;
using http1_test::Log;
using http1_test::Ok;
using http1_test::RawClient;
using http1_test::TestServer;
using test::Frame;
using test::kAck;
using test::kEndHeaders;
using test::kEndStream;
using test::kPreface;
using test::MakeFrame;
using test::milliseconds;
using test::RequestFields;

constexpr std::string_view kSwitched =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
constexpr std::string_view kAsking =
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";

std::string Setting(int id, uint32_t value) {
  return std::string{'\0', static_cast<char>(id)} + test::Be32(value);
}
std::string Asking(std::string_view settings) {
  return base::StrCat("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: ",
                      base::Base64UrlEncodeRaw(settings), "\r\n");
}
std::string Hello() {
  return std::string(kPreface) + MakeFrame(NGHTTP2_SETTINGS, 0, 0) +
         MakeFrame(NGHTTP2_SETTINGS, kAck, 0);
}

class Http1Upgrade : public testing::Test {
 protected:
  Http1Upgrade() {
    handler_.handle = [this](Exchange& exchange) -> async::Task<void> {
      const async::Context context;
      const RequestHead& head = exchange.request();
      log_.Add(head.target);
      std::string text = head.protocol == Protocol::kHttp2 ? "h2" : "h1";
      base::StrAppend(text, " ", head.method, " ", head.authority, " ",
                      head.headers.Get("x").value_or("-"));
      for (const char* name : {"connection", "upgrade", "http2-settings", "only-hop"}) {
        if (head.headers.Has(name)) base::StrAppend(text, " ", name);
      }
      auto body = co_await ReadAll(exchange.body(), context, 1 << 24);
      base::StrAppend(text, " ", body ? *body : "(" + body.error().message + ")");
      exchange.Respond({}, text);
    };
  }
  void Begin(const ServerOptions& options = {}) {
    server_ = std::make_unique<TestServer>(handler_, options);
    client_ = std::make_unique<RawClient>(server_->port());
  }
  // What comes before the first frame.
  std::string TakeHead() {
    while (in_.find("\r\n\r\n") == std::string::npos && More()) {
    }
    const auto end = std::min(in_.find("\r\n\r\n"), in_.size() - 4) + 4;
    std::string head = in_.substr(0, end);
    in_.erase(0, end);
    return head;
  }
  bool More() {
    const std::string more = client_->ReadSome();
    in_ += more;
    return !more.empty();
  }
  // The next frame of that type; type -1 if none comes.
  Frame NextOf(int type) {
    for (;;) {
      const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(in_[i]); };
      const auto size = [&] { return 9u + (byte(0) << 16 | byte(1) << 8 | byte(2)); };
      while (in_.size() < 9 || in_.size() < size()) {
        if (!More()) return {};
      }
      Frame frame{byte(3), byte(4), byte(8), in_.substr(9, size() - 9)};
      in_.erase(0, size());
      if (frame.type == type) return frame;
    }
  }
  // What the whole of the body on stream `id` is.
  std::string Body(int32_t id) {
    std::string text;
    for (;;) {
      const Frame frame = NextOf(NGHTTP2_DATA);
      if (frame.type < 0) return text + "(cut)";
      if (frame.id != id) return text + "(other stream)";
      text += frame.payload;
      if (frame.flags & kEndStream) return text;
    }
  }

  http1_test::FunctionHandler handler_;
  Log log_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<RawClient> client_;
  std::string in_;
};

TEST_F(Http1Upgrade, TheRequestBecomesStreamOne) {
  Begin();
  client_->Send(Get("/a", base::StrCat(kAsking, "X: 1\r\n")));
  EXPECT_EQ(TakeHead(), kSwitched);
  EXPECT_EQ(NextOf(NGHTTP2_SETTINGS).flags, 0);
  client_->Send(Hello());
  const Frame head = NextOf(NGHTTP2_HEADERS);
  EXPECT_EQ(head.id, 1);
  EXPECT_EQ(head.flags, kEndHeaders);
  EXPECT_EQ(Body(1), "h2 GET h 1 ");
  client_->Send(MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 3, RequestFields()));
  EXPECT_EQ(Body(3), "h2 GET test - ");
  // Stream 1 has ended; it cannot be opened again.
  client_->Send(MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 1, RequestFields()));
  EXPECT_EQ(NextOf(NGHTTP2_GOAWAY).type, NGHTTP2_GOAWAY);
}

TEST_F(Http1Upgrade, FieldsOfTheHopStayBehind) {
  Begin();
  client_->Send(Get("/a",
                    "Connection: Upgrade, Only-Hop\r\nOnly-Hop: 1\r\nUpgrade: foo, h2c\r\n"
                    "connection: http2-settings\r\nHTTP2-Settings: \r\n"));
  EXPECT_EQ(TakeHead(), kSwitched);
  client_->Send(Hello());
  EXPECT_EQ(Body(1), "h2 GET h - ");
}

TEST_F(Http1Upgrade, HeadHasNoBody) {
  Begin();
  client_->Send(base::StrCat("HEAD /a HTTP/1.1\r\nHost: h\r\n", kAsking, "\r\n"));
  EXPECT_EQ(TakeHead(), kSwitched);
  client_->Send(Hello());
  EXPECT_EQ(NextOf(NGHTTP2_HEADERS).flags, kEndHeaders | kEndStream);
}

TEST_F(Http1Upgrade, TheClientsSettingsCount) {
  Begin();
  client_->Send(Get("/a", Asking(Setting(4, 5))));
  EXPECT_EQ(TakeHead(), kSwitched);
  client_->Send(Hello());
  const Frame data = NextOf(NGHTTP2_DATA);
  EXPECT_EQ(data.payload, "h2 GE") << "the window is five bytes";
  client_->Send(MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, 1, test::Be32(1000)));
  EXPECT_EQ(Body(1), "T h - ");
}

TEST_F(Http1Upgrade, ABodyComesAlong) {
  Begin();
  for (const std::size_t size : {5u, 64u * 1024}) {
    client_ = std::make_unique<RawClient>(server_->port());
    in_.clear();
    const std::string body(size, 'b');
    client_->Send(base::StrCat("POST /a HTTP/1.1\r\nHost: h\r\n", kAsking, "Content-Length: ", size,
                               "\r\n\r\n", body.substr(0, 3)));
    log_.Add("sent");
    client_->Send(body.substr(3));
    EXPECT_EQ(TakeHead(), kSwitched);
    client_->Send(Hello() + MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, 1, test::Be32(100'000)) +
                  MakeFrame(NGHTTP2_WINDOW_UPDATE, 0, 0, test::Be32(100'000)));
    EXPECT_EQ(Body(1), "h2 POST h - " + body);
  }
}

TEST_F(Http1Upgrade, BodiesThatCannotBeHeldStayHttp1) {
  Begin();
  const std::string big(64 * 1024 + 1, 'b');
  const std::string start = base::StrCat("POST /a HTTP/1.1\r\nHost: h\r\n", kAsking);
  client_->Send(base::StrCat(start, "Content-Length: ", big.size(), "\r\n\r\n", big));
  const std::string fields = " connection upgrade http2-settings ";
  const std::string answer = Ok("h1 POST h -" + fields + big);
  EXPECT_EQ(client_->Read(answer.size()), answer);
  client_->Send(start + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  const std::string second = Ok("h1 POST h -" + fields + "abc");
  EXPECT_EQ(client_->Read(second.size()), second);
  client_->Send(start + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(client_->ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client_->Send("abc");
  EXPECT_EQ(client_->Read(second.size()), second);
}

TEST_F(Http1Upgrade, WhatIsNotByTheBookStaysHttp1) {
  Begin();
  const std::string good = base::Base64UrlEncodeRaw(Setting(4, 1000));
  const std::string connection = "Connection: Upgrade, HTTP2-Settings\r\n";
  const auto settings = [&](std::string_view value) {
    return base::StrCat(connection, "Upgrade: h2c\r\nHTTP2-Settings: ", value, "\r\n");
  };
  const std::vector<std::string> wrong = {
      base::StrCat("Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: ", good, "\r\n"),
      base::StrCat("Connection: HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: ", good, "\r\n"),
      base::StrCat("Upgrade: h2c\r\nHTTP2-Settings: ", good, "\r\n"),
      base::StrCat(connection, "Upgrade: h2\r\nHTTP2-Settings: ", good, "\r\n"),
      base::StrCat(connection, "Upgrade: websocket\r\nHTTP2-Settings: ", good, "\r\n"),
      base::StrCat(connection, "HTTP2-Settings: ", good, "\r\n"),
      connection + "Upgrade: h2c\r\n",
      settings(good) + base::StrCat("HTTP2-Settings: ", good, "\r\n"),
      settings(good + "," + good),
      settings("!!!!"),
      settings("AAMAAABk+/=="),
      settings(good.substr(0, 4)),
      Asking(Setting(2, 2)),
      Asking(Setting(4, 0x80000000)),
      Asking(Setting(5, 100)),
      settings(base::Base64UrlEncodeRaw(std::string(33 * 6, '\0'))),
  };
  for (const std::string& fields : wrong) {
    client_->Send(Get("/a", fields));
    const std::string head = client_->ReadUntil(" GET h -");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n")) << fields << "\n" << head;
    EXPECT_NE(head.find("\r\n\r\nh1 GET"), std::string::npos) << fields;
  }
  // The same connection may still change, padding or not.
  client_ = std::make_unique<RawClient>(server_->port());
  client_->Send(Get("/a"));
  EXPECT_EQ(client_->Read(Ok("h1 GET h - ").size()), Ok("h1 GET h - "));
  client_->Send(Get("/b", settings(base::Base64UrlEncode(std::string(Setting(4, 1000)) +
                                                         Setting(3, 100) + Setting(77, 7)))));
  EXPECT_EQ(TakeHead(), kSwitched);
}

TEST_F(Http1Upgrade, OldOrClosingOrUnwillingStaysHttp1) {
  ServerOptions options;
  options.allow_http2 = false;
  Begin(options);
  client_->Send(Get("/a", kAsking));
  EXPECT_TRUE(client_->ReadUntil("\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
  Begin();
  client_->Send(base::StrCat("GET /a HTTP/1.0\r\nHost: h\r\n", kAsking, "\r\n"));
  EXPECT_TRUE(client_->ReadUntil("\r\n\r\n").starts_with("HTTP/1.0 200 OK\r\n"));
  client_ = std::make_unique<RawClient>(server_->port());
  client_->Send(Get("/a", base::StrCat("Connection: close\r\n", kAsking)));
  EXPECT_TRUE(client_->ReadUntil("\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_F(Http1Upgrade, PipelinedRequestsForbidTheChange) {
  Begin();
  client_->Send(Get("/a", kAsking) + Get("/b"));
  const std::string both = Ok("h1 GET h - connection upgrade http2-settings ") + Ok("h1 GET h - ");
  EXPECT_EQ(client_->Read(both.size()), both);
  client_ = std::make_unique<RawClient>(server_->port());
  client_->Send(Get("/a", kAsking) + "P");
  EXPECT_EQ(TakeHead(), kSwitched) << "so far it may be the preface";
}

TEST_F(Http1Upgrade, ThePrefaceMayFollowAtOnce) {
  Begin();
  client_->Send(Get("/a") + Get("/b", kAsking) + Hello() +
                MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 3, RequestFields()));
  EXPECT_TRUE(TakeHead().starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(TakeHead(), "h1 GET h - " + std::string(kSwitched));
  EXPECT_EQ(Body(1), "h2 GET h - ");
  EXPECT_EQ(Body(3), "h2 GET test - ");
}

TEST_F(Http1Upgrade, Http1BehindTheChangeIsNotServed) {
  Begin();
  client_->Send(Get("/a", kAsking));
  EXPECT_EQ(TakeHead(), kSwitched);
  client_->Send(Get("/smuggled"));
  client_->ReadToEnd();
  EXPECT_TRUE(client_->ended());
  log_.Add("end");
  EXPECT_EQ(log_.WaitFor("end").find("smuggled"), std::string::npos);
}

TEST_F(Http1Upgrade, SilenceAfterTheChangeEnds) {
  ServerOptions options;
  options.header_timeout = milliseconds(60);
  Begin(options);
  client_->Send(Get("/a", kAsking));
  EXPECT_EQ(TakeHead(), kSwitched);
  client_->ReadToEnd();
  EXPECT_TRUE(client_->ended());
}

TEST_F(Http1Upgrade, AShortBodyIsAFault) {
  Begin();
  client_->Send(
      base::StrCat("POST /a HTTP/1.1\r\nHost: h\r\n", kAsking, "Content-Length: 10\r\n\r\nabc"));
  client_->EndWrite();
  EXPECT_TRUE(client_->ReadToEnd().starts_with("HTTP/1.1 200 OK\r\n")) << "as over HTTP/1.1";
  EXPECT_EQ(log_.WaitFor("/a"), "/a;");
}

}  // namespace
}  // namespace http
