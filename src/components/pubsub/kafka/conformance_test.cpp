#include <gtest/gtest.h>

#include "components/kafka/test_broker.hpp"
#include "components/pubsub/kafka/broker.hpp"
#include "contracts/conformance/pubsub_conformance.hpp"

namespace components::pubsub::kafka {
namespace {

using components::kafka::SharedBroker;

// Topics are made by the broker at their first use, with one partition.
class Subject final : public contracts::PubSubSubject {
 public:
  Subject() {
    // Subjects are also made to be asked for their promises.
    if (testing::UnitTest::GetInstance()->current_test_info()) SharedBroker();
  }
  std::string_view kind() const override { return "kafka"; }
  uint32_t promises() const override {
    using namespace contracts;  // NOLINT: a list of its names
    return kPromiseOrdered | kPromiseRedelivers | kPromiseReturns | kPromiseGroups | kPromiseKeeps |
           kPromiseMetadata | kPromiseRestarts | kPromiseBacklog | kPromiseBatches;
  }
  std::shared_ptr<contracts::PubSub> Make() override { return std::make_shared<Broker>(); }
  config::Properties properties(const std::string& group) override {
    return {"test",
            {{"brokers", SharedBroker().address()},
             {"authType", "none"},
             {"consumerID", group},
             {"backOffDuration", "200ms"},
             {"heartbeatInterval", "200ms"}}};
  }
  void Restart() override {
    SharedBroker().Kill();
    SharedBroker().Start();
  }
  std::chrono::milliseconds patience() const override { return std::chrono::seconds(30); }
};

[[maybe_unused]] const bool kRegistered = contracts::RegisterPubSubConformance(
    "KafkaConformance", [] { return std::make_unique<Subject>(); });

}  // namespace
}  // namespace components::pubsub::kafka
