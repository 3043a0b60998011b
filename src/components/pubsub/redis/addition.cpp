#include "components/pubsub/redis/addition.hpp"

#include <algorithm>
#include <vector>

#include "base/go_json.hpp"
#include "base/time.hpp"

namespace components::pubsub::redis {

namespace {

// An object of texts, keys sorted by bytes.
std::string MetadataJson(const contracts::Metadata& metadata) {
  std::vector<const contracts::Metadata::Pair*> pairs;
  pairs.reserve(metadata.size());
  for (const auto& pair : metadata) pairs.push_back(&pair);
  std::ranges::sort(pairs, {}, [](const auto* pair) -> const std::string& { return pair->first; });
  std::string out = "{";
  for (const auto* pair : pairs) {
    if (out.size() > 1) out += ',';
    base::AppendJsonString(out, pair->first);
    out += ':';
    base::AppendJsonString(out, pair->second);
  }
  out += '}';
  return out;
}

}  // namespace

Addition::Addition(const Settings& settings, std::string_view topic, std::string_view data,
                   const contracts::Metadata& metadata) {
  Put("XADD");
  Put(topic);
  if (settings.max_length > 0) {
    trim_ = std::to_string(settings.max_length);
    Put("MAXLEN");
    Put("~");
    Put(trim_);
  } else if (settings.stream_ttl.count() > 0) {
    const auto oldest =
        std::chrono::floor<std::chrono::milliseconds>(base::WallNow()) - settings.stream_ttl;
    const int64_t millis = std::max<int64_t>(0, oldest.time_since_epoch().count());
    trim_ = base::StrCat(millis, "-1");
    Put("MINID");
    Put("~");
    Put(trim_);
  }
  Put("*");
  Put("data");
  Put(data);
  if (!metadata.empty()) {
    metadata_ = MetadataJson(metadata);
    Put("metadata");
    Put(metadata_);
  }
}

}  // namespace components::pubsub::redis
