// Any bytes as the body of a bulk publish: entries or one of the two errors, nothing else.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/go_json.hpp"
#include "blocks/pubsub/bulk_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(bytes), size);
  const auto check = [](bool fine) {
    if (!fine) std::abort();
  };
  const auto entries = blocks::pubsub::ParseBulkBody(json, "ps", "t", "app");
  if (!entries) {
    const base::ErrorId id = entries.error().id;
    check(id == base::ErrorId::kPubsubUnmarshalEvents ||
          id == base::ErrorId::kPubsubMarshalEnvelope);
    return 0;
  }
  check(base::CheckJson(json).has_value());
  std::vector<contracts::BulkPublishFailure> failures;
  for (const auto& entry : *entries) {
    failures.push_back({entry.entry_id, base::Error(base::Kind::kInternal, entry.data)});
  }
  check(base::CheckJson(blocks::pubsub::WriteBulkFailures(failures, "E")).has_value());
  return 0;
}
