// The JSON answers that hold many values.
#include <utility>

#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "blocks/state/request.hpp"

namespace blocks::state {

namespace {

void AppendMember(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  base::StrAppend(out, ",\"", name, "\":");
  base::AppendJsonString(out, text);
}

void AppendMetadata(std::string& out, const contracts::Metadata& metadata) {
  if (metadata.empty()) return;
  out += ",\"metadata\":{";
  bool first = true;
  for (const auto& [key, value] : metadata) {
    if (!std::exchange(first, false)) out += ',';
    base::AppendJsonString(out, key);
    out += ':';
    base::AppendJsonString(out, value);
  }
  out += '}';
}

// Appends the stored value if there is one; the error of the item.
std::string AppendData(std::string& out, std::string_view data, std::string_view error) {
  if (!error.empty() || data.empty()) return std::string(error);
  base::Result<std::string> json = base::CompactLikeGo(data, true);
  if (!json) return base::StrCat("the stored value is no JSON: ", json.error().message);
  base::StrAppend(out, ",\"data\":", *json);
  return {};
}

void AppendKey(std::string& out, std::string_view key) {
  if (out.back() != '[') out += ',';
  out += "{\"key\":";
  base::AppendJsonString(out, key);
}

}  // namespace

std::string WriteBulkGetResponse(const std::vector<contracts::BulkGetItem>& items) {
  std::string out = "[";
  for (const contracts::BulkGetItem& item : items) {
    AppendKey(out, item.key);
    const std::string error = AppendData(out, item.value.data, item.error);
    AppendMember(out, "etag", item.value.etag.value_or(""));
    AppendMetadata(out, item.value.metadata);
    AppendMember(out, "error", error);
    out += '}';
  }
  out += "]\n";
  return out;
}

std::string WriteQueryResponse(const contracts::QueryResponse& response) {
  std::string out = "{\"results\":[";
  for (const contracts::QueryItem& item : response.items) {
    AppendKey(out, item.key);
    const std::string error = AppendData(out, item.data, item.error);
    AppendMember(out, "etag", item.etag.value_or(""));
    AppendMember(out, "error", error);
    out += '}';
  }
  out += ']';
  AppendMember(out, "token", response.token);
  AppendMetadata(out, response.metadata);
  out += "}\n";
  return out;
}

}  // namespace blocks::state
