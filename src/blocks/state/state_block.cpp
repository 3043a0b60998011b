#include "blocks/state/state_block.hpp"

#include <utility>

#include "blocks/state/errors.hpp"

namespace blocks::state {

using contracts::BulkGetItem;
using contracts::Call;
using contracts::DeleteRequest;
using contracts::GetRequest;
using contracts::GetResponse;
using contracts::SetRequest;

// One call of a component, for the metrics.
class StateBlock::Timing {
 public:
  Timing(telemetry::InstanceMetrics* metrics, std::string_view store, std::string_view operation)
      : metrics_(metrics), store_(store), operation_(operation) {
    if (metrics_) start_ = base::Clock::now();
  }
  void Done(bool success) const {
    if (!metrics_) return;
    const std::chrono::duration<double, std::milli> elapsed = base::Clock::now() - start_;
    metrics_->StateOperation(store_, operation_, success, elapsed.count());
  }

 private:
  telemetry::InstanceMetrics* metrics_;
  std::string_view store_;
  std::string_view operation_;
  base::TimePoint start_;
};

StateBlock::StateBlock(std::vector<NamedStore> stores, std::string app_id,
                       telemetry::InstanceMetrics* metrics)
    : stores_(std::move(stores)), app_id_(std::move(app_id)), metrics_(metrics) {}

base::Result<const NamedStore*> StateBlock::Find(std::string_view store) const {
  for (const NamedStore& named : stores_) {
    if (named.name == store) return &named;
  }
  if (stores_.empty()) return std::unexpected(StoreNotConfigured(store, app_id_));
  return std::unexpected(StoreNotFound(store, app_id_));
}

// ---- get

std::optional<base::Result<GetResponse>> StateBlock::TryGet(const Call&, std::string_view store,
                                                            const GetRequest& request) const {
  base::Result<const NamedStore*> named = Find(store);
  if (!named) return std::unexpected(std::move(named).error());
  contracts::StateStore& backend = *(*named)->store;
  if (!backend.answers_at_once()) return std::nullopt;
  base::Result<std::string> key = (*named)->prefix.Add(request.key, (*named)->name);
  if (!key) return std::unexpected(std::move(key).error());
  const Timing timing(metrics_, (*named)->name, "get");
  base::Result<GetResponse> got = backend.GetNow(
      {.key = *std::move(key), .consistency = request.consistency, .metadata = request.metadata});
  timing.Done(got.has_value());
  return FinishGet(**named, request.key, std::move(got));
}

async::Task<base::Result<GetResponse>> StateBlock::Get(const Call& call, std::string_view store,
                                                       GetRequest request) const {
  CO_ASSIGN_OR_RETURN(const NamedStore* named, Find(store));
  const std::string user_key = request.key;
  CO_ASSIGN_OR_RETURN(request.key, named->prefix.Add(user_key, named->name));
  const Timing timing(metrics_, named->name, "get");
  base::Result<GetResponse> got = co_await named->store->Get(call, std::move(request));
  timing.Done(got.has_value());
  co_return FinishGet(*named, user_key, std::move(got));
}

async::Task<base::Result<std::vector<BulkGetItem>>> StateBlock::BulkGet(const Call& call,
                                                                        std::string_view store,
                                                                        BulkGetBody request) const {
  CO_ASSIGN_OR_RETURN(const NamedStore* named, Find(store));
  if (request.keys.empty()) co_return std::vector<BulkGetItem>();
  std::vector<GetRequest> requests;
  requests.reserve(request.keys.size());
  for (const std::string& key : request.keys) {
    CO_ASSIGN_OR_RETURN(std::string stored_key, named->prefix.Add(key, named->name));
    requests.push_back({.key = std::move(stored_key), .metadata = request.metadata});
  }
  const Timing timing(metrics_, named->name, "bulk_get");
  base::Result<std::vector<BulkGetItem>> items = co_await named->store->BulkGet(
      call, std::move(requests), {.parallelism = request.parallelism});
  timing.Done(items.has_value());
  if (!items) co_return std::unexpected(BulkGetFailed(named->name, items.error()));
  for (BulkGetItem& item : *items) {
    item.key.erase(0, named->prefix.text().size());
    if (!named->encryption || !item.value.found) continue;
    base::Result<std::string> plain = named->encryption->Decrypt(item.value.data);
    if (plain) {
      item.value.data = *std::move(plain);
    } else {
      item.value = {};
      item.error = std::move(plain.error().message);
    }
  }
  co_return items;
}

// ---- save

std::optional<base::Status> StateBlock::TrySave(const Call&, std::string_view store,
                                                std::vector<SetRequest>& items) const {
  base::Result<const NamedStore*> named = Find(store);
  if (!named) return std::unexpected(std::move(named).error());
  contracts::StateStore& backend = *(*named)->store;
  if (!backend.answers_at_once()) return std::nullopt;
  if (items.empty()) return base::Status();
  if (base::Status ready = PrepareItems(**named, items); !ready) return ready;
  const bool bulk = items.size() > 1;
  const Timing timing(metrics_, (*named)->name, bulk ? "bulk_set" : "set");
  base::Status first;
  for (SetRequest& item : items) {
    base::Status status = backend.SetNow(std::move(item));
    if (!status && first) first = std::move(status);
  }
  timing.Done(first.has_value());
  if (first) return first;
  return std::unexpected(
      SaveFailed((*named)->name, bulk ? AsBulkError(first.error()) : first.error()));
}

async::Task<base::Status> StateBlock::Save(const Call& call, std::string_view store,
                                           std::vector<SetRequest> items) const {
  CO_ASSIGN_OR_RETURN(const NamedStore* named, Find(store));
  if (items.empty()) co_return base::Status();
  CO_RETURN_IF_ERROR(PrepareItems(*named, items));
  if (items.size() == 1) {
    const Timing timing(metrics_, named->name, "set");
    base::Status status = co_await named->store->Set(call, std::move(items.front()));
    timing.Done(status.has_value());
    if (!status) co_return std::unexpected(SaveFailed(named->name, status.error()));
    co_return status;
  }
  const Timing timing(metrics_, named->name, "bulk_set");
  base::Status status = co_await named->store->BulkSet(call, std::move(items), {});
  timing.Done(status.has_value());
  if (!status) {
    co_return std::unexpected(SaveFailed(named->name, AsBulkError(status.error())));
  }
  co_return status;
}

// ---- delete

std::optional<base::Status> StateBlock::TryDelete(const Call&, std::string_view store,
                                                  const DeleteRequest& request) const {
  base::Result<const NamedStore*> named = Find(store);
  if (!named) return std::unexpected(std::move(named).error());
  contracts::StateStore& backend = *(*named)->store;
  if (!backend.answers_at_once()) return std::nullopt;
  DeleteRequest stored = request;
  base::Result<std::string> key = (*named)->prefix.Add(request.key, (*named)->name);
  if (!key) return std::unexpected(std::move(key).error());
  stored.key = *std::move(key);
  const Timing timing(metrics_, (*named)->name, "delete");
  base::Status status = backend.DeleteNow(stored);
  timing.Done(status.has_value());
  if (!status) return std::unexpected(DeleteFailed(request.key, status.error()));
  return status;
}

async::Task<base::Status> StateBlock::Delete(const Call& call, std::string_view store,
                                             DeleteRequest request) const {
  CO_ASSIGN_OR_RETURN(const NamedStore* named, Find(store));
  const std::string user_key = request.key;
  CO_ASSIGN_OR_RETURN(request.key, named->prefix.Add(user_key, named->name));
  const Timing timing(metrics_, named->name, "delete");
  base::Status status = co_await named->store->Delete(call, std::move(request));
  timing.Done(status.has_value());
  if (!status) co_return std::unexpected(DeleteFailed(user_key, status.error()));
  co_return status;
}

async::Task<base::Status> StateBlock::BulkDelete(const Call& call, std::string_view store,
                                                 std::vector<DeleteRequest> items) const {
  CO_ASSIGN_OR_RETURN(const NamedStore* named, Find(store));
  if (items.empty()) co_return base::Status();
  for (DeleteRequest& item : items) {
    CO_ASSIGN_OR_RETURN(item.key, named->prefix.Add(item.key, named->name));
  }
  const bool bulk = items.size() > 1;
  const Timing timing(metrics_, named->name, "bulk_delete");
  base::Status status = co_await named->store->BulkDelete(call, std::move(items), {});
  timing.Done(status.has_value());
  if (!status) {
    co_return std::unexpected(
        BulkDeleteFailed(named->name, bulk ? AsBulkError(status.error()) : status.error()));
  }
  co_return status;
}

// ---- transaction, query

async::Task<base::Status> StateBlock::Transaction(const Call& call, std::string_view store,
                                                  TransactionBody request) const {
  CO_ASSIGN_OR_RETURN(const NamedStore* named, Find(store));
  if (!(named->store->Features() & contracts::kStateTransactional)) {
    co_return std::unexpected(TransactionsNotSupported(named->name));
  }
  CO_ASSIGN_OR_RETURN(contracts::TransactionRequest transaction,
                      PrepareTransaction(*named, request));
  const std::size_t count = transaction.operations.size();
  if (count == 0) co_return base::Status();
  const int limit = named->store->MultiMaxSize();
  if (limit > 0 && count > static_cast<std::size_t>(limit)) {
    co_return std::unexpected(TooManyOperations(count, static_cast<std::size_t>(limit)));
  }
  if (!request.bad_options.empty()) {
    co_return std::unexpected(
        TransactionFailed(base::Error(base::Kind::kInvalidArgument, request.bad_options)));
  }
  std::unique_ptr<TransactionHook::Attempt> attempt;
  if (named->hook) {
    CO_ASSIGN_OR_RETURN(attempt, co_await named->hook->Begin(call, transaction));
    if (transaction.operations.empty()) co_return base::Status();
  }
  const Timing timing(metrics_, named->name, "transaction");
  base::Status status = co_await named->store->Multi(call, std::move(transaction));
  timing.Done(status.has_value());
  if (attempt) attempt->End(status);
  if (!status) co_return std::unexpected(TransactionFailed(status.error()));
  co_return status;
}

async::Task<base::Result<contracts::QueryResponse>> StateBlock::Query(const Call& call,
                                                                      std::string_view store,
                                                                      QueryBody request) const {
  CO_ASSIGN_OR_RETURN(const NamedStore* named, Find(store));
  if (!(named->store->Features() & contracts::kStateQueryApi)) {
    co_return std::unexpected(QueryNotSupported());
  }
  if (named->encryption) {
    co_return std::unexpected(QueryFailed(
        named->name, base::Error(base::Kind::kPreconditionFailed, "cannot query encrypted store")));
  }
  base::Result<contracts::StateQuery> query = contracts::ParseStateQuery(request.document);
  if (!query) {
    query.error().message.insert(0, "failed to parse JSON query body: ");
    co_return std::unexpected(QueryFailed(named->name, query.error()));
  }
  const Timing timing(metrics_, named->name, "query");
  base::Result<contracts::QueryResponse> response =
      co_await named->store->Query(call, {.query = *std::move(query),
                                          .key_prefix = named->prefix.text(),
                                          .metadata = std::move(request.metadata)});
  timing.Done(response.has_value());
  if (!response) co_return std::unexpected(QueryFailed(named->name, response.error()));
  if (response->items.empty()) co_return contracts::QueryResponse();
  // What other apps keep in the same backend is not this one's to see. A page that held nothing
  // else still says where the next one begins.
  std::erase_if(response->items, [&](const contracts::QueryItem& item) {
    return !item.key.starts_with(named->prefix.text());
  });
  if (response->items.empty() && response->token.empty()) co_return contracts::QueryResponse();
  for (contracts::QueryItem& item : response->items) {
    item.key.erase(0, item.key.size() - KeyPrefix::Strip(item.key).size());
  }
  co_return response;
}

}  // namespace blocks::state
