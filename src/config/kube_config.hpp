// A kubeconfig file (KUBECONFIG), as far as a client needs it: the current context's server and
// what to show there. Plug-ins that fetch credentials are not run.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace config {

struct KubeConfig {
  std::string host;  // without brackets
  uint16_t port = 443;
  // Of each pair at most one is set; neither: none.
  std::string ca_file;
  std::string ca_pem;
  std::string token_file;
  std::string token;
  std::string certificate_pem;
  std::string key_pem;
  std::string name_space;
};

/// Blocking. Errors name the file and what is missing, never a secret.
base::Result<KubeConfig> LoadKubeConfig(const std::string& path);

}  // namespace config
