#include "blocks/outbox/event.hpp"

#include <map>
#include <utility>

#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "blocks/pubsub/cloud_event.hpp"
#include "blocks/state/go_format.hpp"

namespace blocks::outbox {
namespace {

using contracts::SetRequest;
using pubsub::CloudEvent;

constexpr std::string_view kJson = "application/json";

// Members by key, as JSON text.
using Members = std::map<std::string, std::string, std::less<>>;

std::string Quoted(std::string_view text) {
  std::string out;
  base::AppendJsonString(out, text);
  return out;
}

// The event with these members in place of its own.
std::string With(const CloudEvent& event, Members members) {
  for (const CloudEvent::Member& member : event.members()) {
    members.emplace(member.key, member.value);
  }
  std::string out;
  out.reserve(event.text().size() + 128);
  char before = '{';
  for (const auto& [key, value] : members) {
    out += before;
    base::AppendJsonString(out, key);
    out += ':';
    out += value;
    before = ',';
  }
  out += '}';
  return out;
}

std::string ContentTypeOf(const SetRequest& request) {
  if (!request.content_type.empty()) return request.content_type;
  const std::string* type = request.metadata.Find("contentType");
  return type ? *type : std::string();
}

bool IsProjection(const SetRequest& request) {
  const std::string* value = request.metadata.Find(kProjectionKey);
  return value && base::ParseBoolTruthy(*value);
}

}  // namespace

base::Result<std::string> MakeEvent(const EventInput& input) {
  const SetRequest& published = *input.published;
  const std::string type = ContentTypeOf(published);
  const bool as_json = base::EqualsIgnoreCase(type, kJson);
  const std::string data =
      published.json && !as_json ? state::FormatLikeGo(published.value) : published.value;
  // An event inside the event is data like any other: its own id must not become this one's.
  const bool nested = pubsub::IsCloudEventType(type);
  contracts::Metadata fields;
  fields.Set("cloudevent.id", std::string(input.id));
  if (input.trace && input.trace->IsValid()) {
    fields.Set("cloudevent.traceid", telemetry::FormatTraceparent(*input.trace));
    if (!input.trace->tracestate.empty()) {
      fields.Set("cloudevent.tracestate", input.trace->tracestate);
    }
  }
  ASSIGN_OR_RETURN(const std::string event,
                   pubsub::BuildEnvelope({.app_id = input.app_id,
                                          .pubsub = input.pubsub,
                                          .topic = {},
                                          .data = data,
                                          .content_type = nested ? kJson : std::string_view(type),
                                          .metadata = &fields}));
  Members members;
  if (nested) members["datacontenttype"] = Quoted(type);
  for (const auto& [key, value] : input.stored.metadata) {
    if (key != "data" && key != "id") members[key] = Quoted(value);
  }
  if (members.empty()) return event;
  ASSIGN_OR_RETURN(const CloudEvent parsed, CloudEvent::Parse(event));
  return With(parsed, std::move(members));
}

base::Result<std::string> Readdress(std::string_view event, std::string_view pubsub,
                                    std::string_view topic) {
  ASSIGN_OR_RETURN(const CloudEvent parsed, CloudEvent::Parse(event));
  return With(parsed, {{"pubsubname", Quoted(pubsub)}, {"topic", Quoted(topic)}});
}

base::Result<std::string> IdOf(std::string_view event) {
  ASSIGN_OR_RETURN(const CloudEvent parsed, CloudEvent::Parse(event));
  auto id = parsed.String("id");
  if (id && id->starts_with(kMarkerPrefix)) return *std::move(id);
  return base::Fail(base::Kind::kInvalidArgument, "the message has no id of the outbox");
}

std::vector<SetRequest> TakeProjections(contracts::TransactionRequest& transaction) {
  std::vector<SetRequest> out;
  std::erase_if(transaction.operations, [&out](contracts::TransactionOperation& operation) {
    auto* set = std::get_if<SetRequest>(&operation);
    if (!set || !IsProjection(*set)) return false;
    out.push_back(std::move(*set));
    return true;
  });
  return out;
}

}  // namespace blocks::outbox
