// Any bytes as bodies of the state API: no crash, and what is accepted is well-formed: keys are
// there, values are JSON that Go would write, and can be printed like Go prints them.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/go_json.hpp"
#include "base/utf8.hpp"
#include "blocks/state/go_format.hpp"
#include "blocks/state/request.hpp"

namespace {

void Require(bool fine) {
  if (!fine) std::abort();
}

void CheckItem(const contracts::SetRequest& item) {
  Require(item.json);
  Require(base::IsValidUtf8(item.key));
  const auto again = base::ReencodeLikeGo(item.value);
  Require(again && *again == item.value);
  (void)blocks::state::FormatLikeGo(item.value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  using namespace blocks::state;  // NOLINT
  if (const auto items = ParseSaveRequest(text, "store", {{"ttlInSeconds", "5"}})) {
    for (const contracts::SetRequest& item : *items) {
      Require(!item.key.empty());
      Require(item.metadata.Find("ttlInSeconds") != nullptr);
      CheckItem(item);
    }
    Require(base::CheckJson(text).has_value());
  }
  if (const auto transaction = ParseTransaction(text)) {
    for (const TransactionItem& item : transaction->operations) CheckItem(item.request);
    Require(base::CheckJson(text).has_value());
  }
  if (const auto bulk = ParseBulkGet(text)) {
    for (const std::string& key : bulk->keys) Require(base::IsValidUtf8(key));
    Require(base::CheckJson(text).has_value());
  }
  contracts::BulkGetItem item{.key = std::string(text)};
  item.value = {.found = true, .data = std::string(text), .etag = "e"};
  Require(base::CheckJson(WriteBulkGetResponse({item, item})).has_value());
  contracts::QueryResponse found{.items = {}, .token = std::string(text), .metadata = {}};
  found.metadata.Set(std::string(text), std::string(text));
  found.items.push_back({.key = item.key, .data = item.value.data, .etag = "e", .error = {}});
  found.items.push_back({.key = item.key, .data = {}, .etag = {}, .error = std::string(text)});
  Require(base::CheckJson(WriteQueryResponse(found)).has_value());
  return 0;
}
