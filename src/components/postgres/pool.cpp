#include "components/postgres/pool.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "base/strings.hpp"
#include "components/postgres/client.hpp"
#include "components/postgres/error.hpp"

namespace components::postgres {

using base::Kind;
using base::StrCat;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kMaxWaiting = 10'000;
// How much may be under way on one connection.
constexpr std::size_t kMaxReads = 256;
constexpr std::size_t kMaxWrites = 2;
constexpr milliseconds kFirstDelay(50);
constexpr milliseconds kLastDelay(500);
constexpr std::chrono::seconds kConnectTimeout(5);
constexpr std::chrono::seconds kOpenTimeout(30);

// Says nothing about the server, unlike most that can go wrong after that.
bool IsRefusal(const base::Error& error) {
  return error.message.find("Connection refused") != std::string::npos ||
         error.message.find("it does not answer") != std::string::npos;
}

// Of several places that were tried, the error to tell.
void KeepMoreTelling(base::Error& kept, base::Error other) {
  if (kept.message.empty() || (IsRefusal(kept) && !IsRefusal(other))) kept = std::move(other);
}

base::Error Closed() {
  return {Kind::kUnavailable, "the postgresql component is closing"};
}

}  // namespace

Pool::Pool(Client& client, async::Loop& loop)
    : client_(client), loop_(loop), last_error_(Kind::kUnreachable, "not connected") {}

Pool::~Pool() = default;

Connection* Pool::Choose(OperationKind kind) const {
  const auto ready = [](const std::unique_ptr<Slot>& slot) {
    return slot->connection && slot->connection->usable();
  };
  const bool several = std::ranges::count_if(slots_, ready) > 1;
  Connection* best = nullptr;
  std::size_t best_cost = SIZE_MAX;
  bool reader = true;  // the first one that is ready
  for (const auto& slot : slots_) {
    if (!ready(slot)) continue;
    const bool is_reader = std::exchange(reader, false);
    Connection& one = *slot->connection;
    if (one.blocked() || one.stalled()) continue;
    std::size_t cost;
    if (kind == OperationKind::kRead) {
      if (one.reads() >= kMaxReads) continue;
      cost = one.reads() + one.writes() * 64;
    } else {
      if ((is_reader && several) || one.writes() >= kMaxWrites) continue;
      cost = one.writes() * 64 + one.reads();
    }
    // What has been silent for longer is more likely to be stuck.
    cost += static_cast<std::size_t>(std::min<int64_t>(30, one.silence() / milliseconds(1)));
    if (cost < best_cost) {
      best = &one;
      best_cost = cost;
    }
  }
  return best;
}

bool Pool::Connecting() const {
  return std::ranges::any_of(slots_, [](const auto& slot) { return !slot->connection; });
}

bool Pool::MayGrow() const {
  if (closing_ || loop_.now() < next_attempt_ || Connecting()) return false;
  // Each loop may have one, whatever the limit.
  return slots_.empty() || client_.MayOpen(slots_.size());
}

void Pool::Grow() {
  if (!MayGrow()) return;
  Slot* slot = slots_.emplace_back(std::make_unique<Slot>()).get();
  ++client_.open_connections();
  gate_.Spawn(Keep(slot));
}

bool Pool::Submit(Operation& operation) {
  if (closing_) {
    operation.error = Closed();
    return false;
  }
  OperationQueue& waiting = Waiting(operation.kind);
  Connection* const connection = waiting.empty() ? Choose(operation.kind) : nullptr;
  if (connection) {
    // What is behind a write waits for its lock and its disk: rather open one more connection.
    const bool behind = connection->writes() > 0;
    if (behind || (operation.kind == OperationKind::kWrite && connection->reads() > 0)) Grow();
    if (!behind || !Connecting()) {
      connection->Submit(operation);
      return true;
    }
  }
  if (waiting.size() >= kMaxWaiting) {
    operation.error = {Kind::kExhausted, StrCat("more than ", kMaxWaiting,
                                                " operations wait for postgresql: slow down")};
    return false;
  }
  Grow();
  if (slots_.empty()) {  // the last attempt failed only just now
    operation.error = last_error_;
    return false;
  }
  waiting.Push(operation, this);
  return true;
}

void Pool::Remove(Operation& operation) {
  if (operation.queue) operation.queue->Erase(operation);
}

void Pool::Return(Operation& operation) {
  Waiting(operation.kind).Push(operation, this);
}

void Pool::Dispatch() {
  if (closing_) return FailWaiting();
  for (OperationQueue* queue : {&waiting_reads_, &waiting_writes_}) {
    while (Operation* operation = queue->front()) {
      Connection* const connection = Choose(operation->kind);
      if (!connection || (connection->writes() > 0 && Connecting())) break;
      queue->Erase(*operation);
      connection->Submit(*operation);
    }
    if (!queue->empty()) Grow();
  }
  if (slots_.empty()) FailWaiting();
}

void Pool::FailWaiting() {
  for (OperationQueue* queue : {&waiting_reads_, &waiting_writes_}) {
    while (Operation* operation = queue->Pop()) {
      operation->error = closing_ ? Closed() : last_error_;
      failing_.Push(*operation, this);
    }
  }
  // Who is resumed may take others off the list.
  while (Operation* operation = failing_.Pop()) operation->Complete();
}

async::Task<void> Pool::Keep(Slot* slot) {
  co_await async::Yield();  // whoever wants the connection is still being queued
  const async::Context context = gate_.context();
  auto opened = co_await Open(context, this);
  const std::shared_ptr<Connection> connection = opened ? *opened : nullptr;
  if (connection) {
    failures_ = 0;
    slot->connection = connection;
    connection->Start();
    Dispatch();
    co_await connection->Ended(context);
  } else {
    last_error_ = std::move(opened).error();
    const auto delay = std::min<async::Duration>(kLastDelay, kFirstDelay * (1 << failures_));
    failures_ = std::min(failures_ + 1, 8);
    next_attempt_ = async::Clock::now() + base::Jitter(delay);
  }
  --client_.open_connections();
  const std::unique_ptr<Slot> mine = [this, slot] {
    const auto at = std::ranges::find(slots_, slot, &std::unique_ptr<Slot>::get);
    std::unique_ptr<Slot> taken = std::move(*at);
    slots_.erase(at);
    return taken;
  }();
  if (connection) connection->Finish();
  Dispatch();
}

async::Task<void> Pool::KeepSession(std::shared_ptr<Connection> connection) {
  co_await connection->Ended(gate_.context());
  connection->Finish();
}

async::Task<base::Result<std::shared_ptr<Connection>>> Pool::OpenSession(
    const async::Context& context) {
  if (closing_) co_return std::unexpected(Closed());
  auto opened = co_await Open(context, nullptr);
  if (!opened) co_return opened;
  (*opened)->Start();
  if (!gate_.Spawn(KeepSession(*opened))) co_return std::unexpected(Closed());
  co_return opened;
}

async::Task<base::Result<std::vector<std::string>>> Pool::Addresses(const async::Context& context,
                                                                    const Host& host) {
  using Result = base::Result<std::vector<std::string>>;
  if (host.is_unix() || !host.address.empty()) co_return Result(std::vector{host.address});
  if (!resolver_) resolver_ = std::make_unique<net::Resolver>(loop_);
  auto resolved = co_await resolver_->Resolve(context, host.name,
                                              base::ParseUint<uint16_t>(host.port).value_or(5432));
  if (!resolved) {
    base::Error error = std::move(resolved).error();
    if (error.kind != Kind::kCanceled) error.kind = Kind::kUnreachable;
    error.message = StrCat("cannot connect to postgresql: ", error.message);
    co_return std::unexpected(std::move(error));
  }
  std::vector<std::string> out;
  for (const net::Address& address : resolved->addresses) out.push_back(address.ip());
  co_return Result(std::move(out));
}

async::Task<base::Result<std::shared_ptr<Connection>>> Pool::OpenHost(const async::Context& context,
                                                                      const Host& host,
                                                                      const std::string& attributes,
                                                                      Connection::Owner* owner) {
  const auto addresses = co_await Addresses(context, host);
  if (!addresses) co_return std::unexpected(addresses.error());
  base::Error told(Kind::kUnreachable, "");
  for (const std::string& address : *addresses) {
    base::Error error(Kind::kUnreachable, "");
    const async::Duration limit = client_.target().connect_timeout.count() > 0
                                      ? async::Duration(client_.target().connect_timeout)
                                      : async::Duration(kConnectTimeout);
    const async::Context attempt = context.Until(loop_.After(limit));
    for (int round = 0; round < 2; ++round) {
      auto connection = std::make_shared<Connection>(loop_, client_.connection_options(), owner);
      const base::Status status = co_await connection->Open(attempt, host, address, attributes);
      if (status) co_return connection;
      error = status.error();
      // A pooler between us and the server may not know settings in the start-up message.
      const bool refused = error.message.find("unsupported startup parameter") != std::string::npos;
      if (!refused || !client_.DropStartupSettings()) break;
    }
    const bool final = context.canceled() || error.kind == Kind::kUnauthenticated;
    KeepMoreTelling(told, std::move(error));
    if (final) break;
  }
  if (resolver_ && told.kind == Kind::kUnreachable) resolver_->Forget(host.name);
  co_return std::unexpected(std::move(told));
}

async::Task<base::Result<std::shared_ptr<Connection>>> Pool::Open(const async::Context& outer,
                                                                  Connection::Owner* owner) {
  const async::Context context = outer.Until(loop_.After(kOpenTimeout));
  const Target& target = client_.target();
  std::vector<std::string> passes{target.session_attributes};
  if (target.session_attributes == "prefer-standby") passes = {"standby", "any"};
  base::Error error(Kind::kUnreachable, "");
  for (const std::string& attributes : passes) {
    for (const Host& host : target.hosts) {
      auto opened = co_await OpenHost(context, host, attributes, owner);
      if (opened) co_return opened;
      KeepMoreTelling(error, std::move(opened).error());
      if (context.canceled()) co_return std::unexpected(std::move(error));
    }
  }
  co_return std::unexpected(std::move(error));
}

async::Task<void> Pool::Close(const async::Context& context) {
  closing_ = true;
  FailWaiting();
  co_await gate_.Close(context);
  resolver_.reset();
}

}  // namespace components::postgres
