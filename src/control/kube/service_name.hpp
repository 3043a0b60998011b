// Which Service of the cluster a host name stands for. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace control::kube {

struct ServiceName {
  std::string name;
  std::string name_space;
  bool operator==(const ServiceName&) const = default;
};

/// `name`, `name.ns`, `name.ns.svc` and `name.ns.svc.<cluster domain>`, as DNS inside a pod of
/// `own_namespace` reads them. Nothing for IPs, "localhost" and what cannot be a Service's name.
/// A name of two labels may be a host outside ("example.com"): whoever asks for its endpoints finds
/// none.
std::optional<ServiceName> ParseServiceName(std::string_view host, std::string_view own_namespace);

}  // namespace control::kube
