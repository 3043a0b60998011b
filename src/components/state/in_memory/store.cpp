#include "components/state/in_memory/store.hpp"

#include <algorithm>
#include <bitset>
#include <utility>

#include "async/wait.hpp"
#include "base/strings.hpp"
#include "base/uuid.hpp"
#include "components/state/in_memory/like.hpp"

namespace components::state::in_memory {

using contracts::Concurrency;
using contracts::EtagMismatch;

// Wakes the sweep on the home loop. Shared with posts that are still on their way when the store
// goes.
struct Store::Sweeper {
  async::Loop* home;
  async::Event wanted;
};

namespace {

base::Status CheckEtag(const std::string* current, bool has_etag,
                       const std::optional<std::string>& etag, Concurrency concurrency) {
  if (has_etag) {
    if (!current) {
      return std::unexpected(EtagMismatch("state does not exist or has expired"));
    }
    if (*current != *etag) {
      return std::unexpected(EtagMismatch("the etag given is not the current one"));
    }
  } else if (concurrency == Concurrency::kFirstWrite && current) {
    return std::unexpected(EtagMismatch("item already exists and no etag was passed"));
  }
  return {};
}

}  // namespace

Store::Store(WallClock clock) : clock_(clock) {}
Store::~Store() = default;

async::Task<base::Status> Store::Init(const contracts::Call&, const contracts::InitRequest&) {
  sweeper_ = std::make_shared<Sweeper>(async::Loop::Current());
  gate_.Spawn(SweepLoop());
  co_return base::Status();
}

async::Task<void> Store::Close(const contracts::Call& call) {
  co_await gate_.Close(call);
}

uint32_t Store::Features() const {
  return contracts::kStateEtag | contracts::kStateTransactional | contracts::kStateTtl |
         contracts::kStateDeleteWithPrefix | contracts::kStateKeysLike;
}

async::Task<void> Store::SweepLoop() {
  const async::Context context = gate_.context();
  while (!gate_.closing()) {
    if (ttl_rows_.load() == 0) {
      co_await sweeper_->wanted.Wait(context);
      continue;
    }
    const async::TimePoint next = async::Loop::Current()->After(std::chrono::seconds(1));
    if (co_await async::Sleep(context, next) != async::Wake::kReady) break;
    Sweep();
  }
}

namespace {

// Gives the buckets of a map back that has lost most of its rows.
template <class Map>
void Shrink(Map& rows) {
  if (rows.bucket_count() > 1024 && rows.size() < rows.bucket_count() / 8) rows.rehash(0);
}

}  // namespace

std::size_t Store::Sweep() {
  const base::WallTime now = clock_();
  std::size_t removed = 0;
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    removed += std::erase_if(shard.rows, [&](const auto& entry) {
      if (entry.second->expires > now) return false;
      CountTtl(entry.second.get(), nullptr);
      return true;
    });
    Shrink(shard.rows);
  }
  return removed;
}

std::size_t Store::size() const {
  std::size_t count = 0;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    count += shard.rows.size();
  }
  return count;
}

std::size_t Store::buckets() const {
  std::size_t count = 0;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    count += shard.rows.bucket_count();
  }
  return count;
}

void Store::CountTtl(const Row* before, const Row* after) {
  const int had = before && before->expires != kNever ? 1 : 0;
  const int has = after && after->expires != kNever ? 1 : 0;
  if (has == had) return;
  if (ttl_rows_.fetch_add(has - had) == 0 && has > had && sweeper_) {
    sweeper_->home->Post([sweeper = sweeper_] { sweeper->wanted.Pulse(); });
  }
}

const Store::Row* Store::FindLive(const Shard& shard, std::string_view key) const {
  const auto it = shard.rows.find(key);
  return it != shard.rows.end() && Live(*it->second) ? it->second.get() : nullptr;
}

base::Result<std::shared_ptr<const Store::Row>> Store::MakeRow(
    std::string&& value, const contracts::Metadata& metadata) const {
  base::WallTime expires = kNever;
  if (!metadata.empty()) {
    ASSIGN_OR_RETURN(const std::optional<int64_t> ttl, contracts::ParseTtlSeconds(metadata));
    if (ttl && *ttl > 0) expires = clock_() + std::chrono::seconds(*ttl);
  }
  return std::make_shared<const Row>(std::move(value), base::NewUuid(), expires);
}

base::Result<contracts::GetResponse> Store::GetNow(const contracts::GetRequest& request) {
  std::shared_ptr<const Row> row;
  {
    Shard& shard = ShardOf(request.key);
    std::lock_guard lock(shard.mutex);
    const auto it = shard.rows.find(request.key);
    if (it != shard.rows.end()) row = it->second;
  }
  contracts::GetResponse response;
  if (!row || !Live(*row)) return response;
  response.found = true;
  response.data = row->value;
  response.etag = row->etag;
  if (row->expires != kNever) {
    response.metadata.Set(contracts::kTtlExpireTimeKey, base::FormatRfc3339(row->expires));
  }
  return response;
}

base::Status Store::SetNow(contracts::SetRequest&& request) {
  ASSIGN_OR_RETURN(std::shared_ptr<const Row> row,
                   MakeRow(std::move(request.value), request.metadata));
  // Whatever row is replaced is freed after the lock.
  std::shared_ptr<const Row> old;
  Shard& shard = ShardOf(request.key);
  std::lock_guard lock(shard.mutex);
  if (request.has_etag() || request.options.concurrency == Concurrency::kFirstWrite) {
    const Row* current = FindLive(shard, request.key);
    RETURN_IF_ERROR(CheckEtag(current ? &current->etag : nullptr, request.has_etag(), request.etag,
                              request.options.concurrency));
  }
  old = std::move(row);
  auto [it, added] = shard.rows.try_emplace(std::move(request.key));
  CountTtl(it->second.get(), old.get());
  std::swap(it->second, old);
  return {};
}

base::Status Store::DeleteNow(const contracts::DeleteRequest& request) {
  std::shared_ptr<const Row> old;
  Shard& shard = ShardOf(request.key);
  std::lock_guard lock(shard.mutex);
  const Row* current = FindLive(shard, request.key);
  RETURN_IF_ERROR(CheckEtag(current ? &current->etag : nullptr, request.has_etag(), request.etag,
                            request.options.concurrency));
  const auto it = shard.rows.find(request.key);
  if (it == shard.rows.end()) return {};
  CountTtl(it->second.get(), nullptr);
  old = std::move(it->second);
  shard.rows.erase(it);
  return {};
}

async::Task<base::Result<contracts::GetResponse>> Store::Get(const contracts::Call&,
                                                             contracts::GetRequest request) {
  co_return GetNow(request);
}
async::Task<base::Status> Store::Set(const contracts::Call&, contracts::SetRequest request) {
  co_return SetNow(std::move(request));
}
async::Task<base::Status> Store::Delete(const contracts::Call&, contracts::DeleteRequest request) {
  co_return DeleteNow(request);
}

async::Task<base::Result<std::vector<contracts::BulkGetItem>>> Store::BulkGet(
    const contracts::Call&, std::vector<contracts::GetRequest> requests, contracts::BulkOptions) {
  std::vector<contracts::BulkGetItem> items;
  items.reserve(requests.size());
  for (contracts::GetRequest& request : requests) {
    CO_ASSIGN_OR_RETURN(contracts::GetResponse got, GetNow(request));
    items.push_back({std::move(request.key), std::move(got), {}});
  }
  co_return items;
}

async::Task<base::Status> Store::Multi(const contracts::Call&,
                                       contracts::TransactionRequest request) {
  // Everything that can fail without the locks comes first.
  struct Step {
    std::string key;
    std::shared_ptr<const Row> row;  // null = delete
    bool has_etag;
    std::optional<std::string> etag;
    Concurrency concurrency;
  };
  std::vector<Step> steps;
  steps.reserve(request.operations.size());
  std::bitset<kShards> touched;
  for (contracts::TransactionOperation& operation : request.operations) {
    if (auto* set = std::get_if<contracts::SetRequest>(&operation)) {
      CO_ASSIGN_OR_RETURN(std::shared_ptr<const Row> row,
                          MakeRow(std::move(set->value), set->metadata));
      steps.push_back({std::move(set->key), std::move(row), set->has_etag(), std::move(set->etag),
                       set->options.concurrency});
    } else {
      auto& del = std::get<contracts::DeleteRequest>(operation);
      steps.push_back({std::move(del.key), nullptr, del.has_etag(), std::move(del.etag),
                       del.options.concurrency});
    }
    touched.set(static_cast<std::size_t>(&ShardOf(steps.back().key) - shards_.data()));
  }
  // Locked in ascending order, so that two transactions cannot wait for each other.
  std::vector<std::unique_lock<std::mutex>> locks;
  for (std::size_t i = 0; i < kShards; ++i) {
    if (touched[i]) locks.emplace_back(shards_[i].mutex);
  }
  // Every condition is checked against the state before the transaction; nothing is written until
  // all of them hold.
  for (const Step& step : steps) {
    const Row* current = FindLive(ShardOf(step.key), step.key);
    CO_RETURN_IF_ERROR(
        CheckEtag(current ? &current->etag : nullptr, step.has_etag, step.etag, step.concurrency));
  }
  std::vector<std::shared_ptr<const Row>> replaced;
  for (Step& step : steps) {
    Map& rows = ShardOf(step.key).rows;
    if (step.row) {
      std::shared_ptr<const Row>& slot = rows[std::move(step.key)];
      CountTtl(slot.get(), step.row.get());
      replaced.push_back(std::exchange(slot, std::move(step.row)));
    } else if (const auto it = rows.find(step.key); it != rows.end()) {
      CountTtl(it->second.get(), nullptr);
      replaced.push_back(std::move(it->second));
      rows.erase(it);
    }
  }
  locks.clear();
  co_return base::Status();
}

async::Task<base::Result<int64_t>> Store::DeleteWithPrefix(const contracts::Call&,
                                                           std::string prefix) {
  int64_t removed = 0;
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    std::erase_if(shard.rows, [&](const auto& entry) {
      if (!entry.first.starts_with(prefix)) return false;
      if (Live(*entry.second)) ++removed;
      CountTtl(entry.second.get(), nullptr);
      return true;
    });
    Shrink(shard.rows);
  }
  co_return removed;
}

async::Task<base::Result<contracts::KeysLikeResponse>> Store::KeysLike(
    const contracts::Call&, contracts::KeysLikeRequest request) {
  // The token is the last key of the page before.
  std::vector<std::string> keys;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    for (const auto& [key, row] : shard.rows) {
      if ((request.token.empty() || key > request.token) && Live(*row) &&
          Like(request.pattern, key)) {
        keys.push_back(key);
      }
    }
  }
  std::ranges::sort(keys);
  contracts::KeysLikeResponse response;
  if (request.page_size > 0 && keys.size() > request.page_size) {
    keys.resize(request.page_size);
    response.token = keys.back();
  }
  response.keys = std::move(keys);
  co_return response;
}

}  // namespace components::state::in_memory
