// One HTTP/2 connection of a server: ServeHttp2.
#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "http/http2_connection.hpp"
#include "http/http2_server_session.hpp"
#include "http/server_core.hpp"

namespace http {
namespace {
using std::chrono::milliseconds;

// How long a graceful end waits for the peer to learn of it.
constexpr milliseconds kDrainNotice{1000};
// Memory that costs a little to get again is kept for so long.
constexpr milliseconds kRestAfter{1000};
// How often stalled streams are looked for, at most and at least.
constexpr milliseconds kMaxScan{15'000};
constexpr milliseconds kMinScan{20};

class Http2ServerConnection final : public Http2Connection, public TlsConnection {
 public:
  Http2ServerConnection(ServerCore& core, std::unique_ptr<net::Stream> stream, ConnectionInfo info)
      : Http2Connection(std::move(stream), TimesOf(core.options)),
        core_(core),
        info_(std::move(info)),
        session_(core, info_, gate_, *this) {}

  async::Task<void> Serve(std::unique_ptr<Http2Upgrade> upgrade) {
    if (upgrade) {
      Begin(session_, std::move(upgrade->answer));
      session_.Upgrade(std::move(upgrade->request), upgrade->body, upgrade->settings);
      session_.Feed(upgrade->early);
      upgrade.reset();
    } else {
      Begin(session_);
    }
    if (info_.tls) core_.tls_connections.insert(this);
    if (!drain_.HookInto(core_.drain)) BeginDrain();
    if (!abort_.HookInto(core_.abort)) Abort();
    co_await ended_.Wait(async::Context());
    core_.tls_connections.erase(this);
    co_await gate_.Close(async::Context());
  }

 private:
  struct Hook : async::CancelHook {
    Hook(Http2ServerConnection* connection, Fire fire) : CancelHook(fire), connection(connection) {}
    Http2ServerConnection* connection;
  };

  static Times TimesOf(const ServerOptions& options) {
    return {.keepalive_interval = options.keepalive_interval,
            .keepalive_timeout = options.keepalive_timeout,
            .keepalive_without_streams = true,
            .greeting_timeout = options.header_timeout,
            .settings_timeout = options.header_timeout,
            .header_timeout = options.header_timeout,
            .write_stall_timeout = options.write_stall_timeout};
  }

  void Abort() { EndSoon(base::Error(base::Kind::kUnavailable, "the server is stopping")); }

  void Renew() override { BeginDrain(); }
  const void* tag() const override { return info_.listener_tag; }
  const net::TlsContext* tls() const override { return Http2Connection::stream().tls_context(); }

  void BeginDrain() {
    if (ended() || drain_since_ != async::kForever) return;
    drain_since_ = loop().now();
    session_.BeginDrain();
    CheckBy(drain_since_ + kDrainNotice);
  }

  async::TimePoint Check(async::TimePoint now) override {
    async::TimePoint next = async::kForever;
    if (drain_since_ != async::kForever && !session_.drained()) {
      if (drain_since_ + kDrainNotice <= now) {
        session_.FinishDrain();
      } else {
        next = drain_since_ + kDrainNotice;
      }
    }
    const ServerOptions& options = core_.options;
    if (session_.streams() != 0) {
      session_.CheckStalls(now);
    } else if (options.idle_timeout.count() > 0 && session_.greeted()) {
      if (session_.idle_since() + kRestAfter <= now) {
        session_.Rest();
      } else {
        next = std::min(next, session_.idle_since() + kRestAfter);
      }
      const auto idle_end = session_.idle_since() + options.idle_timeout;
      if (idle_end <= now) {
        session_.FinishDrain();
      } else {
        next = std::min(next, idle_end);
      }
    }
    auto scan = kMaxScan;
    for (const auto limit : {options.body_stall_timeout, options.write_stall_timeout}) {
      if (limit.count() > 0) scan = std::min(scan, limit / 4);
    }
    next = std::min(next, now + std::max(scan, kMinScan));
    return next;
  }

  void OnSettled() override {
    if (session_.drained() && session_.streams() == 0) CloseWhenFlushed();
  }

  void OnEnded() override { ended_.Set(); }

  ServerCore& core_;
  const ConnectionInfo info_;
  async::Gate gate_;
  Http2ServerSession session_;
  Hook drain_{this,
              [](async::CancelHook* hook) { static_cast<Hook*>(hook)->connection->BeginDrain(); }};
  Hook abort_{this, [](async::CancelHook* hook) { static_cast<Hook*>(hook)->connection->Abort(); }};
  async::Event ended_;
  async::TimePoint drain_since_ = async::kForever;
};

}  // namespace

async::Task<void> ServeHttp2(ServerCore& core, std::unique_ptr<net::Stream> stream,
                             ConnectionInfo info, std::unique_ptr<Http2Upgrade> upgrade) {
  // On the heap: a frame would keep room for the arguments beside it.
  auto connection =
      std::make_unique<Http2ServerConnection>(core, std::move(stream), std::move(info));
  co_await connection->Serve(std::move(upgrade));
}

}  // namespace http
