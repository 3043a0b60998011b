#include "components/pubsub/in_memory/broker.hpp"
#include "contracts/conformance/pubsub_conformance.hpp"

namespace components::pubsub::in_memory {
namespace {

// The bus lives in the component, so all groups of a case have the same one.
class Subject final : public contracts::PubSubSubject {
 public:
  explicit Subject(bool single) : single_(single) {}
  std::string_view kind() const override { return "in-memory"; }
  uint32_t promises() const override {
    return contracts::kPromiseOrdered | contracts::kPromiseRedelivers | contracts::kPromiseReturns |
           contracts::kPromiseMetadata | contracts::kPromiseBacklog | contracts::kPromiseBatches |
           (single_ ? 0 : contracts::kPromiseSplits);
  }
  std::shared_ptr<contracts::PubSub> Make() override { return broker_; }
  config::Properties properties(const std::string&) override {
    return {"test", {{"concurrency", single_ ? "single" : "parallel"}}};
  }
  std::string Topic(const std::string& name, const std::string&) override { return name; }
  std::chrono::milliseconds patience() const override { return std::chrono::seconds(10); }
  std::chrono::milliseconds silence() const override { return std::chrono::milliseconds(150); }

 private:
  const bool single_;
  std::shared_ptr<Broker> broker_ = std::make_shared<Broker>();
};

[[maybe_unused]] const bool kRegistered =
    contracts::RegisterPubSubConformance("InMemoryPubSub",
                                         [] { return std::make_unique<Subject>(false); }) &&
    contracts::RegisterPubSubConformance("InMemoryPubSubSingle",
                                         [] { return std::make_unique<Subject>(true); });

}  // namespace
}  // namespace components::pubsub::in_memory
