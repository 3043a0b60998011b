#include "control/kube/endpoint_slices.hpp"

#include <algorithm>

#include "control/kube/json.hpp"

namespace control::kube {
namespace {

namespace json = boost::json;

// Null and absent mean the same in these objects.
bool FlagAt(const json::object* in, std::string_view key, bool otherwise) {
  const auto* value = in ? in->if_contains(key) : nullptr;
  return value && value->is_bool() ? value->get_bool() : otherwise;
}

std::optional<uint16_t> PortAt(const json::object& in, std::string_view key) {
  const auto* value = in.if_contains(key);
  if (!value || !value->is_int64()) return std::nullopt;
  const int64_t number = value->get_int64();
  if (number < 1 || number > 65535) return std::nullopt;
  return static_cast<uint16_t>(number);
}

template <class F>
void EachObject(const json::object& in, std::string_view key, F f) {
  const auto* list = in.if_contains(key);
  if (!list || !list->is_array()) return;
  for (const json::value& item : list->get_array()) {
    if (item.is_object()) f(item.get_object());
  }
}

std::string NameOf(const json::object& object) {
  return TextOf(ObjectAt(object, "metadata"), "name");
}

bool Before(const net::Address& a, const net::Address& b) {
  if (a.is_v6() != b.is_v6()) return b.is_v6();
  return std::pair(a.ip(), a.port()) < std::pair(b.ip(), b.port());
}

}  // namespace

ServicePorts ReadServicePorts(const json::object& service) {
  ServicePorts out;
  const auto* spec = ObjectAt(service, "spec");
  if (!spec) return out;
  out.headless = TextOf(spec, "clusterIP") == "None";
  EachObject(*spec, "ports", [&](const json::object& port) {
    if (const auto number = PortAt(port, "port")) out.names[*number] = TextOf(&port, "name");
  });
  return out;
}

void EndpointSlices::Put(const json::object& object) {
  const std::string name = NameOf(object);
  if (name.empty()) return;
  Slice slice;
  EachObject(object, "ports", [&](const json::object& port) {
    const std::string protocol = TextOf(&port, "protocol");
    if (!protocol.empty() && protocol != "TCP") return;
    slice.ports.push_back({TextOf(&port, "name"), PortAt(port, "port")});
  });
  EachObject(object, "endpoints", [&](const json::object& item) {
    const auto* conditions = ObjectAt(item, "conditions");
    Endpoint endpoint;
    endpoint.ready = FlagAt(conditions, "ready", true);
    endpoint.serving = FlagAt(conditions, "serving", endpoint.ready);
    const auto* addresses = item.if_contains("addresses");
    if (addresses && addresses->is_array()) {
      for (const json::value& ip : addresses->get_array()) {
        if (ip.is_string()) endpoint.ips.emplace_back(ip.get_string());
      }
    }
    slice.endpoints.push_back(std::move(endpoint));
  });
  slices_[name] = std::move(slice);
}

void EndpointSlices::Remove(const json::object& slice) {
  slices_.erase(NameOf(slice));
}

// The port of the pods of one slice: those of another version of the app may differ.
std::optional<uint16_t> EndpointSlices::PodPort(const Slice& slice, uint16_t port,
                                                const ServicePorts* service) {
  if (service && service->headless) return port;  // DNS names the pods, so ports are theirs
  if (service) {
    const auto named = service->names.find(port);
    if (named == service->names.end()) return std::nullopt;
    for (const Port& candidate : slice.ports) {
      if (candidate.name == named->second) return candidate.number.value_or(port);
    }
    return std::nullopt;
  }
  for (const Port& candidate : slice.ports) {
    if (candidate.number == port) return port;
  }
  if (slice.ports.size() == 1) return slice.ports.front().number.value_or(port);
  return std::nullopt;
}

std::optional<std::vector<net::Address>> EndpointSlices::Addresses(
    uint16_t port, const ServicePorts* service) const {
  std::vector<net::Address> ready;
  std::vector<net::Address> serving;
  bool unknown_port = false;
  for (const auto& [name, slice] : slices_) {
    if (slice.endpoints.empty()) continue;
    const auto pod_port = PodPort(slice, port, service);
    if (!pod_port) {
      unknown_port = true;
      continue;
    }
    for (const Endpoint& endpoint : slice.endpoints) {
      if (!endpoint.ready && !endpoint.serving) continue;
      for (const std::string& ip : endpoint.ips) {
        // A slice of names (FQDN) has none that is an IP.
        const auto address = net::Address::FromIp(ip, *pod_port);
        if (address) (endpoint.ready ? ready : serving).push_back(*address);
      }
    }
  }
  std::vector<net::Address>& out = ready.empty() ? serving : ready;
  if (out.empty() && unknown_port) return std::nullopt;
  std::sort(out.begin(), out.end(), Before);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return std::move(out);
}

}  // namespace control::kube
