// CloudEvents as they travel through brokers: the envelope that publishing puts around data, the
// events that delivery makes of messages that carry none, and reading both. Envelopes are written
// as text directly; nothing here builds a tree. All input is hostile. Pure but for ids and the
// clock; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "contracts/metadata.hpp"
#include "telemetry/trace.hpp"

namespace blocks::pubsub {

inline constexpr std::string_view kCloudEventContentType = "application/cloudevents+json";
inline constexpr std::string_view kOctetStream = "application/octet-stream";
inline constexpr std::string_view kEventType = "com.dapr.event.sent";
inline constexpr std::string_view kSpecVersion = "1.0";

// What a content type says of the data; parameters after ';' and case do not count.
bool IsCloudEventType(std::string_view content_type);
bool IsJsonType(std::string_view content_type);    // application/json
bool IsTextType(std::string_view content_type);    // text/..., application/xml
bool IsBinaryType(std::string_view content_type);  // application/octet-stream

struct EnvelopeInput {
  std::string_view app_id;  // becomes `source`
  std::string_view pubsub;
  std::string_view topic;  // as the app names it, without a namespace
  std::string_view data;
  std::string_view content_type;                   // of `data`; empty = text/plain
  const telemetry::TraceContext* trace = nullptr;  // null or invalid: the trace fields are empty
  const contracts::Metadata* metadata = nullptr;   // cloudevent.* and ttlInSeconds; may be null
  bool broker_expires = false;                     // true: no `expiration` is written
};

/// The envelope, keys sorted, numbers of JSON data digit for digit. Data that is itself a
/// CloudEvent (by its content type) is completed instead of wrapped; kInvalidArgument if it is no
/// JSON object. JSON data that does not parse becomes a string, and what is no UTF-8 goes into
/// data_base64.
base::Result<std::string> BuildEnvelope(const EnvelopeInput& input);

/// The event an app gets for a message that was published raw: `data_base64` with a new id. Trace
/// fields come from the message's metadata.
std::string BuildRawEvent(std::string_view pubsub, std::string_view topic, std::string_view data,
                          const contracts::Metadata& metadata);

/// The event of a message in CloudEvents' binary mode: attributes from metadata keys `ce_…` (any
/// case), the bytes as data of `content_type`.
std::string BuildBinaryEvent(std::string_view pubsub, std::string_view topic, std::string_view data,
                             std::string_view content_type, const contracts::Metadata& metadata);

/// A CloudEvent in structured form, read in place.
class CloudEvent {
 public:
  struct Member {
    std::string key;
    std::string_view value;  // its JSON text, inside the event's text
  };

  /// kInvalidArgument unless `text` is a JSON object. `text` outlives the event.
  static base::Result<CloudEvent> Parse(std::string_view text);

  /// The JSON text of a member; empty if there is none.
  std::string_view Raw(std::string_view key) const;
  bool Has(std::string_view key) const { return !Raw(key).empty(); }
  /// The text of a member that is a string; none otherwise.
  std::optional<std::string> String(std::string_view key) const;
  /// The bytes of the event: data_base64 decoded, a string unescaped, any other value as JSON text.
  /// None if there are neither data nor well-formed data_base64.
  std::optional<std::string> Data() const;
  /// Whether `expiration` is before `now`. An unreadable one is none.
  bool Expired(base::WallTime now) const;

  /// Sorted by key, no key twice (the last one counts).
  const std::vector<Member>& members() const { return members_; }
  std::string_view text() const { return text_; }

 private:
  std::string_view text_;
  std::vector<Member> members_;
};

}  // namespace blocks::pubsub
