// How a client's calls share HTTP/2 connections that are full, leaving or not there yet.
#include <atomic>

#include "base/strings.hpp"
#include "http/http1_client_test_util.hpp"
#include "http/http2_test_util.hpp"
#include "net/tls.hpp"

namespace http {
namespace {

using http1_test::RawClient;
using http1_test::ScriptedServer;
using http1_test::TestServer;
using test::kEndHeaders;
using test::kEndStream;
using test::MakeFrame;
using test::milliseconds;

Origin Http2At(uint16_t port) {
  Origin origin;
  origin.address = *net::Address::FromIp("127.0.0.1", port);
  origin.protocol = Protocol::kHttp2;
  return origin;
}

async::Task<std::string> Fetch(Client& client, const Origin& origin, std::string target,
                               milliseconds patience = milliseconds(10'000)) {
  const async::Context context(async::Loop::Current()->After(patience));
  RequestHead head;
  head.target = std::move(target);
  head.authority = "app";
  auto response = co_await client.Send(context, origin, std::move(head), nullptr);
  if (!response) {
    co_return base::StrCat("error ", base::KindName(response.error().kind), " ",
                           response.error().message);
  }
  auto all = co_await ReadAll(*response->body, context, 1000);
  co_return all ? base::StrCat(response->head.status, " ", *all) : "body error";
}
async::Task<void> FetchInto(Client& client, const Origin& origin, std::string target,
                            std::vector<std::string>& answers) {
  std::string answer = co_await Fetch(client, origin, std::move(target));
  answers.push_back(std::move(answer));
}

class Http2Pool : public testing::Test {
 protected:
  using Scenario = std::function<async::Task<void>(Client&)>;
  static async::Task<void> RunScenario(const Scenario& scenario, const ClientOptions& options) {
    auto client = MakeClient(*async::Loop::Current(), options);
    co_await scenario(*client);
    co_await client->Close(async::Context(async::Loop::Current()->After(milliseconds(1000))));
  }
  void Run(const Scenario& scenario, const ClientOptions& options = {}) {
    async::LoopGroup loops(1);
    loops.RunTaskOn(0, [&] { return RunScenario(scenario, options); });
  }
  static ClientOptions OneConnection(std::size_t streams) {
    ClientOptions options;
    options.max_connections = 1;
    options.max_streams_per_connection = streams;
    return options;
  }
};

// Reads frames until one of that type; its stream, or -1 at the end.
int32_t StreamOf(RawClient& connection, std::string& in, int type) {
  if (in.empty()) in = connection.ReadSome();
  if (in.starts_with(test::kPreface)) in.erase(0, test::kPreface.size());
  for (;;) {
    const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(in[i]); };
    while (in.size() < 9 || in.size() < 9u + (byte(0) << 16 | byte(1) << 8 | byte(2))) {
      const std::string more = connection.ReadSome();
      if (more.empty()) return -1;
      in += more;
    }
    const int found = byte(3);
    const int32_t id = byte(7) << 8 | byte(8);
    in.erase(0, 9u + (byte(0) << 16 | byte(1) << 8 | byte(2)));
    if (found == type) return id;
  }
}
std::string Found(int32_t id) {
  return MakeFrame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, id, "\x88");
}

TEST_F(Http2Pool, CallsWaitForAStreamInTheirOrder) {
  http1_test::FunctionHandler handler;
  std::vector<std::string> order;
  handler.handle = [&](Exchange& exchange) -> async::Task<void> {
    order.push_back(exchange.request().target);
    const async::Context context;
    co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(1)));
    exchange.Respond({}, "x");
  };
  std::vector<std::string> expected;
  {
    TestServer server(handler);
    const Origin origin = Http2At(server.port());
    Run(
        [&](Client& client) -> async::Task<void> {
          EXPECT_EQ(co_await Fetch(client, origin, "/first"), "200 x");
          expected.emplace_back("/first");
          std::vector<std::string> answers;
          async::Gate gate;
          for (int i = 0; i < 40; ++i) {
            expected.push_back(base::StrCat("/", i));
            gate.Spawn(FetchInto(client, origin, expected.back(), answers));
          }
          EXPECT_TRUE(co_await gate.Close(
              async::Context(async::Loop::Current()->After(milliseconds(10'000)))));
          EXPECT_EQ(answers, std::vector<std::string>(40, "200 x"));
          EXPECT_EQ(client.connections(), 1u);
        },
        OneConnection(1));
  }
  EXPECT_EQ(order, expected);
}

TEST_F(Http2Pool, AWaitForAStreamEndsWithTheCallsTime) {
  ScriptedServer server([](RawClient& connection, int) {
    std::string in;
    connection.Send(MakeFrame(NGHTTP2_SETTINGS, 0, 0));
    for (int32_t id; (id = StreamOf(connection, in, NGHTTP2_HEADERS)) > 0;) {
      if (id > 1) connection.Send(Found(id));
    }
  });
  const Origin origin = Http2At(server.port());
  Run(
      [&](Client& client) -> async::Task<void> {
        async::Gate gate;
        std::vector<std::string> answers;
        const async::Context context(async::Loop::Current()->After(milliseconds(10'000)));
        async::CancelToken give_up;
        const async::Context first(async::kForever, &give_up);
        gate.Spawn([](Client& client, const Origin& origin,
                      const async::Context& context) -> async::Task<void> {
          auto response = co_await client.Send(context, origin, RequestHead(), nullptr);
          EXPECT_FALSE(response.has_value());
        }(client, origin, first));
        const std::string late = co_await Fetch(client, origin, "/", milliseconds(40));
        EXPECT_TRUE(late.starts_with("error timeout")) << late;
        EXPECT_NE(late.find("waiting for a free stream"), std::string::npos) << late;
        gate.Spawn(FetchInto(client, origin, "/", answers));
        co_await async::Yield();
        EXPECT_TRUE(answers.empty());
        give_up.Cancel();
        EXPECT_TRUE(co_await gate.Close(context));
        EXPECT_EQ(answers, std::vector<std::string>{"200 "});
      },
      OneConnection(1));
}

TEST_F(Http2Pool, ALostConnectionIsReplacedForThoseWhoWait) {
  ScriptedServer server([](RawClient& connection, int index) {
    std::string in;
    connection.Send(MakeFrame(NGHTTP2_SETTINGS, 0, 0));
    for (int32_t id; (id = StreamOf(connection, in, NGHTTP2_HEADERS)) > 0;) {
      if (index == 0) {
        connection.Reset();
        return;
      }
      connection.Send(Found(id));
    }
  });
  const Origin origin = Http2At(server.port());
  Run(
      [&](Client& client) -> async::Task<void> {
        async::Gate gate;
        std::vector<std::string> answers;
        for (int i = 0; i < 4; ++i) gate.Spawn(FetchInto(client, origin, "/", answers));
        EXPECT_TRUE(co_await gate.Close(
            async::Context(async::Loop::Current()->After(milliseconds(10'000)))));
        EXPECT_EQ(answers.size(), 4u);
        EXPECT_EQ(std::ranges::count(answers, "200 "), 3) << "one was under way";
      },
      OneConnection(1));
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(Http2Pool, AServerThatGoesAwayIsReplaced) {
  ScriptedServer server([](RawClient& connection, int index) {
    std::string in;
    connection.Send(MakeFrame(NGHTTP2_SETTINGS, 0, 0));
    for (int32_t id; (id = StreamOf(connection, in, NGHTTP2_HEADERS)) > 0;) {
      if (index == 0 && id == 3) {
        connection.Send(MakeFrame(NGHTTP2_GOAWAY, 0, 0, test::Be32(1) + test::Be32(0)));
        connection.ReadToEnd();
        return;
      }
      connection.Send(Found(id));
    }
  });
  const Origin origin = Http2At(server.port());
  Run([&](Client& client) -> async::Task<void> {
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(co_await Fetch(client, origin, base::StrCat("/", i)), "200 ") << i;
    }
  });
  EXPECT_EQ(server.connections(), 2);
}

async::Task<void> PostInto(Client& client, const Origin& origin, Body& body, std::string& answer) {
  const async::Context context(async::Loop::Current()->After(milliseconds(10'000)));
  RequestHead head;
  head.method = "POST";
  head.target = "/";
  auto response = co_await client.Send(context, origin, std::move(head), &body);
  answer = response ? base::StrCat(response->head.status) : response.error().message;
}

TEST_F(Http2Pool, ARequestThatWasNotProcessedIsSentAgainWithItsBody) {
  // One connection refuses the first stream and the next is behind its end.
  std::atomic<int> bodies{0};
  ScriptedServer server([&](RawClient& connection, int index) {
    std::string in;
    connection.Send(MakeFrame(NGHTTP2_SETTINGS, 0, 0));
    for (int32_t id; (id = StreamOf(connection, in, NGHTTP2_DATA)) > 0;) {
      ++bodies;
      if (index > 0) {
        connection.Send(Found(id));
      } else if (id == 1) {
        connection.Send(MakeFrame(NGHTTP2_RST_STREAM, 0, id, test::Be32(NGHTTP2_REFUSED_STREAM)));
      } else {
        connection.Send(MakeFrame(NGHTTP2_GOAWAY, 0, 0, test::Be32(1) + test::Be32(0)));
      }
    }
  });
  const Origin origin = Http2At(server.port());
  Run([&](Client& client) -> async::Task<void> {
    StringBody kept("data");
    std::string answer;
    co_await PostInto(client, origin, kept, answer);
    EXPECT_EQ(answer, "200");
    EXPECT_EQ(bodies, 3);
  });
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(Http2Pool, ARequestWhoseBodyIsGoneIsNotSentAgain) {
  ScriptedServer server([&](RawClient& connection, int) {
    std::string in;
    connection.Send(MakeFrame(NGHTTP2_SETTINGS, 0, 0));
    for (int32_t id; (id = StreamOf(connection, in, NGHTTP2_DATA)) > 0;) {
      connection.Send(MakeFrame(NGHTTP2_RST_STREAM, 0, id, test::Be32(NGHTTP2_REFUSED_STREAM)));
    }
  });
  const Origin origin = Http2At(server.port());
  Run([&](Client& client) -> async::Task<void> {
    PipeBody gone;
    gone.Write("data");
    gone.Close();
    std::string answer;
    co_await PostInto(client, origin, gone, answer);
    EXPECT_NE(answer.find("has refused the request"), std::string::npos) << answer;
    StringBody kept("data");
    co_await PostInto(client, origin, kept, answer);
    EXPECT_NE(answer.find("has refused the request"), std::string::npos) << "in the end";
  });
}

// Fetches from peers that accept and then say nothing while TLS waits for them.
async::Task<void> CloseWhileDialing(uint16_t port, std::vector<std::string>& answers) {
  ClientOptions options;
  options.dial_timeout = milliseconds(60'000);
  auto client = MakeClient(*async::Loop::Current(), options);
  auto tls = net::TlsContext::Client({});
  EXPECT_TRUE(tls.has_value());
  Origin origin = Http2At(port);
  origin.tls = *tls;
  async::Gate gate;
  gate.Spawn(FetchInto(*client, origin, "/", answers));
  gate.Spawn(FetchInto(*client, origin, "/", answers));
  Origin http1 = origin;
  http1.protocol = Protocol::kHttp1;
  gate.Spawn(FetchInto(*client, http1, "/", answers));
  const async::Context context(async::Loop::Current()->After(milliseconds(20'000)));
  co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(20)));
  EXPECT_TRUE(answers.empty());
  co_await client->Close(context);
  EXPECT_LT(async::Loop::Current()->now() + milliseconds(10'000), context.deadline);
  EXPECT_TRUE(co_await gate.Close(context));
}

TEST_F(Http2Pool, CloseEndsDialsInProgress) {
  ScriptedServer server([](RawClient& connection, int) { connection.ReadToEnd(); });
  std::vector<std::string> answers;
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, [&] { return CloseWhileDialing(server.port(), answers); });
  EXPECT_EQ(answers, std::vector<std::string>(3, "error unavailable the HTTP client is closing"));
}

}  // namespace
}  // namespace http
