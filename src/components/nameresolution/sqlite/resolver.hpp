// nameresolution.sqlite: runtimes on one machine find each other through a table in a shared file.
// Lookups and renewals hop to one thread of the component's own; operations may be called on any
// loop, each bounded by `timeout` and by the call's deadline.
#pragma once

#include <memory>
#include <vector>

#include "async/blocking_pool.hpp"
#include "async/gate.hpp"
#include "components/nameresolution/sqlite/hosts.hpp"
#include "contracts/descriptor.hpp"
#include "contracts/name_resolver.hpp"

namespace components::nameresolution::sqlite {

class Resolver final : public contracts::NameResolver {
 public:
  Resolver();
  ~Resolver() override;

  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  async::Task<base::Status> Ping(const contracts::Call& call) override;
  async::Task<void> Close(const contracts::Call& call) override;
  async::Task<base::Result<std::vector<contracts::Endpoint>>> Resolve(
      const contracts::Call& call, std::string_view app_id, std::string_view app_namespace,
      uint16_t port) override;
  async::Task<base::Status> Announce(const contracts::Call& call,
                                     contracts::Registration registration) override;
  async::Task<void> Withdraw(const contracts::Call& call, std::string_view app_id,
                             std::string_view app_namespace) override;

 private:
  /// `work(Hosts&)` returns a Result and runs on the pool's thread.
  template <class F>
  auto OnThread(const async::Context& context, F work)
      -> async::Task<std::invoke_result_t<F, Hosts&>>;
  async::Task<base::Status> Open(const contracts::Call& call);
  std::vector<Host> TakeRegistrations(std::string_view app_id, std::string_view app_namespace);
  async::Task<void> RenewLoop();
  async::Task<void> CleanupLoop();

  Settings settings_;
  std::unique_ptr<Hosts> hosts_;     // touched on the pool's thread only
  std::vector<Host> registrations_;  // home loop
  async::Gate gate_;
  std::unique_ptr<async::BlockingPool> pool_;  // last: its thread ends before what it uses
};

const contracts::Descriptor& Descriptor();

}  // namespace components::nameresolution::sqlite
