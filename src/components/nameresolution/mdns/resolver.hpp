// nameresolution.mdns: runtimes on one network find each other by multicast DNS, in the way of the
// Go daprd, with which this one shares networks. Each app is a service type of its own, each
// runtime an instance `<host name>:<process id>` of it, with a TXT record that holds the app id in
// its own letters.
//
// The sockets, the answers to others and the looking belong to the home loop. Resolve may be called
// on any loop: it reads the cache, and if that knows nothing asks the home loop to look and waits
// on its own loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "components/nameresolution/mdns/cache.hpp"
#include "components/nameresolution/mdns/multicast_socket.hpp"
#include "components/nameresolution/mdns/responder.hpp"
#include "contracts/descriptor.hpp"
#include "contracts/name_resolver.hpp"

namespace components::nameresolution::mdns {

class Resolver final : public contracts::NameResolver {
 public:
  Resolver();
  ~Resolver() override;

  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  /// Tells the network that the announced instances go away.
  async::Task<void> Close(const contracts::Call& call) override;
  /// Waits at most a second for somebody to answer.
  async::Task<base::Result<std::vector<contracts::Endpoint>>> Resolve(
      const contracts::Call& call, std::string_view app_id, std::string_view app_namespace,
      uint16_t port) override;
  async::Task<base::Status> Announce(const contracts::Call& call,
                                     contracts::Registration registration) override;
  async::Task<void> Withdraw(const contracts::Call& call, std::string_view app_id,
                             std::string_view app_namespace) override;

 private:
  void JoinNetworks();
  void SendEverywhere(std::string_view bytes);
  void Handle(MulticastSocket& socket, const MulticastSocket::Datagram& datagram);
  bool IsOwn(const net::Address& address) const;

  async::Task<void> ReceiveLoop(MulticastSocket& socket);
  async::Task<void> RefreshLoop();
  async::Task<void> Browse(std::string app_id);
  async::Task<void> AnswerLate();
  async::Task<void> AnnounceTwice(std::string app_id, async::TimePoint turn);

  async::Loop* home_ = nullptr;
  std::string host_name_;
  Network network_;
  std::vector<std::unique_ptr<MulticastSocket>> sockets_;
  Responder responder_;
  Cache cache_;
  async::TimePoint next_turn_;  // when the next app may be announced
  async::Gate gate_;
};

const contracts::Descriptor& Descriptor();

}  // namespace components::nameresolution::mdns
