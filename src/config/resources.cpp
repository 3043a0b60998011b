#include "config/resources.hpp"

#include "base/file.hpp"
#include "base/strings.hpp"
#include "config/yaml_fields.hpp"

namespace config {
namespace {

constexpr std::string_view kV1 = "dapr.io/v1alpha1";
constexpr std::string_view kV2 = "dapr.io/v2alpha1";

// A name must be usable as one segment of a URL path.
void CheckName(Fields& root, const std::string& name) {
  if (name == "." || name == ".." || name.find_first_of("/%") != std::string::npos) {
    root.Child("metadata", [&](Fields& f) {
      f.SetError("name", base::StrCat("invalid name ", base::Quote(name),
                                      ": it may not be \".\" or \"..\" nor contain '/' or '%'"));
    });
  }
}

// Reads one resource into `list`, or leaves it out with the reader's error set.
template <class T, class ReadFn>
void Add(Reader& reader, Fields& root, std::vector<T>& list, ReadFn read) {
  T value;
  read(root, value);
  if (!reader.failed()) CheckName(root, value.meta.name);
  if (!reader.failed()) list.push_back(std::move(value));
}

base::Status ParseOne(const Document& document, bool first, Resources& out) {
  Reader reader(document);
  RETURN_IF_ERROR(reader.Parse());
  Fields root = reader.Root();
  std::string api_version, kind;
  root.Read("apiVersion", api_version);
  root.Read("kind", kind);
  if (reader.failed()) return {};  // not a resource of ours
  if (kind == "Resiliency") {
    // Only a file's first document is looked at for policies, whatever its API version.
    if (first) Add(reader, root, out.resiliencies, ReadResiliency);
  } else if (api_version == kV1 && kind == "Component") {
    Add(reader, root, out.components, ReadComponent);
  } else if (api_version == kV1 && kind == "HTTPEndpoint") {
    Add(reader, root, out.http_endpoints, ReadHttpEndpoint);
  } else if ((api_version == kV1 || api_version == kV2) && kind == "Subscription") {
    Add(reader, root, out.subscriptions,
        [&](Fields& f, Subscription& value) { ReadSubscription(f, api_version == kV1, value); });
  }
  return reader.status();
}

bool InNamespace(const ObjectMeta& meta, const std::optional<std::string>& wanted) {
  return !wanted || wanted->empty() || meta.namespace_name.empty() ||
         meta.namespace_name == *wanted;
}

template <class T>
base::Status Select(std::string_view kind, std::string_view plural, const std::vector<T>& from,
                    std::string_view app_id, const std::optional<std::string>& namespace_name,
                    std::vector<T>& to) {
  // Names of accepted resources, pointing into `from`.
  std::map<std::string_view, const T*> accepted;
  for (const T& item : from) {
    if (!InNamespace(item.meta, namespace_name)) continue;
    if (const auto it = accepted.find(item.meta.name); it != accepted.end()) {
      return base::Fail(
          base::Kind::kAlreadyExists,
          base::StrCat("failed to load ", plural, ": duplicate definition of ", kind, " name ",
                       item.LogName(), " with existing ", it->second->LogName(), " [",
                       item.source.ToString(), " and ", it->second->source.ToString(), "]"));
    }
    if (!InScope(item.scopes, app_id)) continue;
    accepted.emplace(item.meta.name, &item);
    to.push_back(item);
  }
  return {};
}

}  // namespace

void ParseResourceFile(const std::string& file, std::string_view text, Resources& out) {
  const std::vector<Document> documents = SplitDocuments(file, text);
  bool first = true;
  bool broken = documents.empty();
  for (const Document& document : documents) {
    if (auto status = ParseOne(document, first, out); !status) {
      out.warnings.push_back(status.error().message);
      broken = true;
    }
    first = false;
  }
  if (broken) out.broken_files.push_back(file);
}

base::Result<Resources> ParseResources(const std::vector<std::string>& directories) {
  Resources out;
  for (const std::string& directory : directories) {
    auto files = ListYamlFiles(directory);
    if (!files) {
      if (files.error().kind != base::Kind::kNotFound) return base::Fail(files.error());
      return base::Fail(base::Kind::kNotFound,
                        base::StrCat("failed to create watcher: failed to add target ", directory,
                                     ": no such file or directory"));
    }
    for (const std::string& file : *files) {
      auto text = base::ReadFile(file);
      if (!text) {
        out.warnings.push_back(text.error().message);
        out.broken_files.push_back(file);
        continue;
      }
      ParseResourceFile(file, *text, out);
    }
  }
  return out;
}

base::Result<Resources> SelectForApp(const Resources& parsed, std::string_view app_id,
                                     const std::optional<std::string>& namespace_name) {
  Resources out;
  RETURN_IF_ERROR(
      Select("Component", "components", parsed.components, app_id, namespace_name, out.components));
  RETURN_IF_ERROR(Select("HTTPEndpoint", "HTTP endpoints", parsed.http_endpoints, app_id,
                         namespace_name, out.http_endpoints));
  RETURN_IF_ERROR(Select("Subscription", "subscriptions", parsed.subscriptions, app_id,
                         namespace_name, out.subscriptions));
  for (const Resiliency& item : parsed.resiliencies) {
    if (InScope(item.scopes, app_id)) out.resiliencies.push_back(item);
  }
  out.warnings = parsed.warnings;
  out.broken_files = parsed.broken_files;
  return out;
}

base::Result<Resources> LoadResources(const std::vector<std::string>& directories,
                                      const std::optional<std::string>& namespace_name,
                                      std::string_view app_id) {
  ASSIGN_OR_RETURN(const Resources parsed, ParseResources(directories));
  return SelectForApp(parsed, app_id, namespace_name);
}

}  // namespace config
