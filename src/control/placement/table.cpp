#include "control/placement/table.hpp"

#include <algorithm>
#include <utility>

#include "base/strings.hpp"
#include "control/placement/blake2b.hpp"

namespace control {

struct PlacementTable::Ring {
  std::vector<PlacementHost> hosts;
  std::once_flag once;
  std::vector<std::pair<uint64_t, uint32_t>> places;  // hash and index of the host, sorted
};

PlacementTable::PlacementTable(uint64_t version, uint32_t replicas, Hosts hosts)
    : version_(version), replicas_(replicas) {
  for (auto& [type, list] : hosts) {
    auto ring = std::make_unique<Ring>();
    ring->hosts = std::move(list);
    rings_.emplace(type, std::move(ring));
  }
}

PlacementTable::~PlacementTable() = default;

const PlacementHost* PlacementTable::Find(std::string_view type, std::string_view actor_id) const {
  const auto at = rings_.find(type);
  if (at == rings_.end() || at->second->hosts.empty()) return nullptr;
  Ring& ring = *at->second;
  std::call_once(ring.once, [&] {
    ring.places.reserve(ring.hosts.size() * replicas_);
    for (uint32_t host = 0; host < ring.hosts.size(); ++host) {
      for (uint32_t i = 0; i < replicas_; ++i) {
        ring.places.emplace_back(Blake2bPrefix(base::StrCat(ring.hosts[host].name, i)), host);
      }
    }
    std::sort(ring.places.begin(), ring.places.end());
  });
  if (ring.places.empty()) return nullptr;
  const std::pair<uint64_t, uint32_t> wanted(Blake2bPrefix(actor_id), 0);
  auto place = std::lower_bound(ring.places.begin(), ring.places.end(), wanted);
  if (place == ring.places.end()) place = ring.places.begin();
  return &ring.hosts[place->second];
}

const std::vector<PlacementHost>& PlacementTable::OfType(std::string_view type) const {
  static const std::vector<PlacementHost> kNone;
  const auto at = rings_.find(type);
  return at == rings_.end() ? kNone : at->second->hosts;
}

std::vector<std::string> PlacementTable::types() const {
  std::vector<std::string> out;
  for (const auto& [type, ring] : rings_) out.push_back(type);
  return out;
}

}  // namespace control
