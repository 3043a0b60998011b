#include <utility>

#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "blocks/state/request.hpp"

namespace blocks::state {

using base::StrCat;

std::string WriteBulkGetResponse(const std::vector<contracts::BulkGetItem>& items) {
  std::string out = "[";
  for (const contracts::BulkGetItem& item : items) {
    if (out.size() > 1) out += ',';
    out += "{\"key\":";
    base::AppendJsonString(out, item.key);
    std::string error = item.error;
    if (item.error.empty() && !item.value.data.empty()) {
      base::Result<std::string> data = base::CompactLikeGo(item.value.data, true);
      if (data) {
        base::StrAppend(out, ",\"data\":", *data);
      } else {
        error = StrCat("the stored value is no JSON: ", data.error().message);
      }
    }
    if (item.value.etag && !item.value.etag->empty()) {
      out += ",\"etag\":";
      base::AppendJsonString(out, *item.value.etag);
    }
    if (!item.value.metadata.empty()) {
      out += ",\"metadata\":{";
      bool first = true;
      for (const auto& [key, value] : item.value.metadata) {
        if (!std::exchange(first, false)) out += ',';
        base::AppendJsonString(out, key);
        out += ':';
        base::AppendJsonString(out, value);
      }
      out += '}';
    }
    if (!error.empty()) {
      out += ",\"error\":";
      base::AppendJsonString(out, error);
    }
    out += '}';
  }
  out += "]\n";
  return out;
}

}  // namespace blocks::state
