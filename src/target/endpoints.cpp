#include "target/endpoints.hpp"

#include <algorithm>

namespace target {

void Endpoints::Update(const std::shared_ptr<const AddressList>& list) {
  if (list == list_) return;
  std::vector<std::shared_ptr<Endpoint>> next;
  for (const net::Address& address : list->addresses) {
    const auto same = [&](const auto& endpoint) { return endpoint->address == address; };
    if (std::any_of(next.begin(), next.end(), same)) continue;
    const auto old = std::find_if(endpoints_.begin(), endpoints_.end(), same);
    if (old != endpoints_.end()) {
      next.push_back(*old);
    } else {
      next.push_back(std::make_shared<Endpoint>());
      next.back()->address = address;
    }
  }
  endpoints_ = std::move(next);
  list_ = list;
}

std::shared_ptr<Endpoints::Endpoint> Endpoints::Pick(async::TimePoint now) {
  std::shared_ptr<Endpoint>* best = nullptr;
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    auto& endpoint = endpoints_[(next_ + i) % endpoints_.size()];
    if (endpoint->aside_until > now) continue;
    if (!best || endpoint->outstanding < (*best)->outstanding) best = &endpoint;
  }
  if (!best) return nullptr;
  ++next_;
  return *best;
}

std::shared_ptr<Endpoints::Endpoint> Endpoints::PickAside() const {
  const auto first = std::min_element(
      endpoints_.begin(), endpoints_.end(),
      [](const auto& a, const auto& b) { return a->aside_until < b->aside_until; });
  return first == endpoints_.end() ? nullptr : *first;
}

std::shared_ptr<Endpoints::Endpoint> Endpoints::PickBroken() const {
  const auto found = std::find_if(endpoints_.begin(), endpoints_.end(),
                                  [](const auto& endpoint) { return endpoint->broke; });
  return found == endpoints_.end() ? nullptr : *found;
}

void Endpoints::Failed(Endpoint& endpoint, async::TimePoint now) {
  endpoint.broke = false;
  constexpr uint32_t kMaxDoublings = 6;
  const uint32_t doublings = std::min(endpoint.failures++, kMaxDoublings);
  const auto wait = std::min(std::chrono::milliseconds(100) * (1u << doublings),
                             std::chrono::milliseconds(5'000));
  endpoint.aside_until = now + wait;
}

void Endpoints::ForgiveAll() {
  for (auto& endpoint : endpoints_) Succeeded(*endpoint);
}

}  // namespace target
