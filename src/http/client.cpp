#include "http/client.hpp"

#include <algorithm>
#include <memory>

#include "http/client_impl.hpp"

namespace http {

using std::chrono::milliseconds;

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
  if (at != pools_.end()) Retire(*at->second);
}

void ClientImpl::RenewTls(const std::function<bool(const Origin&)>& which) {
  for (auto& [origin, pool] : pools_) {
    if (!which(origin)) continue;
    pool->http1.Forget();
    const auto tls = TlsOf(origin);
    for (auto& entry : pool->http2) {
      // A dial looks for itself.
      if (entry->ready && (!tls || entry->connection->tls() != tls->get())) {
        entry->connection->Shutdown(false);
      }
    }
  }
}

void ClientImpl::Retire(ClientPool& pool) {
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
  // Dials, and calls that wait for a stream, end now.
  closing_token_.Cancel();
  for (auto& [origin, pool] : pools_) {
    pool->http1.Retire();
    for (auto& entry : pool->http2) entry->connection->Shutdown(false);
    pool->queue->room.Pulse();
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

std::unique_ptr<Client> MakeClient(async::Loop& loop, const ClientOptions& options) {
  return std::make_unique<ClientImpl>(loop, options);
}

}  // namespace http
