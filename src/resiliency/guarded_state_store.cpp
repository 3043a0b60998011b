#include <algorithm>

#include "resiliency/guarded.hpp"

namespace resiliency {
namespace {

using contracts::Call;
using contracts::StateStore;

// A write that depends on what is there must not follow itself: it would meet its own new etag, and
// a conflict be told of a write that was done.
template <class Request>
bool IsConditional(const Request& request) {
  return request.has_etag() || request.options.concurrency == contracts::Concurrency::kFirstWrite;
}
bool IsConditional(const contracts::TransactionOperation& operation) {
  return std::visit([](const auto& request) { return IsConditional(request); }, operation);
}

// Of one write, or of several that are done together or not at all.
template <class Request>
Repeat RepeatOf(const Request& request) {
  return IsConditional(request) ? Repeat::kIfNotDone : Repeat::kAlways;
}
Repeat RepeatOf(const contracts::TransactionRequest& request) {
  const bool any = std::any_of(request.operations.begin(), request.operations.end(),
                               [](const auto& operation) { return IsConditional(operation); });
  return any ? Repeat::kIfNotDone : Repeat::kAlways;
}
// Of several each by itself: whatever the error of one says, others may be done.
template <class Request>
Repeat RepeatOf(const std::vector<Request>& requests) {
  const bool any = std::any_of(requests.begin(), requests.end(),
                               [](const Request& r) { return IsConditional(r); });
  return any ? Repeat::kNever : Repeat::kAlways;
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
    co_return co_await Guarded(*policy_, call, attempt, RepeatOf(request));
  }
  async::Task<base::Status> Delete(const Call& call, contracts::DeleteRequest request) override {
    auto attempt = [&](const Call& one) { return store_->Delete(one, request); };
    co_return co_await Guarded(*policy_, call, attempt, RepeatOf(request));
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
    co_return co_await Guarded(*policy_, call, attempt, RepeatOf(requests));
  }
  async::Task<base::Status> BulkDelete(const Call& call,
                                       std::vector<contracts::DeleteRequest> requests,
                                       contracts::BulkOptions options) override {
    auto attempt = [&](const Call& one) { return store_->BulkDelete(one, requests, options); };
    co_return co_await Guarded(*policy_, call, attempt, RepeatOf(requests));
  }
  async::Task<base::Status> Multi(const Call& call,
                                  contracts::TransactionRequest request) override {
    auto attempt = [&](const Call& one) { return store_->Multi(one, request); };
    co_return co_await Guarded(*policy_, call, attempt, RepeatOf(request));
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
