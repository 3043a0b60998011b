// Feeds bytes to a server session whose handler reads the body and echoes it. The first byte
// chooses how the rest is cut into reads; what the session wants to send is taken and thrown away.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/http2_server_session.hpp"

namespace {

class Echo final : public http::Handler {
 public:
  bool TryHandle(http::Exchange& exchange) override {
    if (exchange.request().method != "GET") return false;
    exchange.Respond(http::ResponseHead{.status = 404}, exchange.request().target);
    return true;
  }
  async::Task<void> Handle(http::Exchange& exchange) override {
    const async::Context context(async::kForever, &exchange.cancel());
    exchange.Start(http::ResponseHead{});
    for (;;) {
      auto chunk = co_await http::NextChunk(exchange.body(), context);
      if (!chunk) co_return exchange.Abort();
      if (!*chunk) break;
      exchange.Write(**chunk);
      if (!co_await exchange.Drain(context)) co_return exchange.Abort();
    }
    exchange.Finish(exchange.body().trailers());
  }
};

class Owner final : public http::Http2Session::Owner {
 public:
  void Wake() override {}
};

void FeedAll(async::Loop& loop, const uint8_t* data, std::size_t size) {
  if (size == 0) return;
  const std::size_t step = data[0] == 0 ? size : data[0];
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Echo handler;
  http::ServerOptions options;
  options.max_concurrent_streams = 20;
  http::ServerCore core(loop, handler, options);
  const http::ConnectionInfo info;
  Owner owner;
  async::Gate gate;
  {
    http::Http2ServerSession session(core, info, gate, owner);
    std::string out;
    while (!bytes.empty() && !session.finished()) {
      session.Feed(bytes.substr(0, step));
      bytes.remove_prefix(std::min(step, bytes.size()));
      session.RunWork();
      for (int round = 0; round < 4 && session.wants_write(); ++round) {
        out.clear();
        session.TakeOutput(out, 64 * 1024);
        session.RunWork();
      }
    }
    session.Lose(base::Error(base::Kind::kUnavailable, "the end"));
    session.RunWork();
    if (gate.size() != 0 || core.in_flight != 0) __builtin_trap();  // a handler was not canceled
    if (session.kept() != 0 && session.streams() == 0 && !session.lost()) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static async::Loop loop;
  // Within the loop's turn, as in life.
  loop.Post([&] { FeedAll(loop, data, size); });
  loop.RunOnce(0);
  return 0;
}
