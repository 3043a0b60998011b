// Any bytes: reading never fails hard, and every envelope is a readable event that holds the data.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "blocks/pubsub/cloud_event.hpp"

namespace {

void Check(bool fine) {
  if (!fine) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  namespace pubsub = blocks::pubsub;
  const std::string_view data(reinterpret_cast<const char*>(bytes), size);
  const bool object = base::CheckJson(data) && base::Trim(data).starts_with('{');
  Check(pubsub::CloudEvent::Parse(data).has_value() == object);
  if (const auto event = pubsub::CloudEvent::Parse(data)) {
    for (const auto& member : event->members()) {
      Check(base::CheckJson(member.value).has_value());
      (void)event->String(member.key);
    }
    (void)event->Data();
    (void)event->Expired(base::WallNow());
  }
  for (const std::string_view type :
       {std::string_view(), std::string_view("application/json"), pubsub::kOctetStream,
        pubsub::kCloudEventContentType, data.substr(0, 40)}) {
    const contracts::Metadata metadata{{"cloudevent.id", std::string(data)}, {"ttlInSeconds", "7"}};
    const auto text = pubsub::BuildEnvelope({.app_id = data,
                                             .pubsub = "ps",
                                             .topic = data,
                                             .data = data,
                                             .content_type = type,
                                             .metadata = &metadata});
    if (!text) {
      Check(pubsub::IsCloudEventType(type));
      continue;
    }
    // Written in the one form that a sorted map has. What is no UTF-8 in a name has two.
    const auto again = base::ReencodeLikeGo(*text, {.exact_numbers = true});
    const bool clean = base::IsValidUtf8(data) && base::IsValidUtf8(type);
    Check(again && (*again == *text || !clean));
    const auto event = pubsub::CloudEvent::Parse(*text);
    Check(event && event->String("pubsubname") == "ps");
    if (pubsub::IsCloudEventType(type)) continue;
    Check(!pubsub::IsBinaryType(type) || event->Data() == data);
  }
  const std::string raw = pubsub::BuildRawEvent("ps", data, data, {{"traceid", std::string(data)}});
  const auto event = pubsub::CloudEvent::Parse(raw);
  Check(event && event->Data() == data);
  const std::string binary = pubsub::BuildBinaryEvent("ps", data, data, data.substr(0, 40),
                                                      {{"ce_" + std::string(data), "v"}});
  Check(pubsub::CloudEvent::Parse(binary).has_value());
  return 0;
}
