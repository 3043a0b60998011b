// Outbox: all of one app's lanes. Made by the Instance between its components and its blocks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "blocks/outbox/lane.hpp"

namespace blocks::outbox {

class Outbox {
 public:
  /// Makes a lane for each store whose metadata wants one, and puts it into the store as its hook.
  /// `publish` outlives the outbox, the outbox whatever uses the stores.
  Outbox(std::string app_id, std::string app_namespace, std::vector<state::NamedStore>& stores,
         const pubsub::PublishBlock& publish);

  /// Home loop. Await Close before destruction.
  void Start();
  async::Task<void> Close(const async::Context& context);

 private:
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace blocks::outbox
