#include "control/kube/access.hpp"

#include "base/file.hpp"
#include "base/strings.hpp"
#include "config/kube_config.hpp"

namespace control::kube {
namespace {

base::Result<Access> InCluster(const std::string& host, const std::string& port,
                               const std::string& folder) {
  Access out;
  out.host = host;
  const auto number = base::ParseUint<uint16_t>(port);
  if (!number || *number == 0) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("KUBERNETES_SERVICE_PORT is no port: ", base::Quote(port)));
  }
  out.port = *number;
  out.token_file = folder + "/token";
  out.ca_file = folder + "/ca.crt";
  if (auto token = base::ReadFile(out.token_file, size_t{64} << 10); !token) {
    return base::Fail(token.error().kind,
                      base::StrCat("this pod has no service account token (", token.error().message,
                                   "); set automountServiceAccountToken"));
  }
  // Missing in pods whose account has no namespace file, such as hand-made mounts.
  if (auto text = base::ReadFile(folder + "/namespace", 1024)) {
    out.own_namespace = std::string(base::Trim(*text));
  }
  return out;
}

base::Result<Access> FromKubeConfig(const std::string& path) {
  ASSIGN_OR_RETURN(config::KubeConfig read, config::LoadKubeConfig(path));
  Access out;
  out.host = std::move(read.host);
  out.port = read.port;
  out.ca_file = std::move(read.ca_file);
  out.ca_pem = std::move(read.ca_pem);
  out.token_file = std::move(read.token_file);
  out.token = std::move(read.token);
  out.certificate_pem = std::move(read.certificate_pem);
  out.key_pem = std::move(read.key_pem);
  out.own_namespace = std::move(read.name_space);
  return out;
}

}  // namespace

base::Result<Access> FindAccess(const config::Env& env, const std::string& account_folder) {
  const std::string host = env.Get("KUBERNETES_SERVICE_HOST");
  const std::string kubeconfig = env.Get("KUBECONFIG");
  if (!host.empty()) {
    auto access = InCluster(host, env.Get("KUBERNETES_SERVICE_PORT"), account_folder);
    if (access || kubeconfig.empty()) return access;
  }
  if (!kubeconfig.empty()) return FromKubeConfig(kubeconfig);
  return base::Fail(base::Kind::kNotFound,
                    "no Kubernetes API is known: this is no pod (KUBERNETES_SERVICE_HOST is not "
                    "set), and KUBECONFIG names no file");
}

}  // namespace control::kube
