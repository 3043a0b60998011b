#include "contracts/state_store.hpp"

#include <utility>

#include "base/strings.hpp"
#include "contracts/parallel.hpp"

namespace contracts {

namespace {

constexpr std::size_t kDefaultParallelism = 10;

std::size_t Parallelism(BulkOptions options) {
  return options.parallelism > 0 ? static_cast<std::size_t>(options.parallelism)
                                 : kDefaultParallelism;
}

base::Status FirstError(std::vector<base::Status>& results) {
  for (base::Status& status : results) {
    if (!status) return std::move(status);
  }
  return {};
}

base::Error Unsupported(std::string_view what) {
  return base::Error(base::Kind::kUnimplemented,
                     base::StrCat("this state store does not support ", what));
}

}  // namespace

std::vector<std::string_view> StateFeatureNames(uint32_t features) {
  std::vector<std::string_view> names;
  if (features & kStateEtag) names.push_back("ETAG");
  if (features & kStateTransactional) names.push_back("TRANSACTIONAL");
  if (features & kStateQueryApi) names.push_back("QUERY_API");
  if (features & kStateTtl) names.push_back("TTL");
  if (features & kStateDeleteWithPrefix) names.push_back("DELETE_WITH_PREFIX");
  if (features & kStateKeysLike) names.push_back("KEYS_LIKE");
  if ((features & kStateEtag) && (features & kStateTransactional)) names.push_back("ACTOR");
  return names;
}

base::Error EtagMismatch(std::string_view detail) {
  std::string text = "possible etag mismatch. error from state store";
  if (!detail.empty()) base::StrAppend(text, ": ", detail);
  return base::Error(base::Kind::kConflict, std::move(text));
}

base::Error EtagInvalid(std::string_view detail) {
  std::string text = "invalid etag value";
  if (!detail.empty()) base::StrAppend(text, ": ", detail);
  return base::Error(base::Kind::kInvalidEtag, std::move(text));
}

base::Result<std::optional<int64_t>> ParseTtlSeconds(const Metadata& metadata) {
  const std::string* text = metadata.FindIgnoreCase(kTtlMetadataKey);
  if (!text || text->empty()) return std::optional<int64_t>();
  const std::optional<int32_t> seconds = base::ParseInt<int32_t>(*text);
  if (!seconds) {
    return base::Fail(
        base::Kind::kInvalidArgument,
        base::StrCat("error parsing TTL: incorrect value for metadata 'ttlInSeconds': ",
                     base::Quote(*text), " is not a whole number of seconds"));
  }
  return std::optional<int64_t>(*seconds);
}

namespace {

// What the workers of one bulk operation share; lives in the frame of the operation.
template <class Request, class Answer>
struct Bulk {
  StateStore& store;
  const Call& call;
  std::vector<Request> requests;
  std::vector<Answer> answers;
};

async::Task<void> GetOne(Bulk<GetRequest, BulkGetItem>& bulk, std::size_t i) {
  BulkGetItem& item = bulk.answers[i];
  item.key = bulk.requests[i].key;
  base::Result<GetResponse> got = co_await bulk.store.Get(bulk.call, std::move(bulk.requests[i]));
  if (got) {
    item.value = *std::move(got);
  } else {
    item.error = std::move(got.error().message);
  }
}
async::Task<void> SetOne(Bulk<SetRequest, base::Status>& bulk, std::size_t i) {
  bulk.answers[i] = co_await bulk.store.Set(bulk.call, std::move(bulk.requests[i]));
}
async::Task<void> DeleteOne(Bulk<DeleteRequest, base::Status>& bulk, std::size_t i) {
  bulk.answers[i] = co_await bulk.store.Delete(bulk.call, std::move(bulk.requests[i]));
}

}  // namespace

async::Task<base::Result<std::vector<BulkGetItem>>> StateStore::BulkGet(
    const Call& call, std::vector<GetRequest> requests, BulkOptions options) {
  const std::size_t count = requests.size();
  Bulk<GetRequest, BulkGetItem> bulk{*this, call, std::move(requests), {}};
  bulk.answers.resize(count);
  if (count > 0) co_await ForEachParallel(count, Parallelism(options), bulk, GetOne);
  co_return std::move(bulk.answers);
}

async::Task<base::Status> StateStore::BulkSet(const Call& call, std::vector<SetRequest> requests,
                                              BulkOptions options) {
  const std::size_t count = requests.size();
  Bulk<SetRequest, base::Status> bulk{*this, call, std::move(requests), {}};
  bulk.answers.resize(count);
  if (count > 0) co_await ForEachParallel(count, Parallelism(options), bulk, SetOne);
  co_return FirstError(bulk.answers);
}

async::Task<base::Status> StateStore::BulkDelete(const Call& call,
                                                 std::vector<DeleteRequest> requests,
                                                 BulkOptions options) {
  const std::size_t count = requests.size();
  Bulk<DeleteRequest, base::Status> bulk{*this, call, std::move(requests), {}};
  bulk.answers.resize(count);
  if (count > 0) co_await ForEachParallel(count, Parallelism(options), bulk, DeleteOne);
  co_return FirstError(bulk.answers);
}

async::Task<base::Status> StateStore::Multi(const Call&, TransactionRequest) {
  co_return std::unexpected(Unsupported("transactions"));
}
async::Task<base::Result<QueryResponse>> StateStore::Query(const Call&, QueryRequest) {
  co_return std::unexpected(Unsupported("querying"));
}
async::Task<base::Result<int64_t>> StateStore::DeleteWithPrefix(const Call&, std::string) {
  co_return std::unexpected(Unsupported("deleting by prefix"));
}
async::Task<base::Result<KeysLikeResponse>> StateStore::KeysLike(const Call&, KeysLikeRequest) {
  co_return std::unexpected(Unsupported("listing keys"));
}

base::Result<GetResponse> StateStore::GetNow(const GetRequest&) {
  return std::unexpected(Unsupported("immediate answers"));
}
base::Status StateStore::SetNow(SetRequest&&) {
  return std::unexpected(Unsupported("immediate answers"));
}
base::Status StateStore::DeleteNow(const DeleteRequest&) {
  return std::unexpected(Unsupported("immediate answers"));
}

}  // namespace contracts
