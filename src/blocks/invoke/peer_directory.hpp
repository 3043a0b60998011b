// Where the runtimes of other apps are: name resolution with a short memory on each loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/loop_group.hpp"
#include "async/task.hpp"
#include "async/wait.hpp"
#include "base/result.hpp"
#include "contracts/name_resolver.hpp"
#include "net/address.hpp"

namespace blocks::invoke {

/// Turns a host name or IP literal into addresses (DNS), on the current loop.
using AddressLookup = std::function<async::Task<base::Result<std::vector<net::Address>>>(
    const async::Context& context, const std::string& host, uint16_t port)>;

struct Peer {
  net::Address address;
  std::string authority;  // "ip:port"
};

/// All runtimes of an app in the order in which to try them: the first is picked at random, the
/// next is for when no connection to the one before could be made.
class Peers {
 public:
  /// `all` has at least one element.
  Peers(std::shared_ptr<const std::vector<Peer>> all, std::size_t first)
      : all_(std::move(all)), first_(first) {}
  std::size_t size() const { return all_->size(); }
  const Peer& operator[](std::size_t i) const { return (*all_)[(first_ + i) % all_->size()]; }

 private:
  std::shared_ptr<const std::vector<Peer>> all_;
  std::size_t first_;
};

class PeerDirectory {
 public:
  /// `resolver` null: no app can be found. `port` is the internal port to assume for peers of which
  /// only a name is known.
  PeerDirectory(async::LoopGroup& loops, std::shared_ptr<contracts::NameResolver> resolver,
                AddressLookup lookup, uint16_t port);

  /// The app's runtimes. Asks again for a while when nobody has announced the app. Errors carry the
  /// text for the caller.
  async::Task<base::Result<Peers>> Find(const contracts::Call& call, std::string_view app_id,
                                        std::string_view app_namespace);
  /// Forgets what this loop knows of the app, because it did not answer there.
  void Drop(std::string_view app_id, std::string_view app_namespace);

 private:
  struct Entry {
    std::shared_ptr<const std::vector<Peer>> peers;  // null: not known yet
    async::TimePoint expires{};
    bool busy = false;  // someone resolves it
    async::Event resolved;
  };
  struct LoopPart {
    std::map<std::string, std::shared_ptr<Entry>, std::less<>> entries;
  };
  LoopPart& Here();
  async::Task<base::Result<std::vector<Peer>>> Resolve(const contracts::Call& call,
                                                       std::string_view app_id,
                                                       std::string_view app_namespace);

  const std::shared_ptr<contracts::NameResolver> resolver_;
  const AddressLookup lookup_;
  const uint16_t port_;
  std::vector<std::unique_ptr<LoopPart>> parts_;
};

}  // namespace blocks::invoke
