// Outbox: all lanes of one app's snapshot. Made by the Instance between its components and its
// blocks. Lanes that are the same in the next snapshot go over into it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "blocks/outbox/lane.hpp"

namespace blocks::outbox {

class Outbox {
 public:
  struct Options {
    std::string app_id;
    std::string app_namespace;
    /// Gives a new lane to whoever closes it on the home loop after its last use.
    std::function<std::shared_ptr<Lane>(std::unique_ptr<Lane>)> adopt;
  };
  /// Makes a lane for each store whose metadata wants one, and puts it into the store as its hook.
  /// The outbox outlives whatever uses the stores. `before` may be null. Home loop.
  Outbox(const Options& options, std::vector<state::NamedStore>& stores,
         const pubsub::PublishBlock& publish, const Outbox* before);

  /// New lanes begin to listen. Home loop.
  void Start();

 private:
  std::vector<std::shared_ptr<Lane>> lanes_;
  std::vector<Lane*> fresh_;
};

}  // namespace blocks::outbox
