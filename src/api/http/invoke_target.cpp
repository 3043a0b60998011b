#include "api/http/invoke_target.hpp"

#include "base/base64.hpp"
#include "base/strings.hpp"

namespace api {
namespace {

constexpr std::string_view kAppIdHeader = "dapr-app-id";

std::string_view WithoutSlash(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  return path;
}

// Skips "/word", with any number of slashes in front. False if something else is there.
bool SkipWord(std::string_view& path, std::string_view word) {
  std::string_view rest = path;
  if (!rest.starts_with('/')) return false;
  rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
  if (!rest.starts_with(word)) return false;
  rest.remove_prefix(word.size());
  if (!rest.starts_with('/')) return false;
  path = rest;
  return true;
}

std::optional<std::string> BasicAppId(const http::RequestHead& request) {
  const auto authorization = request.headers.Get("authorization");
  if (!authorization || !base::StartsWithIgnoreCase(*authorization, "basic ")) return std::nullopt;
  const auto decoded = base::Base64Decode(base::Trim(authorization->substr(6)));
  if (!decoded) return std::nullopt;
  const std::size_t colon = decoded->find(':');
  if (colon == std::string::npos || decoded->substr(0, colon) != kAppIdHeader ||
      colon + 1 == decoded->size()) {
    return std::nullopt;
  }
  return decoded->substr(colon + 1);
}

// "http:/host" is what is left of an address after somebody cleaned the path.
std::string RestoreScheme(std::string id) {
  for (const std::string_view scheme : {std::string_view("http:/"), std::string_view("https:/")}) {
    if (id.starts_with(scheme) && id.size() > scheme.size() && id[scheme.size()] != '/') {
      id.insert(scheme.size(), 1, '/');
      break;
    }
  }
  return id;
}

}  // namespace

std::optional<InvokeTarget> FindInvokeTarget(const http::RequestHead& request) {
  const std::string_view path = request.path();
  if (const auto id = request.headers.Get(kAppIdHeader); id && !id->empty()) {
    return InvokeTarget{std::string(*id), WithoutSlash(path)};
  }
  if (auto id = BasicAppId(request)) return InvokeTarget{*std::move(id), WithoutSlash(path)};

  std::string_view rest = path;
  if (!SkipWord(rest, "v1.0") || !SkipWord(rest, "invoke")) return std::nullopt;
  rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
  static constexpr std::string_view kMethod = "/method/";
  const std::size_t end = rest.find(kMethod);
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const std::string_view raw = rest.substr(0, end);
  auto id = base::PercentDecodeQuery(raw);
  return InvokeTarget{RestoreScheme(id && !id->empty() ? *std::move(id) : std::string(raw)),
                      rest.substr(end + kMethod.size())};
}

}  // namespace api
