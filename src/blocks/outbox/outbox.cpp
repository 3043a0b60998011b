#include "blocks/outbox/outbox.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.hpp"

namespace blocks::outbox {

Outbox::Outbox(const Options& options, std::vector<state::NamedStore>& stores,
               const pubsub::PublishBlock& publish, const Outbox* before) {
  const telemetry::Log log = telemetry::Log("dapr.outbox").WithAppId(options.app_id);
  for (state::NamedStore& named : stores) {
    const state::OutboxSettings& settings = named.outbox;
    if (!settings.complete()) {
      if (!settings.publish_pubsub.empty() || !settings.publish_topic.empty()) {
        log.Warning(base::StrCat("component ", named.name,
                                 " has no outbox: it needs both outboxPublishPubsub and ",
                                 "outboxPublishTopic"));
      }
      continue;
    }
    if (!(named.store->Features() & contracts::kStateTransactional)) {
      log.Warning(
          base::StrCat("component ", named.name, " has no outbox: the store has no transactions"));
      continue;
    }
    const std::array<std::string_view, 2> brokers = {settings.publish_pubsub, settings.pubsub};
    Lane::Options wanted{.app_id = options.app_id,
                         .app_namespace = options.app_namespace,
                         .store_name = named.name,
                         .store = named.store,
                         .settings = settings,
                         .publish = publish.Only(brokers),
                         .log = log,
                         .waits = {}};
    std::shared_ptr<Lane> lane;
    if (before) {
      const auto same = std::ranges::find_if(
          before->lanes_, [&](const auto& other) { return other->SameAs(wanted); });
      if (same != before->lanes_.end()) lane = *same;
    }
    if (!lane) {
      lane = options.adopt(std::make_unique<Lane>(std::move(wanted)));
      fresh_.push_back(lane.get());
    }
    named.hook = lane.get();
    lanes_.push_back(std::move(lane));
  }
}

void Outbox::Start() {
  for (Lane* lane : std::exchange(fresh_, {})) lane->Start();
}

}  // namespace blocks::outbox
