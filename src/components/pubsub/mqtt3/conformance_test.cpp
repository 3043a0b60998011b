#include "components/mqtt/test_broker.hpp"
#include "components/pubsub/mqtt3/broker.hpp"
#include "contracts/conformance/pubsub_conformance.hpp"

namespace components::pubsub::mqtt3 {
namespace {

using mqtt::testing::TestBroker;

class Subject final : public contracts::PubSubSubject {
 public:
  Subject(std::string qos, bool single) : qos_(std::move(qos)), single_(single) {}
  std::string_view kind() const override { return "mqtt3"; }
  uint32_t promises() const override {
    return contracts::kPromiseOrdered | contracts::kPromiseRedelivers | contracts::kPromiseReturns |
           contracts::kPromiseKeeps | contracts::kPromiseRestarts | contracts::kPromiseBacklog |
           (single_ ? 0 : contracts::kPromiseSplits);
  }
  std::shared_ptr<contracts::PubSub> Make() override { return std::make_shared<Broker>(); }
  config::Properties properties(const std::string& group) override {
    return {"test",
            {{"url", Server().url()},
             {"consumerID", group},
             {"qos", qos_},
             {"concurrency", single_ ? "single" : "parallel"}}};
  }
  void Restart() override { Server().Restart(); }

 private:
  // One for all cases, started when the first needs it.
  static TestBroker& Server() {
    static TestBroker server;
    return server;
  }
  const std::string qos_;
  const bool single_;
};

[[maybe_unused]] const bool kOnce = contracts::RegisterPubSubConformance(
    "MqttPubSub", [] { return std::make_unique<Subject>("1", false); });
[[maybe_unused]] const bool kSingle = contracts::RegisterPubSubConformance(
    "MqttPubSubSingle", [] { return std::make_unique<Subject>("1", true); });
[[maybe_unused]] const bool kExactly = contracts::RegisterPubSubConformance(
    "MqttPubSubQos2", [] { return std::make_unique<Subject>("2", false); });

}  // namespace
}  // namespace components::pubsub::mqtt3
