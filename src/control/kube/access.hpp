// Where the Kubernetes API is and what to show there: what a pod finds in its environment and its
// service account's folder, else the file that KUBECONFIG names. Read once at start-up; the token
// and the authorities are read again from their files by Api.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "config/env.hpp"

namespace control::kube {

struct Access {
  std::string host;  // IP or name, without brackets
  uint16_t port = 443;
  // Of each pair the file wins; it may change at any time.
  std::string ca_file;
  std::string ca_pem;
  std::string token_file;
  std::string token;  // never logged
  std::string certificate_pem;
  std::string key_pem;
  std::string own_namespace;  // empty = not known
};

/// The folder that Kubernetes mounts into pods.
inline constexpr const char* kAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/// kNotFound, with a text that says what was looked for, if this is no pod with a service account
/// token and KUBECONFIG is not set. Blocking; start-up only.
base::Result<Access> FindAccess(const config::Env& env,
                                const std::string& account_folder = kAccountFolder);

}  // namespace control::kube
