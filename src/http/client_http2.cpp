// One request of a client over HTTP/2, and the connections that such requests share.
#include "base/strings.hpp"
#include "http/client_impl.hpp"

namespace http {
namespace {
// How often a request is sent that its peers do not process; and how often a connection is made
// anew that ends before it begins.
constexpr int kSends = 3;
constexpr int kDials = 3;
}  // namespace

async::Task<base::Result<Response>> ClientImpl::SendHttp2(const async::Context& context,
                                                          const Origin& origin, RequestHead head,
                                                          Body* body, InterimObserver* interim) {
  if (closing_) co_return std::unexpected(ClientClosing());
  ClientPool& pool = PoolOf(origin);
  const InUse use(pool.users, &quiet_);
  head.scheme = pool.origin.secure() ? "https" : "http";
  for (int sends = 1;; ++sends) {
    auto picked = co_await PickHttp2(context, pool);
    if (!picked) co_return std::unexpected(std::move(picked).error());
    ClientPool::Http2& entry = **picked;
    base::Result<Response> response = Response();
    bool unprocessed = false;
    {
      const InUse sending(entry.users);
      auto outcome = co_await entry.connection->Send(context, head, body, interim);
      response = std::move(outcome.response);
      unprocessed = outcome.unprocessed;
    }
    if (response || !unprocessed || sends == kSends || context.canceled()) {
      co_return std::move(response);
    }
  }
}

async::Task<base::Result<ClientPool::Http2*>> ClientImpl::PickHttp2(const async::Context& context,
                                                                    ClientPool& pool) {
  Http2Queue& queue = *pool.queue;
  for (bool queued = false;;) {
    if (closing_) co_return std::unexpected(ClientClosing());
    // Nobody overtakes those who wait already.
    const bool crowded = pool.http2.size() >= options_.max_connections && queue.waiting != 0;
    if (queued || !crowded) {
      for (auto& entry : pool.http2) {
        if (!entry->ready) continue;
        if (entry->connection->usable() && entry->connection->room() > 0) co_return entry.get();
      }
    }
    const uint64_t dials = pool.dials;
    if (!pool.dialing) {
      DropClosed(pool);
      if (pool.http2.size() >= options_.max_connections) {
        const InUse waiting(queue.waiting);
        const async::Wake wake = co_await queue.room.Wait(context);
        if (wake != async::Wake::kReady) {
          co_return std::unexpected(EndOfWait(wake, "waiting for a free stream to", pool.origin));
        }
        queued = true;
        continue;
      }
      pool.dialing = true;
      // In the gate, so that a caller who gives up does not fail the others.
      gate_.Spawn(DialHttp2(pool));
    }
    while (pool.dials == dials) {
      const async::Wake wake = co_await pool.dialed.Wait(context);
      if (wake != async::Wake::kReady) {
        co_return std::unexpected(EndOfWait(wake, "connecting to", pool.origin));
      }
    }
    if (pool.dial_error) co_return std::unexpected(*pool.dial_error);
  }
}

async::Task<void> ClientImpl::DialHttp2(ClientPool& pool) {
  const async::TimePoint until = loop_.After(options_.dial_timeout);
  Dialed dialed;
  for (int tries = 0; tries < kDials; ++tries) {
    dialed = co_await DialOnce(pool, until);
    if (dialed.status || !dialed.again || closing_) break;
  }
  pool.dial_error.reset();
  if (!dialed.status) {
    pool.dial_error = closing_ ? ClientClosing() : std::move(dialed.status).error();
  }
  pool.dialing = false;
  ++pool.dials;
  pool.dialed.Pulse();
}

async::Task<ClientImpl::Dialed> ClientImpl::DialOnce(ClientPool& pool, async::TimePoint until) {
  const auto fail = [](base::Error error, bool again) {
    return Dialed{std::unexpected(std::move(error)), again};
  };
  auto tls = TlsOf(pool.origin);
  if (!tls) co_return fail(std::move(tls).error(), false);
  // Certificates and anchors may be replaced meanwhile, and with them what the peer says to ours.
  const auto replaced = [&] {
    const auto now = TlsOf(pool.origin);
    return now && now->get() != tls->get();
  };
  const async::Context context;
  auto stream = co_await Connect(context, pool.origin, *tls, until, closing_token_);
  if (!stream) co_return fail(std::move(stream).error(), *tls && replaced());
  if ((*stream)->is_tls() && (*stream)->tls_peer().alpn == "http/1.1") {
    co_return fail(base::Error(base::Kind::kProtocol, base::StrCat(pool.origin.address.ToString(),
                                                                   " does not speak HTTP/2")),
                   false);
  }
  if (closing_) co_return fail(ClientClosing(), false);
  auto made = std::make_unique<ClientPool::Http2>();
  made->connection = Http2ClientConnection::Start(gate_, std::move(*stream), options_, pool.queue);
  ClientPool::Http2& entry = *made;
  pool.http2.push_back(std::move(made));
  if (!*tls) {
    entry.ready = true;
    co_return Dialed();
  }
  const InUse dialing(entry.users);
  Http2ClientConnection& connection = *entry.connection;
  const async::Context patience(until, &closing_token_);
  const async::Wake wake = co_await connection.begun().Wait(patience);
  if (wake != async::Wake::kReady) {
    connection.Shutdown(true);
    co_return fail(base::Error(base::Kind::kUnreachable,
                               base::StrCat("the connection to ", pool.origin.address.ToString(),
                                            " did not begin HTTP/2 in time")),
                   false);
  }
  if (replaced()) {
    connection.Shutdown(false);
    co_return fail(base::Error(base::Kind::kUnreachable,
                               base::StrCat("the certificates for ", pool.origin.address.ToString(),
                                            " keep changing")),
                   true);
  }
  if (!connection.usable()) {
    base::Error error = connection.end_reason();
    const bool refused = error.kind == base::Kind::kUnauthenticated;
    if (!refused) error.kind = base::Kind::kUnreachable;
    co_return fail(std::move(error), !refused);
  }
  entry.ready = true;
  co_return Dialed();
}

}  // namespace http
