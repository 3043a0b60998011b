#include "api/http/router.hpp"

#include <algorithm>
#include <optional>

#include "base/strings.hpp"

namespace api {
namespace {

constexpr uint8_t kAllWorkflow = kAlpha1 | kBeta1 | kV1;

// Rows that start with the same word stand together. Where a literal and a parameter compete for a
// segment the literal stands first.
constexpr auto kRoutes = std::to_array<Route>({
    {Op::kSaveState, kPost | kPut, kV1, "state/{storeName}", "SaveState", "state"},
    {Op::kBulkGetState, kPost | kPut, kV1, "state/{storeName}/bulk", "GetBulkState", "state"},
    {Op::kStateTransaction, kPost | kPut, kV1, "state/{storeName}/transaction",
     "ExecuteStateTransaction", "state"},
    {Op::kQueryState, kPost | kPut, kAlpha1, "state/{storeName}/query", "QueryStateAlpha1",
     "state"},
    {Op::kGetState, kGet, kV1, "state/{storeName}/{key}", "GetState", "state"},
    {Op::kDeleteState, kDelete, kV1, "state/{storeName}/{key}", "DeleteState", "state"},

    {Op::kBulkPublish, kPost | kPut, kV1 | kAlpha1, "publish/bulk/{pubsubname}/*",
     "BulkPublishEvent", "publish"},
    {Op::kPublish, kPost | kPut, kV1, "publish/{pubsubname}/*", "PublishEvent", "publish"},

    {Op::kInvokeBinding, kPost | kPut, kV1, "bindings/{name}", "InvokeBinding", "bindings"},

    {Op::kSubscribeConfiguration, kGet, kV1 | kAlpha1, "configuration/{storeName}/subscribe",
     "SubscribeConfiguration", "configuration"},
    {Op::kUnsubscribeConfiguration, kGet, kV1 | kAlpha1,
     "configuration/{storeName}/{configurationSubscribeID}/unsubscribe", "UnsubscribeConfiguration",
     "configuration"},
    {Op::kGetConfiguration, kGet, kV1 | kAlpha1, "configuration/{storeName}", "GetConfiguration",
     "configuration"},

    {Op::kGetBulkSecret, kGet, kV1, "secrets/{secretStoreName}/bulk", "GetBulkSecret", "secrets"},
    {Op::kGetSecret, kGet, kV1, "secrets/{secretStoreName}/{key}", "GetSecret", "secrets"},

    {Op::kTryLock, kPost, kAlpha1, "lock/{storeName}", "TryLock", "lock"},
    {Op::kUnlock, kPost, kAlpha1, "unlock/{storeName}", "Unlock", "unlock"},

    {Op::kEncrypt, kPut, kAlpha1, "crypto/{name}/encrypt", "Encrypt", "crypto"},
    {Op::kDecrypt, kPut, kAlpha1, "crypto/{name}/decrypt", "Decrypt", "crypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/getkey", "SubtleGetKey",
     "subtlecrypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/encrypt", "SubtleEncrypt",
     "subtlecrypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/decrypt", "SubtleDecrypt",
     "subtlecrypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/wrapkey", "SubtleWrapKey",
     "subtlecrypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/unwrapkey", "SubtleUnwrapKey",
     "subtlecrypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/sign", "SubtleSign", "subtlecrypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/verify", "SubtleVerify",
     "subtlecrypto"},

    {Op::kGetWorkflow, kGet, kAllWorkflow, "workflows/{workflowComponent}/{instanceID}",
     "GetWorkflow", "workflows"},
    {Op::kWorkflowAction, kPost, kAllWorkflow,
     "workflows/{workflowComponent}/{instanceID}/raiseEvent/{eventName}", "RaiseEventWorkflow",
     "workflows"},
    {Op::kStartWorkflow, kPost, kAllWorkflow, "workflows/{workflowComponent}/{workflowName}/start",
     "StartWorkflow", "workflows"},
    {Op::kWorkflowAction, kPost, kAllWorkflow, "workflows/{workflowComponent}/{instanceID}/pause",
     "PauseWorkflow", "workflows"},
    {Op::kWorkflowAction, kPost, kAllWorkflow, "workflows/{workflowComponent}/{instanceID}/resume",
     "ResumeWorkflow", "workflows"},
    {Op::kWorkflowAction, kPost, kAllWorkflow,
     "workflows/{workflowComponent}/{instanceID}/terminate", "TerminateWorkflow", "workflows"},
    {Op::kWorkflowAction, kPost, kAllWorkflow, "workflows/{workflowComponent}/{instanceID}/purge",
     "PurgeWorkflow", "workflows"},

    {Op::kScheduleJob, kPost, kV1 | kAlpha1, "jobs/{name}", "ScheduleJob", "jobs"},
    {Op::kGetJob, kGet, kV1 | kAlpha1, "jobs/{name}", "GetJob", "jobs"},
    {Op::kDeleteJob, kDelete, kV1 | kAlpha1, "jobs/{name}", "DeleteJob", "jobs"},

    {Op::kConverse, kPost, kAlpha1, "conversation/{name}/converse", "Converse", "conversation"},
    {Op::kConverse, kPost, kAlpha2, "conversation/{name}/converse", "Converse", "conversation"},

    {Op::kGetMetadata, kGet, kV1, "metadata", "GetMetadata", "metadata"},
    {Op::kPutMetadata, kPut, kV1, "metadata/{key}", "PutMetadata", "metadata"},
    {Op::kShutdown, kPost, kV1, "shutdown", "Shutdown", "shutdown"},

    {Op::kActor, kPost | kPut, kV1, "actors/{actorType}/{actorId}/state",
     "ExecuteActorStateTransaction", "actors"},
    {Op::kActor, kGet, kV1, "actors/{actorType}/{actorId}/state/{key}", "GetActorState", "actors"},
    {Op::kActor, kGet | kPost | kDelete | kPut, kV1, "actors/{actorType}/{actorId}/method/{method}",
     "InvokeActor", "actors"},
    {Op::kActor, kPost | kPut, kV1, "actors/{actorType}/{actorId}/reminders/{name}",
     "RegisterActorReminder", "actors"},
    {Op::kActor, kDelete, kV1, "actors/{actorType}/{actorId}/reminders/{name}",
     "UnregisterActorReminder", "actors"},
    {Op::kActor, kGet, kV1, "actors/{actorType}/{actorId}/reminders/{name}", "GetActorReminder",
     "actors"},
    {Op::kActor, kPost | kPut, kV1, "actors/{actorType}/{actorId}/timers/{name}",
     "RegisterActorTimer", "actors"},
    {Op::kActor, kDelete, kV1, "actors/{actorType}/{actorId}/timers/{name}",
     "UnregisterActorTimer", "actors"},

    {Op::kHealthz, kGet, kV1, "healthz", "Healthz", "healthz"},
    {Op::kHealthzOutbound, kGet, kV1, "healthz/outbound", "HealthzOutbound", "healthz"},
});

constexpr Route kInvokeRoute{Op::kInvoke, 0xff, kV1, "invoke/*", "InvokeService", "invoke"};

constexpr std::size_t kMaxSegments = 5;

// A pattern cut into its segments.
struct Shape {
  std::array<std::string_view, kMaxSegments> segments;
  uint8_t count = 0;
  bool wildcard = false;  // the last segment takes the rest
};

constexpr Shape ShapeOf(std::string_view pattern) {
  Shape shape;
  while (true) {
    const std::size_t slash = pattern.find('/');
    shape.segments[shape.count++] = pattern.substr(0, slash);
    if (slash == std::string_view::npos) break;
    pattern.remove_prefix(slash + 1);
  }
  if (shape.segments[shape.count - 1] == "*") {
    shape.wildcard = true;
    --shape.count;
  }
  return shape;
}
constexpr auto kShapes = [] {
  std::array<Shape, kRoutes.size()> shapes;
  for (std::size_t i = 0; i < kRoutes.size(); ++i) shapes[i] = ShapeOf(kRoutes[i].pattern);
  return shapes;
}();

// Rows with the same first word.
struct Family {
  std::string_view word;
  uint8_t begin;
  uint8_t end;
};
constexpr std::size_t CountFamilies() {
  std::size_t count = 0;
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    if (i == 0 || kShapes[i].segments[0] != kShapes[i - 1].segments[0]) ++count;
  }
  return count;
}
constexpr auto kFamilies = [] {
  std::array<Family, CountFamilies()> families{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    const std::string_view word = kShapes[i].segments[0];
    if (count == 0 || families[count - 1].word != word) {
      families[count++] = {word, static_cast<uint8_t>(i), 0};
    }
    families[count - 1].end = static_cast<uint8_t>(i + 1);
  }
  return families;
}();

uint8_t MethodBit(std::string_view method) {
  if (method == "GET") return kGet;
  if (method == "POST") return kPost;
  if (method == "PUT") return kPut;
  if (method == "DELETE") return kDelete;
  return 0;
}

uint8_t VersionBit(std::string_view text) {
  if (text == "v1.0") return kV1;
  if (text == "v1.0-alpha1") return kAlpha1;
  if (text == "v1.0-alpha2") return kAlpha2;
  if (text == "v1.0-beta1") return kBeta1;
  return 0;
}
struct VersionText {
  uint8_t bit;
  std::string_view path;   // as in routes and old rules
  std::string_view group;  // as in rules
};
constexpr std::array<VersionText, 4> kVersions = {{{kV1, "v1.0", "v1"},
                                                   {kAlpha1, "v1.0-alpha1", "v1alpha1"},
                                                   {kAlpha2, "v1.0-alpha2", "v1alpha2"},
                                                   {kBeta1, "v1.0-beta1", "v1beta1"}}};

bool NeedsCleaning(std::string_view path) {
  for (std::size_t at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1)) {
    const std::string_view rest = path.substr(at + 1);
    if (rest.starts_with('/') || rest.starts_with("./") || rest == ".") return true;
  }
  return false;
}

// Drops empty and "." segments; a slash at the end stays.
std::string Clean(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    if (!segment.empty() && segment != ".") base::StrAppend(out, "/", segment);
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
  return out + '/';
}

std::vector<ApiRule> ForHttp(const std::vector<ApiRule>& rules) {
  std::vector<ApiRule> out;
  for (const ApiRule& rule : rules) {
    if (base::EqualsIgnoreCase(rule.protocol, "http")) out.push_back(rule);
  }
  return out;
}

// Whether a rule for HTTP names this route in this version.
bool Names(const ApiRule& rule, const Route& route, const VersionText& version) {
  if (rule.version == version.group && rule.name == route.group) return true;
  return base::StrCat(version.path, "/", route.pattern)
      .starts_with(base::StrCat(rule.version, "/", rule.name));
}

bool IsAllowed(const std::vector<ApiRule>& allowed, const std::vector<ApiRule>& denied,
               const Route& route, const VersionText& version) {
  if (route.group == "healthz") return true;
  for (const ApiRule& rule : denied) {
    if (Names(rule, route, version)) return false;
  }
  if (allowed.empty()) return true;
  return std::ranges::any_of(allowed,
                             [&](const ApiRule& rule) { return Names(rule, route, version); });
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }
const Route& InvokeRoute() { return kInvokeRoute; }

Router::Router(const std::vector<ApiRule>& all_allowed, const std::vector<ApiRule>& all_denied)
    : versions_(kRoutes.size()) {
  const std::vector<ApiRule> allowed = ForHttp(all_allowed);
  const std::vector<ApiRule> denied = ForHttp(all_denied);
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    for (const VersionText& version : kVersions) {
      if ((kRoutes[i].versions & version.bit) &&
          IsAllowed(allowed, denied, kRoutes[i], version)) {
        versions_[i] |= version.bit;
      }
    }
  }
  invoke_allowed_ = IsAllowed(allowed, denied, kInvokeRoute, kVersions[0]);
}

bool Router::MatchClean(uint8_t method, std::string_view path, RouteMatch& match) const {
  if (!path.starts_with("/v1.0")) return false;
  path.remove_prefix(1);
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return false;
  const uint8_t version = VersionBit(path.substr(0, slash));
  if (version == 0) return false;
  path.remove_prefix(slash + 1);

  std::array<std::string_view, kMaxSegments> segments;
  std::size_t count = 0;
  bool longer = false;
  for (std::string_view rest = path; !longer;) {
    const std::size_t end = rest.find('/');
    segments[count++] = rest.substr(0, end);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
    longer = count == kMaxSegments;
  }
  const auto family = std::ranges::find(kFamilies, segments[0], &Family::word);
  if (family == kFamilies.end()) return false;

  for (std::size_t row = family->begin; row < family->end; ++row) {
    if (!(kRoutes[row].methods & method) || !(versions_[row] & version)) continue;
    const Shape& shape = kShapes[row];
    if (shape.wildcard ? count <= shape.count : (longer || count != shape.count)) continue;
    std::size_t params = 0;
    bool matches = true;
    for (std::size_t i = 1; i < shape.count && matches; ++i) {
      if (shape.segments[i].starts_with('{')) {
        matches = !segments[i].empty();
        match.params_[params++] = segments[i];
      } else {
        matches = shape.segments[i] == segments[i];
      }
    }
    if (!matches) continue;
    if (shape.wildcard) {
      const char* rest = segments[shape.count].data();
      const std::string_view tail(rest, path.data() + path.size() - rest);
      if (tail.empty()) continue;
      match.params_[params++] = tail;
    }
    match.route_ = &kRoutes[row];
    match.count_ = static_cast<uint8_t>(params);
    return true;
  }
  return false;
}

void Router::Match(std::string_view method, std::string_view path, RouteMatch& match) const {
  match.route_ = &kInvokeRoute;
  match.count_ = 0;
  const uint8_t bit = MethodBit(method);
  if (bit == 0) return;
  if (NeedsCleaning(path)) {
    match.cleaned_ = Clean(path);
    path = match.cleaned_;
  }
  if (MatchClean(bit, path, match)) return;
  if (path.size() > 1 && path.ends_with('/')) {
    path.remove_suffix(1);
    MatchClean(bit, path, match);
  }
}

}  // namespace api
