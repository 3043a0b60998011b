// Router: which link a command takes on one loop. A node or a sentinel's master has one link a
// lane; a cluster has them by node, and a table of who serves each slot, which is asked for anew
// when the cluster says that it has changed. Own loop's thread only.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "components/redis/cluster.hpp"
#include "components/redis/link.hpp"

namespace components::redis {

/// Commands that make the server wait (WAIT) hold up whatever follows them on their connection, so
/// they have one of their own.
enum class Lane : uint8_t { kFast, kSlow };
inline constexpr std::size_t kLanes = 2;

class Router {
 public:
  explicit Router(Dialer& dialer);

  bool is_cluster() const { return cluster_; }
  /// The link for a key, or null where the cluster's table does not say (yet).
  Link* Find(std::string_view key, Lane lane) {
    if (!cluster_) return &LinkOf(*nodes_.front(), lane);
    return FindSlot(KeySlot(key), lane);
  }
  /// The same, asking the cluster if need be. kUnavailable if no node serves the slot.
  async::Task<base::Result<Link*>> Get(const async::Context& context, std::string_view key,
                                       Lane lane);
  Link* Of(const Endpoint& endpoint, Lane lane);

  /// A node said that `redirect.slot` has moved: believes it and asks for the whole table.
  void Moved(const Redirect& redirect);
  /// Something is wrong with the table: asks for it anew, in the background.
  void Refresh();
  /// Where a connection of one's own for `key` goes.
  async::Task<base::Result<Link::Target>> TargetOf(const async::Context& context,
                                                   std::string_view key);

  /// Open connections, for tests and metrics.
  std::size_t connections() const;
  async::Task<void> Close();

 private:
  struct Node {
    Link::Target target;
    std::array<std::unique_ptr<Link>, kLanes> links;
  };
  Link& LinkOf(Node& node, Lane lane);
  Link* FindSlot(uint16_t slot, Lane lane);
  std::size_t IndexOf(const Endpoint& endpoint);
  async::Task<void> Ask();
  async::Task<base::Status> AskOne(const async::Context& context, Node& node);

  Dialer& dialer_;
  const bool cluster_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<uint16_t> slots_;  // index into nodes_ plus one; 0 = nobody. Empty: never asked
  bool asking_ = false;
  base::Status asked_;  // how the last asking ended
  async::Event done_;
  async::Gate gate_;
};

}  // namespace components::redis
