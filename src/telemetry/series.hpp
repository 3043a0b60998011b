// A metric family's description and one labelled series of it.
//
// Series are written by the data loops and read by the thread that serves the metrics port. Each
// loop owns its cells and changes them with plain relaxed loads and stores; threads that are no
// loop share cells that are changed with atomic additions; a reader sums over all of them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/shard.hpp"

namespace telemetry {

enum class Type : uint8_t { kCounter, kGauge, kHistogram };

/// Which upper bounds a histogram has. Latency bounds may differ from app to app (Configuration).
enum class Buckets : uint8_t { kNone, kLatencyMs, kBytes, kRatio };

/// Default bounds of a bucket kind, ascending, without +Inf.
const std::vector<double>& DefaultBuckets(Buckets kind);

inline constexpr size_t kMaxLabels = 7;

/// Describes a family; always a constant with static storage, identified by its address.
struct Family {
  std::string_view name;
  Type type = Type::kCounter;
  Buckets buckets = Buckets::kNone;
  std::string_view help;
  std::string_view labels[kMaxLabels] = {};  // in print order, after app_id; an empty one ends

  constexpr size_t label_count() const {
    size_t n = 0;
    while (n < kMaxLabels && !labels[n].empty()) ++n;
    return n;
  }
};

/// What a reader sees of one series.
struct Sample {
  bool present = false;           // false until the first value was recorded
  double value = 0;               // counter, gauge; for a histogram the sum
  std::vector<uint64_t> buckets;  // one count per bound and one for +Inf, not cumulative
};

class Series {
 public:
  /// `labels` is the text between the braces, `bounds` must outlive the series and is null unless
  /// the family is a histogram; `loops` is how many loops have cells of their own.
  Series(const Family& family, std::string labels, const std::vector<double>* bounds, int loops);
  ~Series();
  Series(const Series&) = delete;
  Series& operator=(const Series&) = delete;

  /// Adds to a counter (n >= 0) or moves a gauge by n.
  void Add(int64_t n = 1) {
    const int slot = Slot();
    std::atomic<uint64_t>& cell = Cells(slot)[0];
    if (slot == 0) {
      cell.fetch_add(static_cast<uint64_t>(n), std::memory_order_relaxed);
    } else {
      cell.store(cell.load(std::memory_order_relaxed) + static_cast<uint64_t>(n),
                 std::memory_order_relaxed);
    }
  }

  /// Sets a gauge. A series is driven by Set or by Add, not by both. Any thread.
  void Set(double value) {
    set_value_.store(value, std::memory_order_relaxed);
    is_set_.store(true, std::memory_order_release);
  }

  /// Records one value of a histogram. Not-a-number is ignored, since it would spoil the sum.
  void Observe(double value);

  Sample Read() const;
  const Family& family() const { return family_; }
  const std::string& labels() const { return labels_; }
  const std::vector<double>& bounds() const { return *bounds_; }

 private:
  using Cell = std::atomic<uint64_t>;
  int Slot() const {
    const int shard = ShardIndex();
    return shard >= 0 && shard < loops_ ? shard + 1 : 0;
  }
  Cell* Cells(int slot) {
    Cell* cells = slots_[slot].load(std::memory_order_acquire);
    return cells != nullptr ? cells : Allocate(slot);
  }
  Cell* Allocate(int slot);
  size_t cell_count() const { return bounds_ != nullptr ? bounds_->size() + 2 : 1; }

  const Family& family_;
  const std::string labels_;
  const std::vector<double>* const bounds_;
  const int loops_;
  std::atomic<bool> is_set_ = false;
  std::atomic<double> set_value_ = 0;
  // Slot 0 belongs to all threads that are no loop, slot i + 1 to loop i. A counter has one cell, a
  // histogram the bits of its sum and then one count per bucket.
  std::unique_ptr<std::atomic<Cell*>[]> slots_;
};

}  // namespace telemetry
