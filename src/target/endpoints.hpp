// The addresses of an app as one loop sees them: how many requests are out at each, and which are
// set aside because they refused. One object per target and loop.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "async/timer.hpp"
#include "net/address.hpp"

namespace target {

/// What name resolution (or the fixed address) says; immutable, shared by all loops.
struct AddressList {
  std::vector<net::Address> addresses;
  uint64_t generation = 0;
};

class Endpoints {
 public:
  struct Endpoint {
    net::Address address;
    uint32_t outstanding = 0;
    uint32_t failures = 0;           // in a row
    bool broke = false;              // set aside because a connection broke
    async::TimePoint aside_until{};  // not picked before
  };

  /// Takes over a newer list; counts of addresses that stay are kept.
  void Update(const std::shared_ptr<const AddressList>& list);
  uint64_t generation() const { return list_ ? list_->generation : 0; }

  /// The endpoint with the fewest outstanding requests among those not set aside; ties go round.
  /// Shared so that a request keeps its endpoint through an update. Null if there is none.
  std::shared_ptr<Endpoint> Pick(async::TimePoint now);
  /// The endpoint that was set aside for the shortest time; null if there are none at all.
  std::shared_ptr<Endpoint> PickAside() const;
  /// One that is set aside only because a connection broke: it may never have been ill. Null if
  /// there is none.
  std::shared_ptr<Endpoint> PickBroken() const;
  bool empty() const { return endpoints_.empty(); }

  /// Sets the endpoint aside: 100 ms at first, doubling to 5 s.
  static void Failed(Endpoint& endpoint, async::TimePoint now);
  /// The same for a connection that broke: many may break at once and are one piece of news.
  static void Broke(Endpoint& endpoint, async::TimePoint now) {
    if (endpoint.aside_until > now) return;
    Failed(endpoint, now);
    endpoint.broke = true;
  }
  static void Succeeded(Endpoint& endpoint) {
    endpoint.failures = 0;
    endpoint.broke = false;
    endpoint.aside_until = {};
  }
  /// Makes all endpoints eligible again (a probe has got through).
  void ForgiveAll();

 private:
  std::shared_ptr<const AddressList> list_;
  std::vector<std::shared_ptr<Endpoint>> endpoints_;
  std::size_t next_ = 0;
};

}  // namespace target
