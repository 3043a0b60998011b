// Apps, bodies and comparisons that tests of invocation share.
#pragma once

#include <algorithm>

#include "blocks/invoke/invoke_test_util.hpp"

namespace blocks::invoke::test {

// What the app saw last.
struct Seen {
  http::RequestHead head;
  std::string body;
};

inline auto Echo(Seen& seen) {
  return [&seen](http::Exchange& exchange) -> async::Task<void> {
    seen.head = exchange.request();
    const async::Context context(async::kForever, &exchange.cancel());
    auto body = co_await http::ReadAll(exchange.body(), context, 1 << 20);
    seen.body = body ? *body : "failed: " + body.error().message;
    http::ResponseHead head;
    head.status = 201;
    head.headers.Add("Content-Type", "text/x-echo");
    head.headers.Add("X-App", "1");
    head.headers.Add("X-App", "2");
    exchange.Respond(head, "echo:" + seen.body);
  };
}

inline std::vector<std::string> Values(const http::Headers& headers, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [field, value] : headers) {
    if (http::NameEquals(field, name)) values.emplace_back(value);
  }
  return values;
}
using Texts = std::vector<std::string>;

// Produces `total` bytes in chunks and counts what was taken.
class Generator final : public http::Body {
 public:
  explicit Generator(uint64_t total) : total_(total), chunk_(64 * 1024, 'g') {}
  Poll TryRead(std::string_view& chunk) override {
    if (made == total_) return Poll::kEnd;
    chunk = std::string_view(chunk_).substr(0, std::min<uint64_t>(chunk_.size(), total_ - made));
    made += chunk.size();
    return Poll::kChunk;
  }
  void OnReady(async::Waiter*) override {}
  uint64_t made = 0;

 private:
  const uint64_t total_;
  const std::string chunk_;
};

// A body of which not all is there yet when the call is made.
class SlowBody final : public http::Body {
 public:
  explicit SlowBody(std::string data) : data_(std::move(data)) {}
  Poll TryRead(std::string_view& chunk) override {
    if (taken_) return Poll::kEnd;
    taken_ = true;
    chunk = data_;
    return Poll::kChunk;
  }
  void OnReady(async::Waiter*) override {}
  std::optional<uint64_t> length() const override { return known; }
  std::optional<uint64_t> known;

 private:
  std::string data_;
  bool taken_ = false;
};

inline async::Task<void> EchoStream(http::Exchange& exchange) {
  const async::Context context(async::kForever, &exchange.cancel());
  exchange.Start({});
  while (true) {
    auto chunk = co_await http::NextChunk(exchange.body(), context);
    if (!chunk) {
      exchange.Abort();
      co_return;
    }
    if (!*chunk) break;
    exchange.Write(**chunk);
    if (!co_await exchange.Drain(context)) co_return;
  }
  exchange.Finish();
}

inline async::Task<void> StreamThrough(Node& node, std::string target, uint64_t total,
                                       uint64_t& received, uint64_t& most_inside,
                                       std::string& error) {
  contracts::Call call(async::Context(async::Loop::Current()->After(std::chrono::seconds(120))));
  Generator source(total);
  auto response =
      co_await node.block->Invoke(call, Request(std::move(target), "POST", "echo", &source));
  if (!response) {
    error = response.error().message;
    co_return;
  }
  while (true) {
    auto chunk = co_await http::NextChunk(*response->body, call);
    if (!chunk) {
      error = chunk.error().message;
      co_return;
    }
    if (!*chunk) break;
    received += (*chunk)->size();
    most_inside = std::max(most_inside, source.made - received);
  }
}

// A caller and a callee that knows its way.
struct TwoNodes : World {
  TwoNodes(contracts::AppProtocol protocol = contracts::AppProtocol::kHttp)
      : caller(*this, "caller"), callee(*this, "callee", protocol) {
    callee.Open();
  }
  Node caller;
  Node callee;
};

}  // namespace blocks::invoke::test
