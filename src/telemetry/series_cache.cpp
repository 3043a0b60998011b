#include "telemetry/series_cache.hpp"

#include <span>

#include "base/random.hpp"

namespace telemetry {

uint64_t SeriesTable::Seed() {
  static const uint64_t seed = [] {
    uint64_t value;
    base::FillRandom(std::span(reinterpret_cast<unsigned char*>(&value), sizeof(value)));
    return value;
  }();
  return seed;
}

void SeriesTable::Put(uint64_t hash, const void* tag, std::string key, const SeriesSet& set) {
  const size_t mask = slots_.size() - 1;
  size_t i = hash & mask;
  while (slots_[i].tag != nullptr) i = (i + 1) & mask;
  slots_[i] = {hash, tag, std::move(key), set};
  ++used_;
}

void SeriesTable::Insert(uint64_t hash, const void* tag,
                         std::initializer_list<std::string_view> parts, const SeriesSet& set) {
  constexpr size_t kFirstSlots = 16;
  if (used_ >= kMaxEntries) {
    slots_.clear();
    slots_.shrink_to_fit();
    used_ = 0;
  }
  if (used_ * 2 >= slots_.size()) {
    std::vector<Slot> old(std::max(kFirstSlots, slots_.size() * 2));
    old.swap(slots_);
    used_ = 0;
    for (Slot& slot : old) {
      if (slot.tag != nullptr) Put(slot.hash, slot.tag, std::move(slot.key), slot.set);
    }
  }
  std::string key;
  for (const std::string_view part : parts) {
    const auto size = static_cast<uint32_t>(part.size());
    key.append(reinterpret_cast<const char*>(&size), sizeof(size));
    key += part;
  }
  Put(hash, tag, std::move(key), set);
}

}  // namespace telemetry
