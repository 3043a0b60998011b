#include "http/client.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/strings.hpp"
#include "http/client_pool.hpp"

namespace http {
namespace {

using std::chrono::milliseconds;

constexpr int kMaxInterim = 64;

class ClientImpl final : public Client {
 public:
  ClientImpl(async::Loop& loop, const ClientOptions& options)
      : loop_(loop), options_(options), sweep_(this) {}

  async::Task<base::Result<Response>> Send(const async::Context& context, const Origin& origin,
                                           RequestHead head, Body* body,
                                           InterimObserver* interim) override {
    return origin.protocol == Protocol::kHttp2
               ? SendHttp2(context, origin, std::move(head), body, interim)
               : SendHttp1(context, origin, std::move(head), body, interim);
  }
  void Forget(const Origin& origin) override;
  std::size_t connections() const override;
  async::Task<void> Close(const async::Context& context) override;

 private:
  struct Sweep : async::Timer {
    explicit Sweep(ClientImpl* client) : client(client) {
      set_callback([](async::Timer* timer) { static_cast<Sweep*>(timer)->client->SweepIdle(); });
    }
    ClientImpl* client;
  };

  ClientPool& PoolOf(const Origin& origin);
  void SweepIdle();
  static void DropClosed(ClientPool& pool);
  bool Quiet() const;

  async::Task<base::Result<Response>> SendHttp1(const async::Context& context, const Origin& origin,
                                                RequestHead head, Body* body,
                                                InterimObserver* interim);
  async::Task<base::Result<Response>> SendHttp2(const async::Context& context, const Origin& origin,
                                                RequestHead head, Body* body,
                                                InterimObserver* interim);
  async::Task<base::Result<ClientPool::Http2*>> PickHttp2(const async::Context& context,
                                                          ClientPool& pool);
  async::Task<void> DialHttp2(ClientPool& pool);

  base::Error Closing() const {
    return base::Error(base::Kind::kUnavailable, "the HTTP client is closing");
  }

  async::Loop& loop_;
  const ClientOptions options_;
  std::unordered_map<Origin, std::unique_ptr<ClientPool>, OriginHash> pools_;
  ClientPool* last_ = nullptr;  // most calls go where the one before went
  bool closing_ = false;
  async::Event quiet_;
  async::Gate gate_;
  Sweep sweep_;
};

ClientPool& ClientImpl::PoolOf(const Origin& origin) {
  if (last_ && last_->origin == origin) return *last_;
  auto& pool = pools_[origin];
  if (!pool) {
    pool = std::make_unique<ClientPool>(origin, options_);
    pool->http1.quiet = &quiet_;
  }
  if (!sweep_.armed()) {
    const auto every =
        std::clamp(options_.idle_timeout / 4, milliseconds(10), milliseconds(10'000));
    loop_.timers().Arm(sweep_, loop_.After(every));
  }
  last_ = pool.get();
  return *pool;
}

async::Task<base::Result<Response>> ClientImpl::SendHttp1(const async::Context& context,
                                                          const Origin& origin, RequestHead head,
                                                          Body* body, InterimObserver* interim) {
  if (closing_) co_return std::unexpected(Closing());
  ClientPool& pool = PoolOf(origin);
  const InUse use(pool.users, &quiet_);
  Http1Request request;
  bool fresh = false;
  for (;;) {
    if (closing_) co_return std::unexpected(Closing());
    if (!pool.http1.permits.TryAcquire()) {
      const async::Wake wake = co_await pool.http1.permits.Acquire(context);
      if (wake != async::Wake::kReady) {
        co_return std::unexpected(EndOfWait(wake, "waiting for a free connection to", pool.origin));
      }
    }
    Http1Permit permit(pool.http1);
    if (closing_) co_return std::unexpected(Closing());
    std::unique_ptr<Http1ClientConnection> connection;
    if (!fresh) connection = pool.http1.TakeIdle();
    if (!connection) {
      fresh = true;
      auto stream = co_await Connect(context, pool.origin, options_.dial_timeout);
      if (!stream) co_return std::unexpected(std::move(stream).error());
      connection = std::make_unique<Http1ClientConnection>(pool.http1, std::move(*stream));
    }
    permit.PassOn();

    if (!request.ready) {
      request.bytes = StringPool::Take();
      auto status = Http1ClientConnection::Prepare(head, body, request);
      if (!status) co_return std::unexpected(std::move(status).error());
    }
    Response response;
    connection->Begin(std::move(request), body, response.head);
    int interims = 0;
    for (;;) {
      const auto step = connection->ReadHead();
      if (connection->request_error()) co_return std::unexpected(*connection->request_error());
      if (step == Http1ClientConnection::Step::kWait) {
        const async::Wake wake = co_await async::Readable(connection->stream->watch(), context);
        if (wake == async::Wake::kReady) continue;
        co_return std::unexpected(EndOfWait(wake, "awaiting a response from", pool.origin));
      }
      if (step == Http1ClientConnection::Step::kHead) {
        if (response.head.status >= 200) {
          const bool head_only = head.method == "HEAD";
          response.body =
              std::make_unique<Http1ResponseBody>(std::move(connection), response.head, head_only);
          co_return std::move(response);
        }
        if (response.head.status == 101 || ++interims > kMaxInterim) {
          co_return base::Fail(
              base::Kind::kProtocol,
              base::StrCat("unexpected interim response from ", pool.origin.address.ToString()));
        }
        if (interim) interim->OnInterim(response.head);
        connection->NextHead(response.head);
        continue;
      }
      if (step == Http1ClientConnection::Step::kBad) {
        co_return base::Fail(
            base::Kind::kProtocol,
            base::StrCat("bad response from ", pool.origin.address.ToString(), ": ",
                         connection->parser.fault().detail.empty()
                             ? "malformed head"
                             : connection->parser.fault().detail));
      }
      break;
    }
    // The peer closed without an answer. A kept connection may have been closed before the request
    // came; then a fresh one will do.
    auto again = fresh || connection->received() ? std::nullopt : connection->TakeRequest();
    const bool aborted = connection->pool() == nullptr;
    connection.reset();
    if (!again) {
      co_return base::Fail(base::Kind::kUnavailable,
                           aborted
                               ? std::string("the HTTP client is closing")
                               : base::StrCat("the connection to ", pool.origin.address.ToString(),
                                              " was closed before a response came"));
    }
    request = std::move(*again);
    fresh = true;
  }
}

async::Task<base::Result<Response>> ClientImpl::SendHttp2(const async::Context& context,
                                                          const Origin& origin, RequestHead head,
                                                          Body* body, InterimObserver* interim) {
  if (closing_) co_return std::unexpected(Closing());
  ClientPool& pool = PoolOf(origin);
  const InUse use(pool.users, &quiet_);
  head.scheme = pool.origin.tls ? "https" : "http";
  for (bool again = false;; again = true) {
    auto picked = co_await PickHttp2(context, pool);
    if (!picked) co_return std::unexpected(std::move(picked).error());
    ClientPool::Http2& entry = **picked;
    base::Result<Response> response = Response();
    bool unprocessed = false;
    {
      const InUse sending(entry.users);
      // A copy, because the peer may turn the request away untouched.
      auto outcome =
          co_await entry.connection->Send(context, again ? std::move(head) : head, body, interim);
      response = std::move(outcome.response);
      unprocessed = outcome.unprocessed;
    }
    if (response || !unprocessed || again || context.canceled()) co_return std::move(response);
  }
}

async::Task<base::Result<ClientPool::Http2*>> ClientImpl::PickHttp2(const async::Context& context,
                                                                    ClientPool& pool) {
  for (;;) {
    if (closing_) co_return std::unexpected(Closing());
    for (auto& entry : pool.http2) {
      if (entry->connection->usable() && entry->connection->room() > 0) co_return entry.get();
    }
    const uint64_t dials = pool.dials;
    if (!pool.dialing) {
      DropClosed(pool);
      if (pool.http2.size() >= options_.max_connections) {
        // Every connection is full; a stream's end makes no event, so look again soon.
        const async::Wake wake = co_await async::Sleep(context, loop_.After(milliseconds(2)));
        if (wake != async::Wake::kReady) {
          co_return std::unexpected(EndOfWait(wake, "waiting for a free stream to", pool.origin));
        }
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
  const async::Context context = gate_.context();
  auto stream = co_await Connect(context, pool.origin, options_.dial_timeout);
  pool.dial_error.reset();
  if (stream && (*stream)->is_tls() && (*stream)->tls_peer().alpn == "http/1.1") {
    stream = base::Fail(base::Kind::kProtocol,
                        base::StrCat(pool.origin.address.ToString(), " does not speak HTTP/2"));
  }
  if (stream && closing_) stream = std::unexpected(Closing());
  if (stream) {
    auto entry = std::make_unique<ClientPool::Http2>();
    entry->connection = Http2ClientConnection::Start(gate_, std::move(*stream), options_);
    pool.http2.push_back(std::move(entry));
  } else {
    pool.dial_error = std::move(stream).error();
  }
  pool.dialing = false;
  ++pool.dials;
  pool.dialed.Pulse();
}

void ClientImpl::DropClosed(ClientPool& pool) {
  std::erase_if(pool.http2, [](const auto& entry) {
    return entry->users == 0 && entry->connection->closed().is_set();
  });
}

void ClientImpl::SweepIdle() {
  const async::TimePoint old = loop_.now() - options_.idle_timeout;
  for (auto at = pools_.begin(); at != pools_.end();) {
    ClientPool& pool = *at->second;
    pool.http1.CloseIdleSince(old);
    for (auto& entry : pool.http2) {
      Http2ClientConnection& connection = *entry->connection;
      if (entry->users == 0 && connection.usable() && connection.streams() == 0 &&
          connection.idle_since() <= old) {
        connection.Shutdown(false);
      }
    }
    DropClosed(pool);
    if (pool.unused()) {
      if (last_ == &pool) last_ = nullptr;
      at = pools_.erase(at);
    } else {
      ++at;
    }
  }
  if (pools_.empty()) return;
  const auto every = std::clamp(options_.idle_timeout / 4, milliseconds(10), milliseconds(10'000));
  loop_.timers().Arm(sweep_, loop_.After(every));
}

void ClientImpl::Forget(const Origin& origin) {
  const auto at = pools_.find(origin);
  if (at == pools_.end()) return;
  ClientPool& pool = *at->second;
  pool.http1.Forget();
  for (auto& entry : pool.http2) entry->connection->Shutdown(false);
}

std::size_t ClientImpl::connections() const {
  std::size_t count = 0;
  for (const auto& [origin, pool] : pools_) {
    count += pool->http1.connections();
    for (const auto& entry : pool->http2) count += entry->connection->closed().is_set() ? 0 : 1;
  }
  return count;
}

bool ClientImpl::Quiet() const {
  return std::all_of(pools_.begin(), pools_.end(), [](const auto& entry) {
    return entry.second->users == 0 && entry.second->http1.in_use() == 0;
  });
}

async::Task<void> ClientImpl::Close(const async::Context& context) {
  closing_ = true;
  sweep_.Cancel();
  for (auto& [origin, pool] : pools_) {
    pool->http1.Retire();
    for (auto& entry : pool->http2) entry->connection->Shutdown(false);
  }
  while (!Quiet()) {
    // The end of a call makes no event of its own.
    const async::Context soon = context.Until(loop_.After(milliseconds(20)));
    co_await quiet_.Wait(soon);
    if (context.canceled() || loop_.now() >= context.deadline) break;
  }
  bool orderly = true;
  for (auto& [origin, pool] : pools_) {
    for (auto& entry : pool->http2) {
      if (co_await entry->connection->closed().Wait(context) != async::Wake::kReady)
        orderly = false;
    }
  }
  if (!orderly || !Quiet()) {
    for (auto& [origin, pool] : pools_) {
      pool->http1.AbortAll();
      for (auto& entry : pool->http2) entry->connection->Shutdown(true);
    }
  }
  // What is left has been cut off; its tasks are on their way out.
  const async::Context forever;
  co_await gate_.Close(forever);
  while (!Quiet()) {
    const async::Context soon(loop_.After(milliseconds(5)));
    co_await quiet_.Wait(soon);
  }
  last_ = nullptr;
  pools_.clear();
}

}  // namespace

std::unique_ptr<Client> MakeClient(async::Loop& loop, const ClientOptions& options) {
  return std::make_unique<ClientImpl>(loop, options);
}

}  // namespace http
