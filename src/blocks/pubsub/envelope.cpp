// Writing CloudEvents. Keys are written in their order, so that the text comes out as a sorted map
// would.
#include <algorithm>
#include <array>
#include <map>

#include "base/base64.hpp"
#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "base/uuid.hpp"
#include "blocks/pubsub/cloud_event.hpp"

namespace blocks::pubsub {

using contracts::Metadata;

namespace {

// What metadata asks for. Views into it; empty = not asked for.
struct Overrides {
  std::string_view id, source, type, traceid, traceparent, tracestate, subject;
  std::string_view ttl;
};

Overrides OverridesOf(const Metadata* metadata) {
  Overrides out;
  if (!metadata) return out;
  constexpr std::string_view kPrefix = "cloudevent.";
  const std::pair<std::string_view, std::string_view*> fields[] = {
      {"id", &out.id},           {"source", &out.source},           {"type", &out.type},
      {"traceid", &out.traceid}, {"traceparent", &out.traceparent}, {"tracestate", &out.tracestate},
      {"subject", &out.subject}};
  for (const auto& [key, value] : *metadata) {
    if (base::EqualsIgnoreCase(key, "ttlInSeconds")) {
      out.ttl = value;
    } else if (base::StartsWithIgnoreCase(key, kPrefix)) {
      for (const auto& [name, field] : fields) {
        if (base::EqualsIgnoreCase(std::string_view(key).substr(kPrefix.size()), name)) {
          *field = value;
        }
      }
    }
  }
  return out;
}

// The time of this second in the process's zone; made once a second.
std::string_view Now(base::WallTime now) {
  thread_local int64_t second = -1;
  thread_local std::string text;
  const int64_t current =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  if (current != second) {
    text = base::FormatRfc3339Local(now);
    second = current;
  }
  return text;
}

// When an event with this time to live ends; empty without one. Anything but a positive number of
// seconds is none.
std::string ExpirationOf(std::string_view ttl, base::WallTime now) {
  if (ttl.empty()) return {};
  const auto seconds = base::ParseInt<int64_t>(ttl);
  if (!seconds || *seconds <= 0) return {};
  const int64_t longest =
      std::chrono::duration_cast<std::chrono::seconds>(base::WallTime::max() - now).count();
  return base::FormatRfc3339(now + std::chrono::seconds(std::min(*seconds, longest)));
}

// Writes the members of an object; the caller keeps their order.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) {}
  void Text(std::string_view key, std::string_view value) {
    Key(key);
    base::AppendJsonString(out_, value);
  }
  void Json(std::string_view key, std::string_view json) {
    Key(key);
    out_ += json;
  }
  void End() { out_ += first_ ? "{}" : "}"; }

 private:
  void Key(std::string_view key) {
    out_ += first_ ? '{' : ',';
    first_ = false;
    base::AppendJsonString(out_, key);
    out_ += ':';
  }
  std::string& out_;
  bool first_ = true;
};

void WriteData(ObjectWriter& out, std::string_view data, std::string_view content_type) {
  if (IsJsonType(content_type)) {
    if (const auto json = base::ReencodeLikeGo(data, {.exact_numbers = true})) {
      return out.Json("data", *json);
    }
  }
  // A JSON string cannot hold every byte.
  if (IsBinaryType(content_type) || !base::IsValidUtf8(data)) {
    return out.Text("data_base64", base::Base64Encode(data));
  }
  out.Text("data", data);
}

struct TraceFields {
  std::string traceparent;
  std::string_view tracestate;
};

TraceFields TraceOf(const telemetry::TraceContext* trace) {
  if (!trace || !trace->IsValid()) return {};
  return {telemetry::FormatTraceparent(*trace), trace->tracestate};
}

base::Result<std::string> Complete(const EnvelopeInput& input) {
  ASSIGN_OR_RETURN(const std::string canonical,
                   base::ReencodeLikeGo(input.data, {.exact_numbers = true}));
  ASSIGN_OR_RETURN(const CloudEvent event, CloudEvent::Parse(canonical));
  const base::WallTime now = base::WallNow();
  const TraceFields trace = TraceOf(input.trace);
  const std::string expiration =
      input.broker_expires ? std::string() : ExpirationOf(OverridesOf(input.metadata).ttl, now);
  const bool traced = event.Has("traceid");

  struct Field {
    std::string_view key;
    std::string_view value;
    enum { kAlways, kIfAbsent, kNever } when;
  };
  const auto absent = Field::kIfAbsent;
  // Sorted, as the event's own members are.
  const auto fields = std::to_array<Field>({
      {"expiration", expiration, expiration.empty() ? Field::kNever : Field::kAlways},
      {"pubsubname", input.pubsub, Field::kAlways},
      {"source", "Dapr", absent},
      {"specversion", kSpecVersion, absent},
      {"time", Now(now), absent},
      {"topic", input.topic, Field::kAlways},
      {"traceid", trace.traceparent, traced ? Field::kNever : Field::kAlways},
      {"traceparent", trace.traceparent, traced ? Field::kNever : Field::kAlways},
      {"tracestate", trace.tracestate, absent},
      {"type", kEventType, absent},
  });
  std::string text;
  text.reserve(canonical.size() + 384);
  ObjectWriter out(text);
  auto field = fields.begin();
  const auto write = [&out](const Field& f) {
    if (f.when != Field::kNever) out.Text(f.key, f.value);
  };
  for (const CloudEvent::Member& member : event.members()) {
    for (; field != fields.end() && field->key < member.key; ++field) write(*field);
    const bool same = field != fields.end() && field->key == member.key;
    if (same && field->when == Field::kAlways) {
      write(*field);
    } else {
      out.Json(member.key, member.value);
    }
    if (same) ++field;
  }
  for (; field != fields.end(); ++field) write(*field);
  out.End();
  return text;
}

}  // namespace

base::Result<std::string> BuildEnvelope(const EnvelopeInput& input) {
  if (IsCloudEventType(input.content_type)) return Complete(input);
  const Overrides overrides = OverridesOf(input.metadata);
  const base::WallTime now = base::WallNow();
  const TraceFields trace = TraceOf(input.trace);
  const auto either = [](std::string_view wanted, std::string_view otherwise) {
    return wanted.empty() ? otherwise : wanted;
  };
  const std::string_view traceparent = either(overrides.traceparent, trace.traceparent);

  std::string text;
  text.reserve(input.data.size() + input.data.size() / 8 + 512);
  ObjectWriter out(text);
  WriteData(out, input.data, input.content_type);
  out.Text("datacontenttype", either(input.content_type, "text/plain"));
  if (!input.broker_expires && !overrides.ttl.empty()) {
    const std::string expiration = ExpirationOf(overrides.ttl, now);
    if (!expiration.empty()) out.Text("expiration", expiration);
  }
  if (overrides.id.empty()) {
    out.Text("id", base::NewUuid());
  } else {
    out.Text("id", overrides.id);
  }
  out.Text("pubsubname", input.pubsub);
  out.Text("source", either(overrides.source, input.app_id));
  out.Text("specversion", kSpecVersion);
  if (!overrides.subject.empty()) out.Text("subject", overrides.subject);
  out.Text("time", Now(now));
  out.Text("topic", input.topic);
  out.Text("traceid", either(overrides.traceid, traceparent));
  out.Text("traceparent", traceparent);
  out.Text("tracestate", either(overrides.tracestate, trace.tracestate));
  out.Text("type", either(overrides.type, kEventType));
  out.End();
  return text;
}

std::string BuildRawEvent(std::string_view pubsub, std::string_view topic, std::string_view data,
                          const Metadata& metadata) {
  std::string text;
  text.reserve(data.size() * 4 / 3 + 384);
  ObjectWriter out(text);
  out.Text("data_base64", base::Base64Encode(data));
  out.Text("datacontenttype", kOctetStream);
  out.Text("id", base::NewUuid());
  out.Text("pubsubname", pubsub);
  out.Text("source", "Dapr");
  out.Text("specversion", kSpecVersion);
  out.Text("topic", topic);
  for (const std::string_view key : {"traceid", "traceparent", "tracestate"}) {
    if (const std::string* value = metadata.FindIgnoreCase(key)) out.Text(key, *value);
  }
  out.Text("type", kEventType);
  out.End();
  return text;
}

std::string BuildBinaryEvent(std::string_view pubsub, std::string_view topic, std::string_view data,
                             std::string_view content_type, const Metadata& metadata) {
  constexpr std::string_view kPrefix = "ce_";
  std::map<std::string, std::string_view> attributes;
  attributes["datacontenttype"] = content_type;
  for (const auto& [key, value] : metadata) {
    if (!base::StartsWithIgnoreCase(key, kPrefix)) continue;
    const std::string name = base::ToLower(std::string_view(key).substr(kPrefix.size()));
    if (name != "data" && name != "data_base64") attributes[name] = value;
  }
  attributes["pubsubname"] = pubsub;
  attributes["topic"] = topic;
  std::string text;
  text.reserve(data.size() * 4 / 3 + 384);
  ObjectWriter out(text);
  bool written = false;
  for (const auto& [key, value] : attributes) {
    if (!written && key > "data") {
      WriteData(out, data, content_type);
      written = true;
    }
    out.Text(key, value);
  }
  out.End();
  return text;
}

}  // namespace blocks::pubsub
