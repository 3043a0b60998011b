#include <algorithm>
#include <set>

#include "base/strings.hpp"
#include "contracts/descriptor.hpp"

namespace contracts {

namespace {

bool HasType(const Descriptor& descriptor, std::string_view type) {
  if (base::EqualsIgnoreCase(descriptor.type, type)) return true;
  return std::ranges::any_of(descriptor.aliases, [type](const std::string& alias) {
    return base::EqualsIgnoreCase(alias, type);
  });
}

bool HasVersion(const Descriptor& descriptor, std::string_view version) {
  if (version.empty()) version = "v1";
  return std::ranges::any_of(descriptor.versions, [version](const std::string& own) {
    return base::EqualsIgnoreCase(own, version);
  });
}

}  // namespace

Registry::Registry(std::vector<const Descriptor*> descriptors)
    : descriptors_(std::move(descriptors)) {
  std::ranges::sort(descriptors_, {},
                    [](const Descriptor* d) { return std::pair(d->type, d->versions.front()); });
}

base::Result<const Descriptor*> Registry::Find(std::string_view type,
                                               std::string_view version) const {
  std::set<std::string> versions;
  std::set<std::string> same_kind;
  const std::string_view kind = type.substr(0, type.find('.') + 1);
  for (const Descriptor* descriptor : descriptors_) {
    if (HasType(*descriptor, type)) {
      if (HasVersion(*descriptor, version)) return descriptor;
      versions.insert(descriptor->versions.begin(), descriptor->versions.end());
    }
    if (!kind.empty() && base::StartsWithIgnoreCase(descriptor->type, kind)) {
      same_kind.insert(descriptor->type);
    }
  }
  if (!versions.empty()) {
    return base::Fail(base::Kind::kNotFound,
                      base::StrCat("couldn't find component ", type, "/", version,
                                   ": spec.version must be one of ", base::Join(versions, ", ")));
  }
  std::string text =
      base::StrCat("couldn't find component ", type, "/", version.empty() ? "v1" : version,
                   ": spec.type is not a component of this runtime");
  if (!same_kind.empty()) base::StrAppend(text, "; it has ", base::Join(same_kind, ", "));
  return base::Fail(base::Kind::kNotFound, std::move(text));
}

}  // namespace contracts
