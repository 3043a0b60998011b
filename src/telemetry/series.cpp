#include "telemetry/series.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace telemetry {

const std::vector<double>& DefaultBuckets(Buckets kind) {
  static const std::vector<double> kNone;
  static const std::vector<double> kLatency = {
      1,   2,   3,   4,    5,    6,    8,     10,    13,    16,    20,  25,
      30,  40,  50,  65,   80,   100,  130,   160,   200,   250,   300, 400,
      500, 650, 800, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
  static const std::vector<double> kBytes = {1 << 10, 1 << 11, 1 << 12,     1 << 14, 1 << 16,
                                             1 << 18, 1 << 20, 1 << 22,     1 << 24, 1 << 26,
                                             1 << 28, 1 << 30, 4294967296.0};
  static const std::vector<double> kRatio = {.1, .25, .5, .75, .9, .95, .99, 1, 1.5, 2};
  switch (kind) {
    case Buckets::kNone:
      return kNone;
    case Buckets::kLatencyMs:
      return kLatency;
    case Buckets::kBytes:
      return kBytes;
    case Buckets::kRatio:
      return kRatio;
  }
  return kNone;
}

Series::Series(const Family& family, std::string labels, const std::vector<double>* bounds,
               int loops)
    : family_(family),
      labels_(std::move(labels)),
      bounds_(bounds),
      loops_(loops),
      slots_(std::make_unique<std::atomic<Cell*>[]>(loops + 1)) {}

Series::~Series() {
  for (int i = 0; i <= loops_; ++i) delete[] slots_[i].load(std::memory_order_relaxed);
}

Series::Cell* Series::Allocate(int slot) {
  auto fresh = std::make_unique<Cell[]>(cell_count());
  Cell* expected = nullptr;
  // Only slot 0 can lose this race; a loop is alone in its slot.
  if (slots_[slot].compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel)) {
    return fresh.release();
  }
  return expected;
}

void Series::Observe(double value) {
  if (std::isnan(value)) return;
  const int slot = Slot();
  Cell* cells = Cells(slot);
  const size_t bucket =
      std::lower_bound(bounds_->begin(), bounds_->end(), value) - bounds_->begin();
  Cell& sum = cells[0];
  Cell& count = cells[1 + bucket];
  uint64_t bits = sum.load(std::memory_order_relaxed);
  if (slot == 0) {
    while (!sum.compare_exchange_weak(bits,
                                      std::bit_cast<uint64_t>(std::bit_cast<double>(bits) + value),
                                      std::memory_order_relaxed)) {
    }
    count.fetch_add(1, std::memory_order_relaxed);
  } else {
    sum.store(std::bit_cast<uint64_t>(std::bit_cast<double>(bits) + value),
              std::memory_order_relaxed);
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
}

Sample Series::Read() const {
  Sample sample;
  const bool histogram = family_.type == Type::kHistogram;
  if (histogram) sample.buckets.assign(bounds_->size() + 1, 0);
  if (is_set_.load(std::memory_order_acquire)) {
    sample.present = true;
    sample.value = set_value_.load(std::memory_order_relaxed);
  }
  uint64_t total = 0;
  for (int slot = 0; slot <= loops_; ++slot) {
    const Cell* cells = slots_[slot].load(std::memory_order_acquire);
    if (cells == nullptr) continue;
    sample.present = true;
    if (histogram) {
      sample.value += std::bit_cast<double>(cells[0].load(std::memory_order_relaxed));
      for (size_t i = 0; i < sample.buckets.size(); ++i) {
        sample.buckets[i] += cells[1 + i].load(std::memory_order_relaxed);
      }
    } else {
      // Deltas of one gauge may be spread over loops (up here, down there): only the wrapped sum
      // of all of them means something.
      total += cells[0].load(std::memory_order_relaxed);
    }
  }
  if (!histogram) sample.value += static_cast<double>(static_cast<int64_t>(total));
  return sample;
}

}  // namespace telemetry
