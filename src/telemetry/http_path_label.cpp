#include "telemetry/http_path_label.hpp"

#include <array>

#include "base/strings.hpp"

namespace telemetry {
namespace {

constexpr std::string_view kInvokePrefix = "/v1.0/invoke/";
constexpr std::string_view kInvokePattern = "/v1.0/invoke/{app_id}/method";
constexpr std::string_view kAppConfigPath = "/dapr/config";

// Repeated slashes as one and a slash in front; points into `path` when nothing had to change.
std::string_view Normalise(std::string_view path, std::string& scratch) {
  if (path.starts_with('/') && path.find("//") == std::string_view::npos) return path;
  std::string out = "/";
  for (const char c : path) {
    if (c != '/' || out.back() != '/') out += c;
  }
  scratch = std::move(out);
  return scratch;
}

// Replaces `scratch`; the parts may point into it.
std::string_view Put(std::string& scratch, std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) out += part;
  scratch = std::move(out);
  return scratch;
}

}  // namespace

std::string_view ReducePath(std::string_view path, std::string& scratch) {
  if (path.empty()) return path;
  path = Normalise(path, scratch);
  // Up to six parts; the last one holds the rest.
  std::array<std::string_view, 6> part;
  size_t count = 0;
  std::string_view rest = path.substr(1);
  for (bool more = true; more;) {
    const size_t slash = count + 1 < part.size() ? rest.find('/') : std::string_view::npos;
    part[count++] = rest.substr(0, slash);
    more = slash != std::string_view::npos;
    if (more) rest.remove_prefix(slash + 1);
  }
  if (count < 3) return path;
  const auto upto = [&](size_t i) {  // the path up to the end of part i
    return path.substr(0, part[i].data() + part[i].size() - path.data());
  };
  const auto after = [&](size_t i) {  // what follows part i, with its slash
    return path.substr(part[i].data() + part[i].size() - path.data());
  };

  if (part[0] == "actors") {
    // Calls to the app; this label has no slash in front.
    return Put(scratch, {part[0], "/", part[1], "/{id}", after(2)});
  }
  if (part[1] == "state" || part[1] == "secrets") return upto(2);
  if (part[1] == "actors" && count >= 5) {
    return Put(scratch, {upto(2), "/{id}/", part[4]});
  }
  if (part[1] == "workflows" && count >= 4) {
    const std::string_view operation = count >= 5 ? part[4] : std::string_view();
    if (operation == "start") return path;
    if (operation == "raiseEvent" && count == 6) {
      return Put(scratch, {upto(2), "/{instanceId}/raiseEvent/{eventName}"});
    }
    return Put(scratch, {upto(2), "/{instanceId}", after(3)});
  }
  return path;
}

base::Result<HttpLabels> HttpLabels::Create(const HttpLabelOptions& options) {
  HttpLabels labels;
  labels.increased_cardinality_ = options.increased_cardinality;
  labels.exclude_verbs_ = options.exclude_verbs;
  std::vector<std::string> patterns;
  for (const std::string& given : options.path_matching) {
    if (given.empty()) continue;
    std::string scratch;
    std::string pattern(Normalise(given, scratch));
    if (!pattern.starts_with(kInvokePrefix)) {
      patterns.push_back(base::StrCat(kInvokePattern, pattern));
    }
    patterns.push_back(std::move(pattern));
  }
  ASSIGN_OR_RETURN(labels.patterns_, PathPatterns::Create(patterns));
  return labels;
}

std::string_view HttpLabels::Path(std::string_view path, std::string& scratch) const {
  const std::string_view reduced = ReducePath(path, scratch);
  if (!patterns_.empty()) {
    const bool rooted = reduced.starts_with('/');
    const auto match = patterns_.Match(rooted ? reduced : base::StrCat("/", reduced));
    if (match) return *match;
  }
  if (increased_cardinality_ || reduced == kAppConfigPath) return reduced;
  return {};
}

std::string_view HttpLabels::Method(std::string_view method) const {
  static constexpr std::array<std::string_view, 9> kMethods = {
      "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"};
  if (exclude_verbs_) return {};
  for (const std::string_view known : kMethods) {
    if (method == known) return known;
  }
  return "UNKNOWN";
}

}  // namespace telemetry
