#include "blocks/pubsub/cloud_event.hpp"

#include <algorithm>

#include "base/base64.hpp"
#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "contracts/json_cursor.hpp"

namespace blocks::pubsub {

using contracts::JsonCursor;

namespace {

bool IsType(std::string_view content_type, std::string_view wanted) {
  return base::EqualsIgnoreCase(base::Trim(content_type.substr(0, content_type.find(';'))), wanted);
}

// The content of the string that the text begins with, unless it has escapes.
std::optional<std::string_view> PlainString(std::string_view text) {
  if (!text.starts_with('"')) return std::nullopt;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return text.substr(1, i - 1);
    if (text[i] == '\\' || static_cast<unsigned char>(text[i]) < 0x20) break;
  }
  return std::nullopt;
}

// The JSON value that the text begins with, checked; empty if it may be none.
std::string_view ValueOf(std::string_view text) {
  if (const auto plain = PlainString(text)) return text.substr(0, plain->size() + 2);
  // Of text that nobody has checked the cursor makes anything; what it makes is checked now.
  const std::string_view value = JsonCursor(text).Skip();
  return value.data() == text.data() && base::CheckJson(value) ? value : std::string_view();
}

// Checks and reads in one pass an object as envelopes are written: nothing between the tokens, keys
// sorted and plain. False if it is anything else, right or wrong.
bool ReadPlain(std::string_view text, std::vector<CloudEvent::Member>& members) {
  if (!text.starts_with('{')) return false;
  do {
    text.remove_prefix(1);
    const auto key = PlainString(text);
    if (!key || (!members.empty() && members.back().key >= *key)) return false;
    if (std::ranges::any_of(*key, [](char c) { return (c & 0x80) != 0; })) return false;
    text.remove_prefix(key->size() + 2);
    if (!text.starts_with(':')) return false;
    text.remove_prefix(1);
    const std::string_view value = ValueOf(text);
    if (value.empty()) return false;
    text.remove_prefix(value.size());
    members.push_back({std::string(*key), value});
  } while (text.starts_with(','));
  return text == "}";
}

}  // namespace

bool IsCloudEventType(std::string_view content_type) {
  return IsType(content_type, kCloudEventContentType);
}
bool IsJsonType(std::string_view content_type) {
  return IsType(content_type, "application/json");
}
bool IsTextType(std::string_view content_type) {
  return base::StartsWithIgnoreCase(content_type, "text/") ||
         IsType(content_type, "application/xml");
}
bool IsBinaryType(std::string_view content_type) {
  return IsType(content_type, kOctetStream);
}

base::Result<CloudEvent> CloudEvent::Parse(std::string_view text) {
  CloudEvent event;
  event.text_ = text;
  std::vector<Member>& members = event.members_;
  members.reserve(16);
  if (ReadPlain(text, members)) return event;
  members.clear();
  RETURN_IF_ERROR(base::CheckJson(text));
  JsonCursor cursor(text);
  if (cursor.Peek() != '{') {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("a CloudEvent is a JSON object, not a JSON ",
                                   contracts::JsonKindName(cursor.Peek())));
  }
  cursor.Enter();
  bool sorted = true;
  while (cursor.More()) {
    std::string key = cursor.Key();
    sorted = sorted && (members.empty() || members.back().key < key);
    members.push_back({std::move(key), cursor.Skip()});
  }
  if (!sorted) {
    std::ranges::sort(members, [](const Member& a, const Member& b) {
      const int order = a.key.compare(b.key);
      return order != 0 ? order < 0 : a.value.data() < b.value.data();
    });
    // Of equal keys the last one stays.
    const auto kept = std::unique(members.rbegin(), members.rend(),
                                  [](const Member& a, const Member& b) { return a.key == b.key; });
    members.erase(members.begin(), kept.base());
  }
  return event;
}

std::string_view CloudEvent::Raw(std::string_view key) const {
  const auto found = std::ranges::lower_bound(members_, key, {}, &Member::key);
  return found != members_.end() && found->key == key ? found->value : std::string_view();
}

std::optional<std::string> CloudEvent::String(std::string_view key) const {
  const std::string_view raw = Raw(key);
  if (!raw.starts_with('"')) return std::nullopt;
  return JsonCursor(raw).String();
}

std::optional<std::string> CloudEvent::Data() const {
  if (const auto encoded = String("data_base64")) return base::Base64Decode(*encoded);
  if (auto text = String("data")) return text;
  const std::string_view raw = Raw("data");
  if (raw.empty()) return std::nullopt;
  return std::string(raw);
}

bool CloudEvent::Expired(base::WallTime now) const {
  const auto text = String("expiration");
  const auto time = text ? base::ParseRfc3339(*text) : std::nullopt;
  return time && *time < now;
}

}  // namespace blocks::pubsub
