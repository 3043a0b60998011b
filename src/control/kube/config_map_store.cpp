#include "control/kube/config_map_store.hpp"

#include "base/strings.hpp"
#include "control/kube/json.hpp"

namespace control::kube {
namespace {

constexpr std::size_t kLargestText = std::size_t{900} << 10;
constexpr std::size_t kLongestOwner = 128;

std::string EscapeKey(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const bool fits = (base::LowerChar(c) >= 'a' && base::LowerChar(c) <= 'z') ||
                      base::IsDigit(c) || c == '-' || c == '.';
    if (fits) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '_';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace

ConfigMapStore::ConfigMapStore(Api& api, std::string name_space, std::string name,
                               std::string_view key, std::string owner)
    : api_(api),
      name_space_(std::move(name_space)),
      name_(std::move(name)),
      key_(EscapeKey(key)),
      owner_(owner.substr(0, kLongestOwner)) {}

std::string ConfigMapStore::Path() const {
  return base::StrCat("/api/v1/namespaces/", name_space_, "/configmaps/", name_);
}

std::string ConfigMapStore::where() const {
  return base::StrCat("ConfigMap ", name_space_, "/", name_, ", key ", key_);
}

base::Error ConfigMapStore::Explain(base::Error error, std::string_view verbs) const {
  if (error.kind == base::Kind::kPermissionDenied) {
    base::StrAppend(error.message, "; the pod's service account needs the right to ", verbs,
                    " ConfigMap ", name_, " in namespace ", name_space_);
  }
  return error;
}

async::Task<base::Result<std::string>> ConfigMapStore::Read(const async::Context& context) {
  auto map = co_await api_.Get(context, Path());
  if (!map) co_return base::Fail(Explain(std::move(map).error(), "get"));
  const auto* text = TextAt(ObjectAt(map->get_object(), "data"), key_);
  if (!text) {
    co_return base::Fail(base::Kind::kNotFound, base::StrCat(where(), ": there is no such key"));
  }
  co_return std::string(*text);
}

async::Task<base::Status> ConfigMapStore::Write(const async::Context& context, std::string text) {
  if (text.size() > kLargestText) {
    co_return base::Fail(base::Kind::kTooLarge,
                         base::StrCat(where(), " holds at most ", kLargestText, " bytes, and ",
                                      text.size(), " were to be written"));
  }
  const boost::json::object body = {
      {"apiVersion", "v1"},
      {"kind", "ConfigMap"},
      {"metadata", {{"name", name_}, {"namespace", name_space_}}},
      {"data", {{key_, text}}},
  };
  auto applied = co_await api_.Apply(context, Path(), owner_, boost::json::serialize(body));
  if (!applied) {
    co_return base::Fail(
        Explain(std::move(applied).error(), "patch (and, if it is not there, create)"));
  }
  co_return base::Status();
}

}  // namespace control::kube
