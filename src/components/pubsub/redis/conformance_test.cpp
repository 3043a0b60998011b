#include "components/pubsub/redis/test_broker.hpp"
#include "contracts/conformance/pubsub_conformance.hpp"

namespace components::pubsub::redis {
namespace {

class Subject final : public contracts::PubSubSubject {
 public:
  enum class Servers : uint8_t { kOne, kCluster };
  Subject(Servers servers, bool strict) : servers_(servers), strict_(strict) {
    // Subjects are also made to be asked for their promises. Servers end with the thread that
    // started them, so that is this one, and not the loop's.
    if (!testing::UnitTest::GetInstance()->current_test_info()) return;
    if (servers == Servers::kOne) {
      TheServer();
    } else {
      TheCluster();
    }
  }
  std::string_view kind() const override { return "redis"; }
  uint32_t promises() const override {
    uint32_t promises = contracts::kPromiseOrdered | contracts::kPromiseRedelivers |
                        contracts::kPromiseReturns | contracts::kPromiseGroups |
                        contracts::kPromiseKeeps | contracts::kPromiseMetadata |
                        contracts::kPromiseBacklog;
    if (!strict_) promises |= contracts::kPromiseSplits;
    if (servers_ == Servers::kOne) promises |= contracts::kPromiseRestarts;
    return promises;
  }
  std::shared_ptr<contracts::PubSub> Make() override { return std::make_shared<Broker>(); }
  config::Properties properties(const std::string& group) override {
    std::vector<config::Properties::Entry> entries{{"consumerID", group}};
    if (strict_) entries.push_back({"concurrency", "1"});
    if (servers_ == Servers::kOne) {
      entries.push_back({"redisHost", TheServer().address()});
    } else {
      entries.push_back({"redisHost", TheCluster().addresses()});
      entries.push_back({"redisType", "cluster"});
    }
    return {"test", std::move(entries)};
  }
  void Restart() override {
    OnLastingThread([] {
      TheServer().Kill();
      TheServer().Start();
    });
  }

 private:
  const Servers servers_;
  const bool strict_;
};

[[maybe_unused]] const bool kRegistered =
    contracts::RegisterPubSubConformance(
        "RedisPubSub", [] { return std::make_unique<Subject>(Subject::Servers::kOne, false); }) &&
    contracts::RegisterPubSubConformance(
        "RedisPubSubStrict",
        [] { return std::make_unique<Subject>(Subject::Servers::kOne, true); }) &&
    contracts::RegisterPubSubConformance("RedisClusterPubSub", [] {
      return std::make_unique<Subject>(Subject::Servers::kCluster, false);
    });

}  // namespace
}  // namespace components::pubsub::redis
