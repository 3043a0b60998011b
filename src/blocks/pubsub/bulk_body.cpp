#include "blocks/pubsub/bulk_body.hpp"

#include <utility>

#include "base/base64.hpp"
#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "blocks/pubsub/cloud_event.hpp"
#include "blocks/pubsub/errors.hpp"
#include "contracts/json_cursor.hpp"

namespace blocks::pubsub {

using contracts::JsonCursor;
using contracts::Metadata;

namespace {

// Errors in here are plain texts; the caller gives them their id.
std::unexpected<base::Error> WrongType(const JsonCursor& cursor, std::string_view where,
                                       std::string_view type) {
  return base::Fail(base::Kind::kInvalidArgument,
                    base::StrCat("json: cannot unmarshal ", contracts::JsonKindName(cursor.Peek()),
                                 " into Go ", where, " of type ", type));
}

std::string Field(std::string_view name) {
  return base::StrCat("struct field bulkPublishMessageEntry.", name);
}

base::Status ReadString(JsonCursor& cursor, std::string_view field, std::string& out) {
  if (cursor.Peek() == 'n') {
    cursor.Skip();
    return {};
  }
  if (cursor.Peek() != '"') return WrongType(cursor, Field(field), "string");
  out = cursor.String();
  return {};
}

base::Status ReadMetadata(JsonCursor& cursor, std::optional<Metadata>& out) {
  out.reset();
  if (cursor.Peek() == 'n') {
    cursor.Skip();
    return {};
  }
  if (cursor.Peek() != '{') return WrongType(cursor, Field("metadata"), "map[string]string");
  out.emplace();
  cursor.Enter();
  while (cursor.More()) {
    const std::string key = cursor.Key();
    std::string value;
    RETURN_IF_ERROR(ReadString(cursor, "metadata", value));
    out->Set(key, std::move(value));
  }
  return {};
}

struct RawEntry {
  BulkEntry entry;
  std::string_view event = "null";
};

base::Status ReadEntry(JsonCursor& cursor, RawEntry& out) {
  if (cursor.Peek() == 'n') {
    cursor.Skip();
    return {};
  }
  if (cursor.Peek() != '{') {
    return WrongType(cursor, "value", "http.bulkPublishMessageEntry");
  }
  cursor.Enter();
  while (cursor.More()) {
    const std::string key = cursor.Key();
    if (base::EqualsIgnoreCase(key, "entryId")) {
      RETURN_IF_ERROR(ReadString(cursor, "entryId", out.entry.entry_id));
    } else if (base::EqualsIgnoreCase(key, "event")) {
      out.event = cursor.Skip();
    } else if (base::EqualsIgnoreCase(key, "contentType")) {
      RETURN_IF_ERROR(ReadString(cursor, "contentType", out.entry.content_type));
    } else if (base::EqualsIgnoreCase(key, "metadata")) {
      RETURN_IF_ERROR(ReadMetadata(cursor, out.entry.metadata));
    } else {
      cursor.Skip();
    }
  }
  return {};
}

base::Status ReadEntries(std::string_view json, std::vector<RawEntry>& out) {
  RETURN_IF_ERROR(base::CheckJson(json));
  JsonCursor cursor(json);
  if (cursor.Peek() == 'n') return {};
  if (cursor.Peek() != '[') return WrongType(cursor, "value", "[]http.bulkPublishMessageEntry");
  cursor.Enter();
  while (cursor.More()) RETURN_IF_ERROR(ReadEntry(cursor, out.emplace_back()));
  return {};
}

// The bytes of an event; none if it does not fit its content type.
std::optional<std::string> DataOf(std::string_view event, std::string_view content_type) {
  if (IsJsonType(content_type) || IsCloudEventType(content_type)) return std::string(event);
  if (!event.starts_with('"')) return std::nullopt;
  std::string text = JsonCursor(event).String();
  if (IsBinaryType(content_type)) return base::Base64Decode(text);
  return text;
}

}  // namespace

base::Result<std::vector<BulkEntry>> ParseBulkBody(std::string_view json, std::string_view pubsub,
                                                   std::string_view topic,
                                                   std::string_view app_id) {
  std::vector<RawEntry> raw;
  if (auto read = ReadEntries(json, raw); !read) {
    return std::unexpected(BulkBodyMalformed(pubsub, topic, app_id, read.error().message));
  }
  std::vector<BulkEntry> entries;
  entries.reserve(raw.size());
  for (RawEntry& one : raw) {
    auto data = DataOf(one.event, one.entry.content_type);
    if (!data) {
      return std::unexpected(
          BulkEventMismatch(pubsub, topic, app_id, "mismatch between contentType and event"));
    }
    one.entry.data = *std::move(data);
    entries.push_back(std::move(one.entry));
  }
  return entries;
}

std::string WriteBulkFailures(const std::vector<contracts::BulkPublishFailure>& failures,
                              std::string_view error_code) {
  std::string out = "{\"failedEntries\":[";
  bool first = true;
  for (const contracts::BulkPublishFailure& failure : failures) {
    if (!std::exchange(first, false)) out += ',';
    out += "{\"entryId\":";
    base::AppendJsonString(out, failure.entry_id);
    out += ",\"error\":";
    base::AppendJsonString(out, failure.error.message);
    out += '}';
  }
  out += "],\"errorCode\":";
  base::AppendJsonString(out, error_code);
  return out + '}';
}

}  // namespace blocks::pubsub
