#include "api/http/router.hpp"

#include <algorithm>
#include <optional>

#include "api/http/route_table.hpp"
#include "base/strings.hpp"

namespace api {
namespace {

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

std::span<const Route> Routes() {
  return kRoutes;
}
const Route& InvokeRoute() {
  return kInvokeRoute;
}

Router::Router(const std::vector<ApiRule>& all_allowed, const std::vector<ApiRule>& all_denied)
    : versions_(kRoutes.size()) {
  const std::vector<ApiRule> allowed = ForHttp(all_allowed);
  const std::vector<ApiRule> denied = ForHttp(all_denied);
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    for (const VersionText& version : kVersions) {
      if ((kRoutes[i].versions & version.bit) && IsAllowed(allowed, denied, kRoutes[i], version)) {
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
