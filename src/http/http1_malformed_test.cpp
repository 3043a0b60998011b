// Replays testdata/http1_malformed.txt: each request gets its exact answer, and nothing behind a
// refused request reaches the handler.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "base/source_dir.hpp"
#include "base/strings.hpp"
#include "http/http1_test_util.hpp"

namespace http {
namespace {

struct Case {
  std::string name;
  std::string send;
  std::string expect;
  bool closed = false;
  int seen = 0;
};

std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case 'x':
        out += static_cast<char>(base::HexValue(text[i + 1]) * 16 + base::HexValue(text[i + 2]));
        i += 2;
        break;
      case 'R': {
        const std::size_t comma = text.find(',', i);
        const auto count = base::ParseUint<std::size_t>(text.substr(i + 2, comma - i - 2));
        out.append(count.value_or(0), text[comma + 1]);
        i = comma + 2;
        break;
      }
      default:
        out += text[i];
        break;
    }
  }
  return out;
}

std::vector<Case> Load() {
  std::ifstream file(base::SourceDir() + "/src/http/testdata/http1_malformed.txt");
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.empty() || line[0] == '#' || colon == std::string::npos) continue;
    const std::string key = line.substr(0, colon);
    const std::string value = line.substr(colon + 2);
    if (key == "case") cases.push_back({value});
    if (key == "send") cases.back().send += Unescape(value);
    if (key == "expect") cases.back().expect += Unescape(value);
    if (key == "closed") cases.back().closed = value == "yes";
    if (key == "seen") cases.back().seen = std::stoi(value);
  }
  return cases;
}

std::atomic<int> seen{0};

async::Task<void> Echo(Exchange& exchange) {
  ++seen;
  const async::Context context;
  auto body = co_await ReadAll(exchange.body(), context, 1 << 20);
  if (!body) co_return;
  const RequestHead& head = exchange.request();
  exchange.Respond({},
                   base::StrCat(head.method, " ", head.target, " ", head.authority, " ", *body));
}

class Malformed : public testing::TestWithParam<bool> {};

TEST_P(Malformed, EveryCaseGetsItsExactAnswer) {
  const bool byte_by_byte = GetParam();
  http1_test::FunctionHandler handler;
  handler.handle = Echo;
  http1_test::TestServer server(handler);
  const std::vector<Case> cases = Load();
  ASSERT_GE(cases.size(), 130u);
  for (const Case& each : cases) {
    SCOPED_TRACE(each.name);
    if (byte_by_byte && each.send.size() > 1000) continue;
    seen = 0;
    http1_test::RawClient client(server.port());
    if (byte_by_byte) {
      for (char c : each.send) client.Send(std::string_view(&c, 1));
    } else {
      client.Send(each.send);
    }
    if (each.name.starts_with("cut: ")) client.EndWrite();
    if (each.closed) {
      EXPECT_EQ(client.ReadToEnd(), each.expect);
      EXPECT_TRUE(client.ended());
      EXPECT_FALSE(client.was_reset());
    } else {
      EXPECT_EQ(client.Read(each.expect.size()), each.expect);
      client.Send("GET /again HTTP/1.1\r\nHost: h\r\n\r\n");
      const std::string again = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nGET /again h ";
      EXPECT_EQ(client.Read(again.size()), again);
      --seen;
    }
    EXPECT_EQ(seen, each.seen);
  }
}

INSTANTIATE_TEST_SUITE_P(Http1, Malformed, testing::Values(false, true),
                         [](const auto& info) { return info.param ? "ByteByByte" : "AtOnce"; });

}  // namespace
}  // namespace http
