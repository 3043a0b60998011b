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

class PeerDirectory {
 public:
  /// `resolver` null: no app can be found. `port` is the internal port to assume for peers of which
  /// only a name is known.
  PeerDirectory(async::LoopGroup& loops, std::shared_ptr<contracts::NameResolver> resolver,
                AddressLookup lookup, uint16_t port);

  /// One of the app's runtimes, any of them if there are several. Asks again for a while when
  /// nobody has announced the app. Errors carry the text for the caller.
  async::Task<base::Result<Peer>> Find(const contracts::Call& call, std::string_view app_id,
                                       std::string_view app_namespace);
  /// Forgets what this loop knows of the app, because it did not answer there.
  void Drop(std::string_view app_id, std::string_view app_namespace);

 private:
  struct Entry {
    std::vector<Peer> peers;
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
