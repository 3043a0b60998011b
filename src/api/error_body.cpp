// Errors as HTTP shows them.
#include "api/error_table.hpp"
#include "base/go_json.hpp"
#include "base/strings.hpp"

namespace api {
namespace {

constexpr std::string_view kTypePrefix = "type.googleapis.com/google.rpc.";
// What Dapr's HTTP API puts before the text of an illegal key; its gRPC API does not.
constexpr std::string_view kInvalidKeyPrefix = "api error: code = InvalidArgument desc = ";

class DetailWriter {
 public:
  DetailWriter(std::string& out, std::string_view violation_prefix)
      : out_(out), violation_prefix_(violation_prefix) {}

  void operator()(const base::ErrorInfo& info) {
    Open("ErrorInfo");
    Field("domain", info.domain);
    out_ += ",\"metadata\":";
    if (info.has_metadata) {
      out_ += '{';
      bool first = true;
      for (const auto& [key, value] : info.metadata) {
        if (!first) out_ += ',';
        first = false;
        base::AppendJsonString(out_, key);
        out_ += ':';
        base::AppendJsonString(out_, value);
      }
      out_ += '}';
    } else {
      out_ += "null";
    }
    Field("reason", info.reason);
    out_ += '}';
  }
  void operator()(const base::ResourceInfo& info) {
    Open("ResourceInfo");
    Field("description", info.description);
    Field("owner", info.owner);
    Field("resource_name", info.name);
    Field("resource_type", info.type);
    out_ += '}';
  }
  void operator()(const base::FieldViolation& violation) {
    Open("BadRequest");
    out_ += ",\"field_violations\":[{";
    Optional("field", violation.field);
    Optional("description", violation.description.empty()
                                ? std::string()
                                : base::StrCat(violation_prefix_, violation.description));
    out_ += "}]}";
  }
  void operator()(const base::HelpLink& link) {
    Open("Help");
    out_ += ",\"links\":[{";
    Optional("description", link.description);
    Optional("url", link.url);
    out_ += "}]}";
  }

 private:
  void Open(std::string_view name) {
    base::StrAppend(out_, "{\"@type\":\"", kTypePrefix, name, "\"");
  }
  void Field(std::string_view key, std::string_view value) {
    base::StrAppend(out_, ",\"", key, "\":");
    base::AppendJsonString(out_, value);
  }
  void Optional(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    if (!out_.ends_with('{')) out_ += ',';
    base::StrAppend(out_, "\"", key, "\":");
    base::AppendJsonString(out_, value);
  }
  std::string& out_;
  std::string_view violation_prefix_;
};

}  // namespace

std::string HttpErrorBody(const base::Error& error) {
  const std::string_view prefix =
      error.id == base::ErrorId::kStateInvalidKeyName ? kInvalidKeyPrefix : std::string_view();
  std::string out = "{\"errorCode\":";
  base::AppendJsonString(out, ErrorCodeOf(error));
  out += ",\"message\":";
  base::AppendJsonString(out, prefix.empty() ? error.message : base::StrCat(prefix, error.message));
  const Details shown = RowOf(error.id).details;
  if ((shown == Details::kBoth || shown == Details::kHttp) && !error.details().empty()) {
    out += ",\"details\":[";
    DetailWriter writer(out, prefix);
    bool first = true;
    for (const base::ErrorDetail& detail : error.details()) {
      if (!first) out += ',';
      first = false;
      std::visit(writer, detail);
    }
    out += ']';
  }
  out += '}';
  return out;
}

}  // namespace api
