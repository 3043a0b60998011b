#include "blocks/state/named_store.hpp"

#include <optional>

#include "base/strings.hpp"

namespace blocks::state {

namespace {

base::Result<std::optional<EncryptionKey>> ReadKey(std::string_view field,
                                                   const config::Component& component,
                                                   const config::Properties& properties) {
  const std::string value = properties.Get(field);
  if (value.empty()) return std::optional<EncryptionKey>();
  std::string secret_name;
  for (const config::NameValue& item : component.metadata) {
    if (base::EqualsIgnoreCase(item.name, field)) secret_name = item.secret_key_ref.name;
  }
  if (secret_name.empty()) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("component ", component.meta.name, ": metadata field ", field,
                                   " must be given with a secretKeyRef"));
  }
  base::Result<EncryptionKey> key = Encryption::ParseKey(field, secret_name, value);
  if (!key) {
    return base::Fail(key.error().kind,
                      base::StrCat("component ", component.meta.name, ": ", key.error().message));
  }
  return std::optional<EncryptionKey>(*std::move(key));
}

}  // namespace

base::Result<NamedStore> MakeNamedStore(std::shared_ptr<contracts::StateStore> store,
                                        const config::Component& component,
                                        const config::Properties& properties,
                                        std::string_view app_id, std::string_view app_namespace) {
  NamedStore named{.name = component.meta.name, .store = std::move(store)};
  ASSIGN_OR_RETURN(named.prefix,
                   KeyPrefix::Make(properties.Get("keyPrefix"), named.name, app_id, app_namespace));
  ASSIGN_OR_RETURN(std::optional<EncryptionKey> primary,
                   ReadKey("primaryEncryptionKey", component, properties));
  ASSIGN_OR_RETURN(std::optional<EncryptionKey> secondary,
                   ReadKey("secondaryEncryptionKey", component, properties));
  if (primary) {
    named.encryption =
        std::make_shared<const Encryption>(*std::move(primary), std::move(secondary));
  } else if (secondary) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("component ", component.meta.name,
                                   ": metadata field secondaryEncryptionKey needs a "
                                   "primaryEncryptionKey beside it"));
  }
  named.outbox = {.publish_pubsub = properties.Get("outboxPublishPubsub"),
                  .publish_topic = properties.Get("outboxPublishTopic"),
                  .pubsub = properties.Get("outboxPubsub"),
                  .discard_when_missing = properties.Bool("outboxDiscardWhenMissingState", false)};
  if (named.outbox.pubsub.empty()) named.outbox.pubsub = named.outbox.publish_pubsub;
  return named;
}

}  // namespace blocks::state
