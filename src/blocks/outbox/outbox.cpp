#include "blocks/outbox/outbox.hpp"

#include "base/strings.hpp"

namespace blocks::outbox {

Outbox::Outbox(std::string app_id, std::string app_namespace,
               std::vector<state::NamedStore>& stores, const pubsub::PublishBlock& publish) {
  const telemetry::Log log = telemetry::Log("dapr.outbox").WithAppId(app_id);
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
    lanes_.push_back(std::make_unique<Lane>(Lane::Options{.app_id = app_id,
                                                          .app_namespace = app_namespace,
                                                          .store_name = named.name,
                                                          .store = named.store,
                                                          .settings = settings,
                                                          .publish = &publish,
                                                          .log = log,
                                                          .waits = {}}));
    named.hook = lanes_.back().get();
  }
}

void Outbox::Start() {
  for (const auto& lane : lanes_) lane->Start();
}

async::Task<void> Outbox::Close(const async::Context& context) {
  for (const auto& lane : lanes_) co_await lane->Close(context);
}

}  // namespace blocks::outbox
