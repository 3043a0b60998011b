// PlacementTable: which hosts serve which actor types, and on which of them an actor lives. As
// placement sent it in one round; immutable, so that any thread may look things up in it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace control {

struct PlacementHost {
  std::string name;  // "ip:port" of its internal gRPC port; what is hashed
  std::string app_id;
  bool operator==(const PlacementHost&) const = default;
};

class PlacementTable {
 public:
  /// Hosts by actor type; those of a type in the order of their names.
  using Hosts = std::map<std::string, std::vector<PlacementHost>, std::less<>>;
  /// `replicas`: places of each host on a ring.
  PlacementTable(uint64_t version, uint32_t replicas, Hosts hosts);
  ~PlacementTable();

  uint64_t version() const { return version_; }
  /// Where the actor lives; null if no host serves the type. Good for as long as the table. The
  /// first look-up of a type computes its ring, 100 hashes a host as a rule.
  const PlacementHost* Find(std::string_view type, std::string_view actor_id) const;
  /// The hosts of a type, empty if there are none.
  const std::vector<PlacementHost>& OfType(std::string_view type) const;
  std::vector<std::string> types() const;

 private:
  struct Ring;
  const uint64_t version_;
  const uint32_t replicas_;
  std::map<std::string, std::unique_ptr<Ring>, std::less<>> rings_;  // by type
};

}  // namespace control
