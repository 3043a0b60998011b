#include "control/kube/service_name.hpp"

#include <algorithm>

#include "base/strings.hpp"
#include "net/address.hpp"

namespace control::kube {
namespace {

bool IsLabel(std::string_view text) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || base::IsDigit(c) || c == '-'; };
  return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), fits) &&
         text.front() != '-' && text.back() != '-';
}

}  // namespace

std::optional<ServiceName> ParseServiceName(std::string_view host, std::string_view own_namespace) {
  if (net::Address::FromIp(host, 1)) return std::nullopt;
  std::string name = base::ToLower(host);
  if (name.ends_with('.')) name.pop_back();
  if (name == "localhost") return std::nullopt;
  const auto labels = base::SplitView(name, '.');
  if (!std::all_of(labels.begin(), labels.end(), IsLabel)) return std::nullopt;
  if (labels.size() > 2 && labels[2] != "svc") return std::nullopt;
  ServiceName out{std::string(labels[0]),
                  std::string(labels.size() > 1 ? labels[1] : own_namespace)};
  if (out.name_space.empty()) return std::nullopt;
  return out;
}

}  // namespace control::kube
