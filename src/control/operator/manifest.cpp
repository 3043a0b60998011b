#include "control/operator/manifest.hpp"

#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "control/operator/json_members.hpp"

namespace control {
namespace {

constexpr std::string_view kNames[] = {"Component", "Subscription", "HTTPEndpoint", "Resiliency",
                                       "Configuration"};
constexpr std::string_view kPlurals[] = {"components", "subscriptions", "HTTP endpoints",
                                         "resiliency policies", "configuration"};

// The text of a JSON string without escapes; names of resources have none.
std::string_view Unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"';
  return quoted ? value.substr(1, value.size() - 2) : std::string_view();
}

}  // namespace

std::string_view KindName(ResourceKind kind) {
  return kNames[IndexOf(kind)];
}

std::string_view KindPlural(ResourceKind kind) {
  return kPlurals[IndexOf(kind)];
}

base::Result<Manifest> ReadManifest(ResourceKind kind, std::string_view json) {
  const auto bad = [&](std::string_view why) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("the operator sent a ", KindName(kind), " that ", why));
  };
  const auto compact = base::CompactLikeGo(json, false);
  if (!compact) return bad("is not JSON");
  if (!compact->starts_with('{')) return bad("is no JSON object");
  Manifest out;
  std::string_view sent_kind, api_version, name_space, spec, auth, scopes;
  ForEachMember(*compact, [&](std::string_view key, std::string_view value) {
    if (key == "kind") sent_kind = Unquoted(value);
    if (key == "apiVersion") api_version = Unquoted(value);
    if (key == "spec") spec = value;
    if (key == "auth") auth = value;
    if (key == "scopes") scopes = value;
    if (key != "metadata" || !value.starts_with('{')) return;
    ForEachMember(value, [&](std::string_view field, std::string_view text) {
      if (field == "name") out.name = Unquoted(text);
      if (field == "namespace") name_space = Unquoted(text);
      if (field == "resourceVersion") {
        out.version = base::ParseUint<uint64_t>(Unquoted(text)).value_or(0);
      }
    });
  });
  if (out.name.empty() || out.name.find('\\') != std::string::npos) return bad("has no name");
  if (!sent_kind.empty() && sent_kind != KindName(kind)) return bad("is of another kind");
  if (api_version.empty()) {
    api_version = kind == ResourceKind::kSubscription ? "dapr.io/v2alpha1" : "dapr.io/v1alpha1";
  }
  base::StrAppend(out.json, R"({"apiVersion":")", api_version, R"(","kind":")", KindName(kind),
                  R"(","metadata":{"name":")", out.name, '"');
  if (!name_space.empty()) base::StrAppend(out.json, R"(,"namespace":")", name_space, '"');
  out.json += '}';
  const auto add = [&](std::string_view key, std::string_view value) {
    if (!value.empty() && value != "null") base::StrAppend(out.json, ",\"", key, "\":", value);
  };
  add("spec", spec);
  add("auth", auth);
  add("scopes", scopes);
  out.json += '}';
  return out;
}

}  // namespace control
