#include <algorithm>

#include "resiliency/guarded.hpp"

namespace resiliency {
namespace {

using contracts::Call;
using contracts::StateStore;

// Whether writing all of them again does no harm: some may be written already, and an etag would
// then not match any more.
template <class Request>
bool AllRepeatable(const std::vector<Request>& requests) {
  return std::none_of(requests.begin(), requests.end(), [](const Request& request) {
    return request.has_etag() || request.options.concurrency == contracts::Concurrency::kFirstWrite;
  });
}

class GuardedStateStore final : public StateStore {
 public:
  GuardedStateStore(std::shared_ptr<StateStore> store, std::shared_ptr<const Policy> policy)
      : store_(std::move(store)), policy_(std::move(policy)) {}

  async::Task<base::Status> Init(const Call& call, const contracts::InitRequest& request) override {
    return store_->Init(call, request);
  }
  async::Task<base::Status> Ping(const Call& call) override { return store_->Ping(call); }
  async::Task<void> Close(const Call& call) override { return store_->Close(call); }
  uint32_t Features() const override { return store_->Features(); }
  int MultiMaxSize() const override { return store_->MultiMaxSize(); }

  async::Task<base::Result<contracts::GetResponse>> Get(const Call& call,
                                                        contracts::GetRequest request) override {
    auto attempt = [&](const Call& one) { return store_->Get(one, request); };
    co_return co_await Guarded(*policy_, call, attempt);
  }
  async::Task<base::Status> Set(const Call& call, contracts::SetRequest request) override {
    auto attempt = [&](const Call& one) { return store_->Set(one, request); };
    co_return co_await Guarded(*policy_, call, attempt);
  }
  async::Task<base::Status> Delete(const Call& call, contracts::DeleteRequest request) override {
    auto attempt = [&](const Call& one) { return store_->Delete(one, request); };
    co_return co_await Guarded(*policy_, call, attempt);
  }
  async::Task<base::Result<std::vector<contracts::BulkGetItem>>> BulkGet(
      const Call& call, std::vector<contracts::GetRequest> requests,
      contracts::BulkOptions options) override {
    auto attempt = [&](const Call& one) { return store_->BulkGet(one, requests, options); };
    co_return co_await Guarded(*policy_, call, attempt);
  }
  async::Task<base::Status> BulkSet(const Call& call, std::vector<contracts::SetRequest> requests,
                                    contracts::BulkOptions options) override {
    auto attempt = [&](const Call& one) { return store_->BulkSet(one, requests, options); };
    co_return co_await Guarded(*policy_, call, attempt, AllRepeatable(requests));
  }
  async::Task<base::Status> BulkDelete(const Call& call,
                                       std::vector<contracts::DeleteRequest> requests,
                                       contracts::BulkOptions options) override {
    auto attempt = [&](const Call& one) { return store_->BulkDelete(one, requests, options); };
    co_return co_await Guarded(*policy_, call, attempt, AllRepeatable(requests));
  }
  async::Task<base::Status> Multi(const Call& call,
                                  contracts::TransactionRequest request) override {
    auto attempt = [&](const Call& one) { return store_->Multi(one, request); };
    co_return co_await Guarded(*policy_, call, attempt);
  }
  async::Task<base::Result<contracts::QueryResponse>> Query(
      const Call& call, contracts::QueryRequest request) override {
    auto attempt = [&](const Call& one) { return store_->Query(one, request); };
    co_return co_await Guarded(*policy_, call, attempt);
  }
  async::Task<base::Result<int64_t>> DeleteWithPrefix(const Call& call,
                                                      std::string prefix) override {
    auto attempt = [&](const Call& one) { return store_->DeleteWithPrefix(one, prefix); };
    co_return co_await Guarded(*policy_, call, attempt);
  }
  async::Task<base::Result<contracts::KeysLikeResponse>> KeysLike(
      const Call& call, contracts::KeysLikeRequest request) override {
    auto attempt = [&](const Call& one) { return store_->KeysLike(one, request); };
    co_return co_await Guarded(*policy_, call, attempt);
  }

 private:
  const std::shared_ptr<StateStore> store_;
  const std::shared_ptr<const Policy> policy_;
};

}  // namespace

Outcome ComponentOutcome(const base::Error* error) {
  if (!error) return {};
  switch (error->kind) {
    case base::Kind::kInvalidArgument:
    case base::Kind::kNotFound:
    case base::Kind::kConflict:
    case base::Kind::kInvalidEtag:
    case base::Kind::kAlreadyExists:
    case base::Kind::kPermissionDenied:
    case base::Kind::kUnimplemented:
    case base::Kind::kPreconditionFailed:
    case base::Kind::kTooLarge:
      return {};
    default:
      return {.ok = false,
              .timed_out = error->kind == base::Kind::kTimeout,
              .ended = error->kind == base::Kind::kCanceled};
  }
}

std::shared_ptr<StateStore> Guard(std::shared_ptr<StateStore> store,
                                  std::shared_ptr<const Policy> policy) {
  if (!policy) return store;
  return std::make_shared<GuardedStateStore>(std::move(store), std::move(policy));
}

}  // namespace resiliency
