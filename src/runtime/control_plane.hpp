// ControlPlane: what the process's apps share of their lines to placement and the scheduler: the
// connections, and the watch over TLS. Made by the Host, outlives all Instances; costs nothing
// where no address is given. Home loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "async/task.hpp"
#include "base/result.hpp"
#include "http/client.hpp"
#include "net/tls.hpp"

namespace runtime {

struct Services;
class ControlLinks;

class ControlPlane {
 public:
  ControlPlane();
  ~ControlPlane();

  /// Made at the first call. Notices within a quarter of a minute that a peer is silent.
  http::Client& http();
  /// Origins of every address that the hosts of `addresses` ("host:port") stand for. An error only
  /// if there is none at all.
  async::Task<base::Result<std::vector<http::Origin>>> Locate(
      const Services& services, const async::Context& context, std::vector<std::string> addresses,
      std::shared_ptr<const net::TlsSource> tls);
  /// From now on, until Remove, tells `links` when their TLS has changed.
  void Add(ControlLinks& links);
  void Remove(ControlLinks& links);
  /// Must be awaited before destruction.
  async::Task<void> Close();

 private:
  async::Task<void> Watch();

  std::unique_ptr<http::Client> http_;
  std::vector<ControlLinks*> watched_;
  async::Gate gate_;
};

}  // namespace runtime
