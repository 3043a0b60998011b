// A state store as one app's API sees it: its name, how keys are prefixed, whether values are
// encrypted.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "blocks/state/encryption.hpp"
#include "blocks/state/keys.hpp"
#include "config/component.hpp"
#include "config/properties.hpp"
#include "contracts/state_store.hpp"

namespace blocks::state {

struct NamedStore {
  std::string name;
  std::shared_ptr<contracts::StateStore> store;
  KeyPrefix prefix;
  std::shared_ptr<const Encryption> encryption;  // null = values are stored as they are
};

/// Reads keyPrefix, primaryEncryptionKey and secondaryEncryptionKey of a component. The keys must
/// come from secrets, because the name of the secret is stored with every value.
base::Result<NamedStore> MakeNamedStore(std::shared_ptr<contracts::StateStore> store,
                                        const config::Component& component,
                                        const config::Properties& properties,
                                        std::string_view app_id, std::string_view app_namespace);

}  // namespace blocks::state
