// The errors of the publish API: id, text and details.
#pragma once

#include <string_view>

#include "base/error.hpp"

namespace blocks::pubsub {

base::Error NameEmpty();
/// No such component, or none at all.
base::Error PubSubNotFound(std::string_view pubsub);
base::Error TopicEmpty(std::string_view pubsub);
/// metadata rawPayload is no boolean.
base::Error BadRawPayload(std::string_view pubsub, std::string_view value);
base::Error TopicForbidden(std::string_view pubsub, std::string_view topic,
                           std::string_view app_id);
/// What the broker said, or that the body could not be read.
base::Error PublishFailed(std::string_view pubsub, std::string_view topic,
                          const base::Error& cause);
/// Data that claims to be a CloudEvent and is none.
base::Error EnvelopeFailed(std::string_view pubsub, std::string_view app_id,
                           std::string_view cause);
/// A transaction that could not be told to the outbox, and so does not happen.
base::Error OutboxFailed(std::string_view app_id, const base::Error& cause);

// Bulk publish: an entry's event does not fit its content type; an entryId is missing or given
// twice; the body cannot be read.
base::Error BulkEventMismatch(std::string_view pubsub, std::string_view topic,
                              std::string_view app_id, std::string_view cause);
base::Error BulkEntryIds(std::string_view pubsub, std::string_view topic, std::string_view app_id);
base::Error BulkBodyMalformed(std::string_view pubsub, std::string_view topic,
                              std::string_view app_id, std::string_view cause);

}  // namespace blocks::pubsub
