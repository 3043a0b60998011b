#include "blocks/pubsub/delivery_message.hpp"

#include "base/base64.hpp"
#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "base/uuid.hpp"
#include "blocks/invoke/wire.hpp"
#include "contracts/json_cursor.hpp"

namespace blocks::pubsub {
namespace {

namespace wire = blocks::invoke::wire;
using contracts::JsonCursor;

constexpr std::string_view kBulkType = "com.dapr.event.sent.bulk";
// A JSON level is three levels of messages, and decoders give up at a hundred.
constexpr int kDeepestValue = 24;

void AppendText(std::string& out, int field, std::string_view text) {
  if (!text.empty()) wire::AppendBytes(out, field, text);
}

// google.protobuf.Value.
void AppendValue(std::string& out, std::string_view json, int depth) {
  JsonCursor cursor(json);
  switch (cursor.Peek()) {
    case '{':
    case '[': {
      if (depth >= kDeepestValue) {
        wire::AppendBytes(out, 3, json);
        return;
      }
      const bool object = cursor.Peek() == '{';
      const std::size_t whole = wire::Open(out, object ? 5 : 6);
      cursor.Enter();
      while (cursor.More()) {
        const std::size_t member = wire::Open(out, 1);
        if (object) {
          wire::AppendBytes(out, 1, cursor.Key());
          const std::size_t value = wire::Open(out, 2);
          AppendValue(out, cursor.Skip(), depth + 1);
          wire::Close(out, value);
        } else {
          AppendValue(out, cursor.Skip(), depth + 1);
        }
        wire::Close(out, member);
      }
      wire::Close(out, whole);
      return;
    }
    case '"':
      wire::AppendBytes(out, 3, cursor.String());
      return;
    case 't':
    case 'f':
      wire::AppendNumber(out, 4, cursor.Peek() == 't' ? 1 : 0);
      return;
    case 'n':
      wire::AppendNumber(out, 1, 0);
      return;
    default: {
      const double number = base::ParseDouble(base::Trim(json)).value_or(0);
      out += wire::Tag(2, wire::Type::kFixed64);
      char bytes[sizeof number];
      __builtin_memcpy(bytes, &number, sizeof number);
      out.append(bytes, sizeof number);
    }
  }
}

bool IsOwnField(std::string_view key) {
  return key == "id" || key == "source" || key == "type" || key == "specversion" ||
         key == "datacontenttype" || key == "data" || key == "data_base64";
}

// google.protobuf.Struct of the members that have no field of their own.
void AppendExtensions(std::string& out, int field, const CloudEvent& event) {
  const std::size_t all = wire::Open(out, field);
  for (const CloudEvent::Member& member : event.members()) {
    if (IsOwnField(member.key)) continue;
    const std::size_t entry = wire::Open(out, 1);
    wire::AppendBytes(out, 1, member.key);
    const std::size_t value = wire::Open(out, 2);
    AppendValue(out, member.value, 0);
    wire::Close(out, value);
    wire::Close(out, entry);
  }
  wire::Close(out, all);
}

void AppendMember(std::string& out, int field, const CloudEvent& event, std::string_view key) {
  if (const auto text = event.String(key)) AppendText(out, field, *text);
}

void AppendPair(std::string& out, int field, std::string_view key, std::string_view value) {
  const std::size_t entry = wire::Open(out, field);
  wire::AppendBytes(out, 1, key);
  wire::AppendBytes(out, 2, value);
  wire::Close(out, entry);
}

// The fields that TopicEventRequest and TopicEventCERequest number alike.
void AppendHead(std::string& out, const CloudEvent& event) {
  AppendMember(out, 1, event, "id");
  AppendMember(out, 2, event, "source");
  AppendMember(out, 3, event, "type");
  AppendMember(out, 4, event, "specversion");
  AppendMember(out, 5, event, "datacontenttype");
}

Answer AnswerOfText(std::string_view status) {
  if (status.empty() || status == "SUCCESS") return Answer::kSuccess;
  return status == "DROP" ? Answer::kDrop : Answer::kRetry;
}

// Which entry of a batch an id names; `entries` if none.
std::size_t EntryOf(std::string_view id, std::size_t entries) {
  const auto number = base::ParseUint<std::size_t>(id);
  // "007" is not an id that was given out.
  if (!number || *number >= entries || (id.size() > 1 && id.front() == '0')) return entries;
  return *number;
}

}  // namespace

std::string TopicEventMessage(const IncomingEvent& incoming, const EventPlace& place) {
  const CloudEvent& event = incoming.event();
  std::string out;
  out.reserve(incoming.text().size() + 128);
  AppendHead(out, event);
  AppendText(out, 6, place.topic);
  AppendText(out, 7, incoming.GrpcData());
  AppendText(out, 8, place.pubsub);
  AppendText(out, 9, place.path);
  AppendExtensions(out, 10, event);
  return out;
}

std::string BulkEventMessage(std::span<const IncomingEvent* const> events,
                             const EventPlace& place) {
  std::string out;
  wire::AppendBytes(out, 1, base::NewUuid());
  std::size_t i = 0;
  for (const IncomingEvent* incoming : events) {
    const std::size_t entry = wire::Open(out, 2);
    wire::AppendBytes(out, 1, base::StrCat(i++));
    if (incoming->raw()) {
      wire::AppendBytes(out, 2, incoming->message().data);
    } else {
      const std::size_t event = wire::Open(out, 3);
      AppendHead(out, incoming->event());
      AppendText(out, 6, incoming->GrpcData());
      AppendExtensions(out, 7, incoming->event());
      wire::Close(out, event);
    }
    for (const auto& [key, value] : incoming->message().metadata) AppendPair(out, 5, key, value);
    wire::Close(out, entry);
  }
  AppendPair(out, 3, "pubsubName", place.pubsub);
  AppendText(out, 4, place.topic);
  AppendText(out, 5, place.pubsub);
  AppendText(out, 6, kBulkType);
  AppendText(out, 7, place.path);
  return out;
}

std::string BulkEventJson(std::span<const IncomingEvent* const> events, const EventPlace& place) {
  std::string out = R"({"entries":[)";
  std::size_t i = 0;
  for (const IncomingEvent* incoming : events) {
    const contracts::Message& message = incoming->message();
    if (i > 0) out += ',';
    base::StrAppend(out, R"({"entryId":")", i++, R"(","event":)");
    if (incoming->raw()) {
      base::StrAppend(out, '"', base::Base64Encode(message.data), '"');
    } else {
      out += incoming->text();
    }
    out += R"(,"metadata":)";
    if (message.metadata.empty()) {
      out += "null";
    } else {
      char separator = '{';
      for (const auto& [key, value] : message.metadata) {
        out += separator;
        base::AppendJsonString(out, key);
        out += ':';
        base::AppendJsonString(out, value);
        separator = ',';
      }
      out += '}';
    }
    out += R"(,"contentType":)";
    std::string_view type = message.content_type;
    if (type.empty()) type = incoming->raw() ? kOctetStream : kCloudEventContentType;
    base::AppendJsonString(out, type);
    out += '}';
  }
  base::StrAppend(out, R"(],"id":")", base::NewUuid(), R"(","metadata":{"pubsubName":)");
  base::AppendJsonString(out, place.pubsub);
  out += R"(},"pubsubname":)";
  base::AppendJsonString(out, place.pubsub);
  out += R"(,"topic":)";
  base::AppendJsonString(out, place.topic);
  base::StrAppend(out, R"(,"type":")", kBulkType, R"("})");
  return out;
}

DeliveryResult ReadHttpReply(int status, std::string_view body) {
  if (status == 404) return {Answer::kNoRoute, "the app answered with HTTP status 404"};
  if (status < 200 || status > 299) {
    return {Answer::kFailed, base::StrCat("the app answered with HTTP status ", status)};
  }
  if (body.empty()) return {};
  // What is no such object is taken for the app's own words beside a success.
  auto reply = CloudEvent::Parse(body);
  if (!reply) return {};
  const std::string_view raw = reply->Raw("status");
  if (raw.empty() || raw == "null") return {};
  const auto text = reply->String("status");
  if (!text) return {};
  const Answer answer = AnswerOfText(*text);
  if (answer == Answer::kSuccess) return {};
  if (answer == Answer::kDrop) return {answer, "the app answered DROP"};
  return {answer, *text == "RETRY" ? std::string("the app answered RETRY")
                                   : std::string("the app answered with an unknown status")};
}

Answer AnswerOfStatus(uint64_t status) {
  return status == 0 ? Answer::kSuccess : status == 2 ? Answer::kDrop : Answer::kRetry;
}

DeliveryResult ReadTopicEventResponse(std::string_view message) {
  uint64_t status = 0;
  wire::Reader reader(message);
  while (reader.Next()) {
    if (reader.Is(1, wire::Type::kVarint)) status = reader.number();
  }
  if (!reader.ok()) return {Answer::kFailed, "the app's TopicEventResponse is malformed"};
  switch (AnswerOfStatus(status)) {
    case Answer::kSuccess:
      return {};
    case Answer::kDrop:
      return {Answer::kDrop, "the app answered DROP"};
    default:
      return {Answer::kRetry, "the app answered RETRY"};
  }
}

std::vector<Answer> ReadBulkReply(std::string_view body, std::size_t entries) {
  std::vector<Answer> out(entries, Answer::kRetry);
  auto reply = CloudEvent::Parse(body);
  if (!reply) return out;
  JsonCursor statuses(reply->Raw("statuses"));
  if (statuses.Peek() != '[') return out;
  statuses.Enter();
  while (statuses.More()) {
    const auto entry = CloudEvent::Parse(statuses.Skip());
    if (!entry) continue;
    const std::size_t i = EntryOf(entry->String("entryId").value_or(""), entries);
    const std::string status = entry->String("status").value_or("");
    // Here, unlike for single events, an empty status is no success.
    if (i < entries) out[i] = status.empty() ? Answer::kRetry : AnswerOfText(status);
  }
  return out;
}

std::vector<Answer> ReadBulkResponse(std::string_view message, std::size_t entries) {
  std::vector<Answer> out(entries, Answer::kRetry);
  wire::Reader reader(message);
  while (reader.Next()) {
    if (!reader.Is(1, wire::Type::kBytes)) continue;
    wire::Reader entry(reader.bytes());
    std::string_view id;
    uint64_t status = 0;
    while (entry.Next()) {
      if (entry.Is(1, wire::Type::kBytes)) id = entry.bytes();
      if (entry.Is(2, wire::Type::kVarint)) status = entry.number();
    }
    const std::size_t i = entry.ok() ? EntryOf(id, entries) : entries;
    if (i < entries) out[i] = AnswerOfStatus(status);
  }
  if (!reader.ok()) out.assign(entries, Answer::kRetry);
  return out;
}

}  // namespace blocks::pubsub
