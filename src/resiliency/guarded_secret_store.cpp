#include "resiliency/guarded.hpp"

namespace resiliency {
namespace {

using contracts::Call;
using contracts::SecretStore;

class GuardedSecretStore final : public SecretStore {
 public:
  GuardedSecretStore(std::shared_ptr<SecretStore> store, std::shared_ptr<const Policy> policy)
      : store_(std::move(store)), policy_(std::move(policy)) {}

  async::Task<base::Status> Init(const Call& call, const contracts::InitRequest& request) override {
    return store_->Init(call, request);
  }
  async::Task<base::Status> Ping(const Call& call) override { return store_->Ping(call); }
  async::Task<void> Close(const Call& call) override { return store_->Close(call); }
  bool multiple_keys_per_secret() const override { return store_->multiple_keys_per_secret(); }

  async::Task<base::Result<contracts::Secret>> GetSecret(
      const Call& call, contracts::GetSecretRequest request) override {
    auto attempt = [&](const Call& one) { return store_->GetSecret(one, request); };
    co_return co_await Guarded(*policy_, call, attempt);
  }
  async::Task<base::Result<std::map<std::string, contracts::Secret>>> BulkGetSecret(
      const Call& call, contracts::BulkGetSecretRequest request) override {
    auto attempt = [&](const Call& one) { return store_->BulkGetSecret(one, request); };
    co_return co_await Guarded(*policy_, call, attempt);
  }

 private:
  const std::shared_ptr<SecretStore> store_;
  const std::shared_ptr<const Policy> policy_;
};

}  // namespace

std::shared_ptr<SecretStore> Guard(std::shared_ptr<SecretStore> store,
                                   std::shared_ptr<const Policy> policy) {
  if (!policy) return store;
  return std::make_shared<GuardedSecretStore>(std::move(store), std::move(policy));
}

}  // namespace resiliency
