// A broker for the tests of the APIs, and what it was given.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "blocks/pubsub/publish.hpp"

namespace api::test {

/// Keeps what is published; the topic "bad" and the data "bad" fail, the topic "slow" takes nothing
/// at once.
class FakeBroker final : public contracts::PubSub {
 public:
  async::Task<base::Status> Init(const contracts::Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override { return 0; }
  async::Task<base::Status> Publish(const contracts::Call&,
                                    contracts::PublishRequest request) override {
    co_return Take(std::move(request));
  }
  bool publishes_at_once() const override { return true; }
  std::optional<base::Status> PublishNow(contracts::PublishRequest& request) override {
    if (request.topic == "slow") return std::nullopt;
    return Take(std::move(request));
  }
  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const contracts::Call&, contracts::SubscribeRequest, contracts::MessageHandler&) override {
    co_return base::Fail(base::Kind::kUnimplemented, "nobody subscribes in these tests");
  }

  std::vector<contracts::PublishRequest> taken;

 private:
  base::Status Take(contracts::PublishRequest request) {
    if (request.topic == "bad" || request.data == "bad") {
      return base::Fail(base::Kind::kUnavailable, "the broker is\naway");
    }
    taken.push_back(std::move(request));
    return {};
  }
};

/// The component "broker", which keeps the topic "secret" from everybody.
inline std::vector<blocks::pubsub::NamedPubSub> MakePubSubs(
    const std::shared_ptr<FakeBroker>& broker) {
  blocks::pubsub::NamedPubSub named{.name = "broker", .pubsub = broker};
  const config::Properties properties("broker", {{"protectedTopics", "secret"}});
  named.scopes = blocks::pubsub::Scopes::Make(properties, "app");
  return {named};
}

}  // namespace api::test
