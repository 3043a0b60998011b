#include <algorithm>

#include "resiliency/guarded.hpp"

namespace resiliency {
namespace {

using contracts::Call;
using contracts::PubSub;

class GuardedPubSub final : public PubSub {
 public:
  GuardedPubSub(std::shared_ptr<PubSub> broker, std::shared_ptr<const Policy> policy)
      : broker_(std::move(broker)), policy_(std::move(policy)) {}

  async::Task<base::Status> Init(const Call& call, const contracts::InitRequest& request) override {
    return broker_->Init(call, request);
  }
  async::Task<base::Status> Ping(const Call& call) override { return broker_->Ping(call); }
  async::Task<void> Close(const Call& call) override { return broker_->Close(call); }
  uint32_t Features() const override { return broker_->Features(); }
  bool keeps_messages() const override { return broker_->keeps_messages(); }

  async::Task<base::Status> Publish(const Call& call, contracts::PublishRequest request) override {
    auto attempt = [&](const Call& one) { return broker_->Publish(one, request); };
    co_return co_await Guarded(*policy_, call, attempt);
  }

  // Entries that were taken are not sent again.
  async::Task<std::vector<contracts::BulkPublishFailure>> BulkPublish(
      const Call& call, contracts::BulkPublishRequest request) override {
    Execution run(*policy_, call);
    while (true) {
      if (const base::Status entered = run.Enter(); !entered) {
        co_return AllFailed(request, entered.error());
      }
      auto failures = co_await broker_->BulkPublish(run.attempt(), request);
      Outcome outcome;
      if (!failures.empty()) outcome = ComponentOutcome(&failures.front().error);
      if (!co_await run.Again(outcome)) co_return failures;
      std::erase_if(request.entries, [&](const contracts::BulkPublishEntry& entry) {
        return std::none_of(failures.begin(), failures.end(), [&](const auto& failure) {
          return failure.entry_id == entry.entry_id;
        });
      });
    }
  }

  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const Call& call, contracts::SubscribeRequest request,
      contracts::MessageHandler& handler) override {
    return broker_->Subscribe(call, std::move(request), handler);
  }

 private:
  static std::vector<contracts::BulkPublishFailure> AllFailed(
      const contracts::BulkPublishRequest& request, const base::Error& error) {
    std::vector<contracts::BulkPublishFailure> out;
    for (const contracts::BulkPublishEntry& entry : request.entries) {
      out.push_back({entry.entry_id, error});
    }
    return out;
  }

  const std::shared_ptr<PubSub> broker_;
  const std::shared_ptr<const Policy> policy_;
};

}  // namespace

std::shared_ptr<PubSub> Guard(std::shared_ptr<PubSub> broker,
                              std::shared_ptr<const Policy> policy) {
  if (!policy) return broker;
  return std::make_shared<GuardedPubSub>(std::move(broker), std::move(policy));
}

}  // namespace resiliency
