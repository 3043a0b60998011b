#include "config/kube_config.hpp"

#include <optional>

#include "base/base64.hpp"
#include "base/file.hpp"
#include "base/strings.hpp"
#include "config/yaml.hpp"
#include "config/yaml_fields.hpp"

namespace config {
namespace {

constexpr size_t kLargestPem = size_t{1} << 20;

struct Cluster {
  std::string server, ca_file, ca_data;
  bool insecure = false;
};
struct User {
  std::string token, token_file, certificate_file, certificate_data, key_file, key_data;
  bool plugin = false;
};
struct Context {
  std::string cluster, user, name_space;
};

// Calls f(fields of the entry's `part`) for the entry of the list with this name.
template <class F>
bool Entry(Fields& root, std::string_view list, std::string_view part, const std::string& name,
           F f) {
  bool found = false;
  root.Each(list, [&](Fields& entry) {
    std::string own;
    entry.Read("name", own);
    if (own != name || found) return;
    found = true;
    entry.Child(part, f);
  });
  return found;
}

base::Status ReadServer(const std::string& server, KubeConfig& out) {
  const auto bad = [&](std::string_view why) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("server ", base::Quote(server), ": ", why));
  };
  constexpr std::string_view kScheme = "https://";
  if (!server.starts_with(kScheme)) return bad("only https:// is used");
  std::string_view rest = std::string_view(server).substr(kScheme.size());
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('/') != std::string_view::npos) return bad("a path is not supported");
  const size_t bracket = rest.find(']');
  const size_t colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const auto port = base::ParseUint<uint16_t>(rest.substr(colon + 1));
    if (!port || *port == 0) return bad("its port is no number");
    out.port = *port;
    rest = rest.substr(0, colon);
  }
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  if (rest.empty()) return bad("it names no host");
  out.host = rest;
  return {};
}

// The text itself in base64, or else of the file.
base::Status ReadPem(const std::string& data, const std::string& file, std::string_view what,
                     std::string& out) {
  if (!data.empty()) {
    auto text = base::Base64Decode(data);
    if (!text) {
      return base::Fail(base::Kind::kInvalidArgument, base::StrCat(what, "-data is not base64"));
    }
    out = std::move(*text);
  } else if (!file.empty()) {
    ASSIGN_OR_RETURN(out, base::ReadFile(file, kLargestPem));
  }
  return {};
}

base::Status ReadInto(const Document& document, const std::string& folder, KubeConfig& out) {
  const auto fail = [](std::string message) {
    return base::Fail(base::Kind::kInvalidArgument, std::move(message));
  };
  const auto full = [&](const std::string& path) {
    return path.empty() || path.starts_with('/') ? path : folder + path;
  };
  Reader reader(document);
  RETURN_IF_ERROR(reader.Parse());
  Fields root = reader.Root();
  std::string current;
  root.Read("current-context", current);
  Context context;
  if (!Entry(root, "contexts", "context", current, [&](Fields& f) {
        f.Read("cluster", context.cluster);
        f.Read("user", context.user);
        f.Read("namespace", context.name_space);
      })) {
    return fail(base::StrCat("there is no current context ", base::Quote(current)));
  }
  Cluster cluster;
  Entry(root, "clusters", "cluster", context.cluster, [&](Fields& f) {
    f.Read("server", cluster.server);
    f.Read("certificate-authority", cluster.ca_file);
    f.Read("certificate-authority-data", cluster.ca_data);
    f.Read("insecure-skip-tls-verify", cluster.insecure);
  });
  User user;
  Entry(root, "users", "user", context.user, [&](Fields& f) {
    f.Read("token", user.token);
    f.Read("tokenFile", user.token_file);
    f.Read("client-certificate", user.certificate_file);
    f.Read("client-certificate-data", user.certificate_data);
    f.Read("client-key", user.key_file);
    f.Read("client-key-data", user.key_data);
    user.plugin = f.Has("exec") || f.Has("auth-provider");
  });
  RETURN_IF_ERROR(reader.status());
  if (cluster.insecure) return fail("insecure-skip-tls-verify is refused: name the authority");
  RETURN_IF_ERROR(ReadServer(cluster.server, out));
  if (cluster.ca_data.empty()) {
    out.ca_file = full(cluster.ca_file);
  } else {
    RETURN_IF_ERROR(ReadPem(cluster.ca_data, "", "certificate-authority", out.ca_pem));
  }
  out.token_file = full(user.token_file);
  if (out.token_file.empty()) out.token = user.token;
  RETURN_IF_ERROR(ReadPem(user.certificate_data, full(user.certificate_file), "client-certificate",
                          out.certificate_pem));
  RETURN_IF_ERROR(ReadPem(user.key_data, full(user.key_file), "client-key", out.key_pem));
  if (user.plugin && user.token.empty() && user.token_file.empty() && out.certificate_pem.empty()) {
    return fail("plug-ins (exec, auth-provider) are not run: give the user a token or certificate");
  }
  out.name_space = context.name_space;
  return {};
}

}  // namespace

base::Result<KubeConfig> LoadKubeConfig(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<Document> documents, LoadDocuments(path));
  const size_t slash = path.rfind('/');
  KubeConfig out;
  base::Status read = base::Fail(base::Kind::kInvalidArgument, "it is empty");
  if (!documents.empty()) {
    read = ReadInto(documents.front(), slash == std::string::npos ? "" : path.substr(0, slash + 1),
                    out);
  }
  if (read) return out;
  return base::Fail(read.error().kind,
                    base::StrCat("kubeconfig ", path, ": ", read.error().message));
}

}  // namespace config
