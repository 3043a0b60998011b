// One request of a client over HTTP/2, and the connections that such requests share.
#include "base/strings.hpp"
#include "http/client_impl.hpp"

namespace http {

async::Task<base::Result<Response>> ClientImpl::SendHttp2(const async::Context& context,
                                                          const Origin& origin, RequestHead head,
                                                          Body* body, InterimObserver* interim) {
  if (closing_) co_return std::unexpected(ClientClosing());
  ClientPool& pool = PoolOf(origin);
  const InUse use(pool.users, &quiet_);
  head.scheme = pool.origin.secure() ? "https" : "http";
  for (bool again = false;; again = true) {
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
    if (response || !unprocessed || again || context.canceled()) co_return std::move(response);
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
  const async::Context context;
  auto stream = co_await Connect(context, pool.origin, options_.dial_timeout, closing_token_);
  pool.dial_error.reset();
  if (stream && (*stream)->is_tls() && (*stream)->tls_peer().alpn == "http/1.1") {
    stream = base::Fail(base::Kind::kProtocol,
                        base::StrCat(pool.origin.address.ToString(), " does not speak HTTP/2"));
  }
  if (stream && closing_) stream = std::unexpected(ClientClosing());
  if (stream) {
    auto entry = std::make_unique<ClientPool::Http2>();
    entry->connection =
        Http2ClientConnection::Start(gate_, std::move(*stream), options_, pool.queue);
    pool.http2.push_back(std::move(entry));
  } else {
    pool.dial_error = std::move(stream).error();
  }
  pool.dialing = false;
  ++pool.dials;
  pool.dialed.Pulse();
}

}  // namespace http
