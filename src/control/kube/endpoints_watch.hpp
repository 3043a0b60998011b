// EndpointsWatch: where the pods of one Service are, at each moment. One task pulls; home loop.
#pragma once

#include <optional>
#include <vector>

#include "control/kube/endpoint_slices.hpp"
#include "control/kube/service_name.hpp"
#include "control/kube/watcher.hpp"

namespace control::kube {

class EndpointsWatch {
 public:
  /// `api` outlives the watch. `port` is the Service's.
  EndpointsWatch(Api& api, ServiceName service, uint16_t port);

  /// What the Service's EndpointSlices say after their next change; an empty list means that no pod
  /// takes connections. Nothing: they do not know the Service or its port, so DNS has to say.
  /// Errors and what to do then are Watcher's: what was said before still holds unless IsLasting.
  async::Task<base::Result<std::optional<std::vector<net::Address>>>> Next(
      const async::Context& context);

 private:
  async::Task<void> ReadService(const async::Context& context);

  Api& api_;
  const ServiceName service_;
  const uint16_t port_;
  Watcher watcher_;
  EndpointSlices slices_;
  std::optional<ServicePorts> ports_;
  bool ports_read_ = false;
};

}  // namespace control::kube
