#include "components/pubsub/rabbitmq/broker.hpp"
#include "components/rabbitmq/test_broker.hpp"
#include "contracts/conformance/pubsub_conformance.hpp"

namespace components::pubsub::rabbitmq {
namespace {

using components::rabbitmq::testing::SharedBroker;
using contracts::kPromiseBacklog;
using contracts::kPromiseGroups;
using contracts::kPromiseKeeps;
using contracts::kPromiseOrdered;
using contracts::kPromiseRedelivers;
using contracts::kPromiseRestarts;
using contracts::kPromiseReturns;
using contracts::kPromiseSplits;

using Entries = std::vector<config::Properties::Entry>;

class Subject final : public contracts::PubSubSubject {
 public:
  Subject(uint32_t promises, Entries entries, contracts::Metadata metadata)
      : promises_(promises), entries_(std::move(entries)), metadata_(std::move(metadata)) {}
  std::string_view kind() const override { return "rabbitmq"; }
  uint32_t promises() const override { return promises_; }
  std::shared_ptr<contracts::PubSub> Make() override { return std::make_shared<Broker>(); }
  config::Properties properties(const std::string& group) override {
    Entries entries = entries_;
    entries.push_back({"connectionString", SharedBroker().uri()});
    entries.push_back({"consumerID", group});
    return {"mq", std::move(entries)};
  }
  contracts::Metadata subscribe_metadata() const override { return metadata_; }
  void Restart() override {
    SharedBroker().Stop();
    SharedBroker().Start();
  }
  std::chrono::milliseconds patience() const override { return std::chrono::seconds(30); }
  std::chrono::milliseconds silence() const override { return std::chrono::milliseconds(150); }

 private:
  const uint32_t promises_;
  const Entries entries_;
  const contracts::Metadata metadata_;
};

bool Register(const std::string& name, uint32_t promises, const Entries& entries,
              const contracts::Metadata& metadata = {}) {
  return contracts::RegisterPubSubConformance(
      name, [=] { return std::make_unique<Subject>(promises, entries, metadata); });
}

constexpr uint32_t kAll = kPromiseReturns | kPromiseGroups | kPromiseBacklog;
constexpr uint32_t kLasting = kAll | kPromiseRedelivers | kPromiseKeeps | kPromiseRestarts;

// As it is without any settings: queues that delete themselves, failures that are dropped.
[[maybe_unused]] const bool kDefaults = Register("RabbitMqDefaults", kAll | kPromiseSplits, {});
[[maybe_unused]] const bool kKept = Register(
    "RabbitMqKept", kLasting | kPromiseSplits,
    {{"deletedWhenUnused", "false"}, {"requeueInFailure", "true"}, {"publisherConfirm", "true"}});
[[maybe_unused]] const bool kSingle =
    Register("RabbitMqSingle", (kLasting & ~kPromiseRestarts) | kPromiseOrdered,
             {{"deletedWhenUnused", "false"},
              {"requeueInFailure", "true"},
              {"concurrency", "single"},
              {"publisherConfirm", "true"}});
[[maybe_unused]] const bool kQuorum = Register(
    "RabbitMqQuorum", kLasting | kPromiseSplits,
    {{"requeueInFailure", "true"}, {"publisherConfirm", "true"}}, {{"queueType", "quorum"}});

}  // namespace
}  // namespace components::pubsub::rabbitmq
