// EndpointSlices: what the slices of one Service say together: where its pods are. A plain table,
// filled by whoever watches them.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/address.hpp"

namespace control::kube {

/// The ports of a Service, to translate one of them to that of its pods.
struct ServicePorts {
  bool headless = false;
  std::map<uint16_t, std::string> names;  // number -> name, which may be empty
};
/// Reads a Service object.
ServicePorts ReadServicePorts(const boost::json::object& service);

class EndpointSlices {
 public:
  void Clear() { slices_.clear(); }
  /// A slice is new or has changed. Objects without a name are left alone.
  void Put(const boost::json::object& slice);
  void Remove(const boost::json::object& slice);

  /// True if there is no slice at all: nobody keeps any for this name.
  bool empty() const { return slices_.empty(); }
  /// The addresses that take connections for `port` of the Service: the pods that are ready, or, if
  /// there are none, those that still serve while they end. IPv4 first, then by address, none
  /// twice. `service` is null if the Service is not known: then `port` is looked for among the
  /// pods' ports, and a single port is taken whatever its number. Nothing if the slices do not say
  /// which port it is.
  std::optional<std::vector<net::Address>> Addresses(uint16_t port,
                                                     const ServicePorts* service) const;

 private:
  struct Port {
    std::string name;
    std::optional<uint16_t> number;
  };
  struct Endpoint {
    std::vector<std::string> ips;
    bool ready = true;
    bool serving = true;
  };
  struct Slice {
    std::vector<Port> ports;
    std::vector<Endpoint> endpoints;
  };
  static std::optional<uint16_t> PodPort(const Slice& slice, uint16_t port,
                                         const ServicePorts* service);

  std::map<std::string, Slice> slices_;
};

}  // namespace control::kube
