// The JSON bodies of the HTTP bulk publish API. All input is hostile. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "blocks/pubsub/publish.hpp"

namespace blocks::pubsub {

/// Reads an array of {entryId, event, contentType, metadata} by the rules of Go's encoding/json.
/// What an event becomes depends on its content type: JSON stays as it is, text wants a string,
/// binary a string of base64. kPubsubUnmarshalEvents on a body that does not decode,
/// kPubsubMarshalEnvelope on an event that does not fit. `pubsub`, `topic`, `app_id` are for the
/// texts.
base::Result<std::vector<BulkEntry>> ParseBulkBody(std::string_view json, std::string_view pubsub,
                                                   std::string_view topic, std::string_view app_id);

/// {"failedEntries":[{"entryId","error"}],"errorCode"}.
std::string WriteBulkFailures(const std::vector<contracts::BulkPublishFailure>& failures,
                              std::string_view error_code);

}  // namespace blocks::pubsub
