// Finds the series of one recording by its label values, without a lock: each loop has a small hash
// table of its own. A miss asks AppSeries, which takes a lock and formats labels; so does every
// look-up on a thread that is no loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/series.hpp"

namespace telemetry {

/// The series that one kind of recording touches; unused places are null.
using SeriesSet = std::array<Series*, 5>;

/// One thread's table. Bounded: when it is full it is emptied, as refilling is cheap enough.
class SeriesTable {
 public:
  static constexpr size_t kMaxEntries = 256;

  /// The entry for `tag` and `parts`, or null.
  const SeriesSet* Find(uint64_t hash, const void* tag,
                        std::initializer_list<std::string_view> parts) const {
    if (slots_.empty()) return nullptr;
    const size_t mask = slots_.size() - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
      const Slot& slot = slots_[i];
      if (slot.tag == nullptr) return nullptr;
      if (slot.hash == hash && slot.tag == tag && Same(slot.key, parts)) return &slot.set;
    }
  }
  void Insert(uint64_t hash, const void* tag, std::initializer_list<std::string_view> parts,
              const SeriesSet& set);

  static uint64_t Hash(const void* tag, std::initializer_list<std::string_view> parts) {
    uint64_t hash = Seed() ^ reinterpret_cast<uintptr_t>(tag);
    for (const std::string_view part : parts) hash = Mix(hash, part);
    return hash;
  }

 private:
  struct Slot {
    uint64_t hash = 0;
    const void* tag = nullptr;  // null = free
    std::string key;            // for each part its length, then its bytes
    SeriesSet set{};
  };

  static bool Same(const std::string& key, std::initializer_list<std::string_view> parts) {
    const char* at = key.data();
    size_t left = key.size();
    for (const std::string_view part : parts) {
      uint32_t size;
      if (left < sizeof(size) + part.size()) return false;
      std::memcpy(&size, at, sizeof(size));
      if (size != part.size()) return false;
      if (std::string_view(at + sizeof(size), size) != part) return false;
      at += sizeof(size) + part.size();
      left -= sizeof(size) + part.size();
    }
    return left == 0;
  }

  static uint64_t Fold(uint64_t a, uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
  static uint64_t Mix(uint64_t hash, std::string_view part) {
    const char* at = part.data();
    size_t left = part.size();
    uint64_t word;
    hash ^= left;
    for (; left >= 8; at += 8, left -= 8) {
      std::memcpy(&word, at, 8);
      hash = Fold(hash ^ word, 0x9e3779b97f4a7c15);
    }
    word = 0;
    // memcpy forbids null even for no bytes, and an empty view may be null.
    if (left > 0) std::memcpy(&word, at, left);
    return Fold(hash ^ word, 0xd6e8feb86659fd93);
  }
  /// Differs from process to process, so that nobody can prepare colliding paths.
  static uint64_t Seed();
  void Put(uint64_t hash, const void* tag, std::string key, const SeriesSet& set);

  std::vector<Slot> slots_;  // a power of two, at most half full
  size_t used_ = 0;
};

/// One table for each loop, made when the loop first records.
class SeriesCache {
 public:
  explicit SeriesCache(int loops) : tables_(loops) {}

  /// `make()` gives the set when it is not known yet. `tag` tells kinds of recordings apart.
  template <class Make>
  SeriesSet Get(const void* tag, std::initializer_list<std::string_view> parts, Make&& make) {
    const int shard = ShardIndex();
    if (shard < 0 || static_cast<size_t>(shard) >= tables_.size()) return make();
    std::unique_ptr<SeriesTable>& table = tables_[shard];
    if (!table) table = std::make_unique<SeriesTable>();
    const uint64_t hash = SeriesTable::Hash(tag, parts);
    if (const SeriesSet* found = table->Find(hash, tag, parts)) return *found;
    const SeriesSet set = make();
    table->Insert(hash, tag, parts, set);
    return set;
  }

 private:
  std::vector<std::unique_ptr<SeriesTable>> tables_;
};

}  // namespace telemetry
