// google.rpc.Status as JSON, the way protobuf's own JSON form has it: names in camel case, empty
// fields left out, details with their type. Of details only Google's own error types are known.
#include <array>
#include <cstdint>
#include <span>

#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/status_map.hpp"
#include "blocks/invoke/wire.hpp"

namespace blocks::invoke {
namespace {

using wire::Type;

enum class Kind : uint8_t { kText, kTexts, kTextMap, kMessages, kDuration };

struct Field {
  uint32_t number;
  std::string_view name;
  Kind kind = Kind::kText;
  std::span<const Field> fields = {};  // of kMessages
};
struct Message {
  std::string_view name;
  std::span<const Field> fields;
};

constexpr Field kErrorInfo[] = {{1, "reason"}, {2, "domain"}, {3, "metadata", Kind::kTextMap}};
constexpr Field kRetryInfo[] = {{1, "retryDelay", Kind::kDuration}};
constexpr Field kDebugInfo[] = {{1, "stackEntries", Kind::kTexts}, {2, "detail"}};
constexpr Field kQuotaViolation[] = {{1, "subject"}, {2, "description"}};
constexpr Field kQuotaFailure[] = {{1, "violations", Kind::kMessages, kQuotaViolation}};
constexpr Field kConditionViolation[] = {{1, "type"}, {2, "subject"}, {3, "description"}};
constexpr Field kPreconditionFailure[] = {{1, "violations", Kind::kMessages, kConditionViolation}};
constexpr Field kFieldViolation[] = {{1, "field"}, {2, "description"}};
constexpr Field kBadRequest[] = {{1, "fieldViolations", Kind::kMessages, kFieldViolation}};
constexpr Field kRequestInfo[] = {{1, "requestId"}, {2, "servingData"}};
constexpr Field kResourceInfo[] = {
    {1, "resourceType"}, {2, "resourceName"}, {3, "owner"}, {4, "description"}};
constexpr Field kLink[] = {{1, "description"}, {2, "url"}};
constexpr Field kHelp[] = {{1, "links", Kind::kMessages, kLink}};
constexpr Field kLocalizedMessage[] = {{1, "locale"}, {2, "message"}};

constexpr Message kMessages[] = {{"ErrorInfo", kErrorInfo},
                                 {"RetryInfo", kRetryInfo},
                                 {"DebugInfo", kDebugInfo},
                                 {"QuotaFailure", kQuotaFailure},
                                 {"PreconditionFailure", kPreconditionFailure},
                                 {"BadRequest", kBadRequest},
                                 {"RequestInfo", kRequestInfo},
                                 {"ResourceInfo", kResourceInfo},
                                 {"Help", kHelp},
                                 {"LocalizedMessage", kLocalizedMessage}};

void AppendName(std::string& out, std::string_view name) {
  if (out.back() != '{') out += ',';
  base::AppendJsonString(out, name, false);
  out += ':';
}

bool AppendPair(std::string& out, std::string_view entry) {
  std::string_view key;
  std::string_view value;
  wire::Reader reader(entry);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes)) key = reader.bytes();
    if (reader.Is(2, Type::kBytes)) value = reader.bytes();
  }
  AppendName(out, key);
  base::AppendJsonString(out, value, false);
  return reader.ok();
}

// "3s", "0.250s": seconds with 0, 3, 6 or 9 digits behind the point.
bool AppendDuration(std::string& out, std::string_view bytes) {
  int64_t seconds = 0;
  int64_t nanos = 0;
  wire::Reader reader(bytes);
  while (reader.Next()) {
    if (reader.Is(1, Type::kVarint)) seconds = static_cast<int64_t>(reader.number());
    if (reader.Is(2, Type::kVarint)) nanos = static_cast<int32_t>(reader.number());
  }
  constexpr int64_t kLongest = 315'576'000'000;
  if (!reader.ok() || seconds > kLongest || seconds < -kLongest || nanos > 999'999'999 ||
      nanos < -999'999'999 || (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) {
    return false;
  }
  out += '"';
  if (seconds < 0 || nanos < 0) out += '-';
  base::StrAppend(out, seconds < 0 ? -seconds : seconds);
  if (nanos != 0) {
    std::string digits = std::to_string(nanos < 0 ? -nanos : nanos);
    digits.insert(0, 9 - digits.size(), '0');
    while (digits.ends_with("000")) digits.resize(digits.size() - 3);
    base::StrAppend(out, '.', digits);
  }
  out += "s\"";
  return true;
}

// Appends the fields of a message to an open object. False if it is malformed.
bool AppendFields(std::string& out, std::span<const Field> fields, std::string_view bytes) {
  for (const Field& field : fields) {
    wire::Reader reader(bytes);
    std::string_view last;
    bool open = false;
    while (reader.Next()) {
      if (!reader.Is(field.number, Type::kBytes)) continue;
      last = reader.bytes();
      if (field.kind == Kind::kText) continue;
      if (field.kind == Kind::kDuration) {
        open = true;
        continue;
      }
      if (!open) {
        AppendName(out, field.name);
        out += field.kind == Kind::kTextMap ? '{' : '[';
      } else if (field.kind != Kind::kTextMap) {
        out += ',';
      }
      open = true;
      if (field.kind == Kind::kTexts) base::AppendJsonString(out, last, false);
      if (field.kind == Kind::kTextMap && !AppendPair(out, last)) return false;
      if (field.kind == Kind::kMessages) {
        out += '{';
        if (!AppendFields(out, field.fields, last)) return false;
        out += '}';
      }
    }
    if (!reader.ok()) return false;
    if (field.kind == Kind::kText && !last.empty()) {
      AppendName(out, field.name);
      base::AppendJsonString(out, last, false);
    } else if (open && field.kind == Kind::kDuration) {
      AppendName(out, field.name);
      if (!AppendDuration(out, last)) return false;
    } else if (open) {
      out += field.kind == Kind::kTextMap ? '}' : ']';
    }
  }
  return true;
}

// Appends one google.protobuf.Any as an object; false (and nothing usable) if it is not known.
bool AppendDetail(std::string& out, std::string_view any) {
  std::string_view url;
  std::string_view value;
  wire::Reader reader(any);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes)) url = reader.bytes();
    if (reader.Is(2, Type::kBytes)) value = reader.bytes();
  }
  constexpr std::string_view kPackage = "google.rpc.";
  const std::string_view name = url.substr(url.rfind('/') + 1);
  if (!reader.ok() || !name.starts_with(kPackage)) return false;
  for (const Message& message : kMessages) {
    if (name.substr(kPackage.size()) != message.name) continue;
    out += '{';
    AppendName(out, "@type");
    base::AppendJsonString(out, url, false);
    if (!AppendFields(out, message.fields, value)) return false;
    out += '}';
    return true;
  }
  return false;
}

}  // namespace

std::string StatusJson(int code, std::string_view message, std::string_view details) {
  std::string out = "{";
  if (code != 0) base::StrAppend(out, "\"code\":", code);
  if (!message.empty()) {
    AppendName(out, "message");
    base::AppendJsonString(out, message, false);
  }
  bool open = false;
  wire::Reader reader(details);
  while (reader.Next()) {
    if (!reader.Is(3, Type::kBytes)) continue;
    std::string detail;
    if (!AppendDetail(detail, reader.bytes())) continue;
    if (!open) AppendName(out, "details");
    out += open ? ',' : '[';
    open = true;
    out += detail;
  }
  if (open) out += ']';
  out += '}';
  return out;
}

}  // namespace blocks::invoke
