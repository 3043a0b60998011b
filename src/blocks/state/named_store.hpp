// A state store as one app's API sees it: its name, how keys are prefixed, whether values are
// encrypted.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "blocks/state/encryption.hpp"
#include "blocks/state/keys.hpp"
#include "blocks/state/transaction_hook.hpp"
#include "config/component.hpp"
#include "config/properties.hpp"
#include "contracts/state_store.hpp"

namespace blocks::state {

/// What the component's metadata says of the outbox: transactions are told to a topic too.
struct OutboxSettings {
  std::string publish_pubsub;  // outboxPublishPubsub
  std::string publish_topic;   // outboxPublishTopic
  std::string pubsub;          // outboxPubsub, else the one above
  bool discard_when_missing = false;

  bool operator==(const OutboxSettings&) const = default;
  bool complete() const { return !publish_pubsub.empty() && !publish_topic.empty(); }
};

struct NamedStore {
  std::string name;
  std::shared_ptr<contracts::StateStore> store;
  KeyPrefix prefix;
  std::shared_ptr<const Encryption> encryption;  // null = values are stored as they are
  OutboxSettings outbox;
  TransactionHook* hook = nullptr;  // not owned; outlives the store's blocks
};

/// Reads keyPrefix, outbox…, primaryEncryptionKey and secondaryEncryptionKey of a component. The
/// keys must come from secrets, because the name of the secret is stored with every value.
base::Result<NamedStore> MakeNamedStore(std::shared_ptr<contracts::StateStore> store,
                                        const config::Component& component,
                                        const config::Properties& properties,
                                        std::string_view app_id, std::string_view app_namespace);

}  // namespace blocks::state
