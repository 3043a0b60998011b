// A circuit breaker: after too many failures a target is left alone for a while, then tried
// carefully. One object per target, shared by all loops.
//
// Its state is a few atomics and no lock. Counts of the closed state may be off by those in flight
// while it changes, never the state itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "async/loop.hpp"
#include "base/result.hpp"
#include "cel/program.hpp"
#include "config/resiliency.hpp"

namespace resiliency {

/// Immutable; shared by the breakers made from it.
struct BreakerSpec {
  std::string name;
  uint32_t max_requests = 1;   // let through while half open
  async::Duration interval{};  // after which the counts of the closed state start anew; 0 = never
  async::Duration timeout = std::chrono::seconds(60);  // how long it stays open
  std::optional<cel::Program> trip;                    // none: more than five failures in a row
};
/// kInvalidArgument with the field and what is wrong.
base::Result<BreakerSpec> ParseBreaker(const std::string& name,
                                       const config::CircuitBreakerSpec& written);

enum class BreakerState : uint8_t { kClosed, kHalfOpen, kOpen };
std::string_view BreakerStateName(BreakerState state);

class Breaker {
 public:
  /// Called on the loop that caused a change.
  using OnChange = std::function<void(BreakerState from, BreakerState to)>;
  explicit Breaker(std::shared_ptr<const BreakerSpec> spec, OnChange on_change = nullptr)
      : spec_(std::move(spec)), on_change_(std::move(on_change)) {}
  Breaker(const Breaker&) = delete;
  Breaker& operator=(const Breaker&) = delete;

  /// Leave for one attempt, to be given back by exactly one of Done and Forget.
  struct Ticket {
    uint64_t generation = 0;
  };
  /// kExhausted "circuit breaker is open" or "too many requests" when there is none.
  base::Result<Ticket> Enter(async::TimePoint now);
  void Done(Ticket ticket, bool success, async::TimePoint now);
  /// The attempt did not happen: it counts as nothing.
  void Forget(Ticket ticket);

  BreakerState state(async::TimePoint now) const;
  const std::shared_ptr<const BreakerSpec>& spec() const { return spec_; }

 private:
  // One atomic word, so that states change and places in the half-open one are given away at once.
  struct Word {
    BreakerState state = BreakerState::kClosed;
    uint16_t entered = 0;     // in the half-open state
    uint16_t succeeded = 0;   // the same
    uint32_t generation = 0;  // 28 bits
  };
  static uint64_t Pack(const Word& word);
  static Word Unpack(uint64_t bits);
  static Word After(const Word& word, BreakerState state);
  bool Move(uint64_t& bits, const Word& to);
  void Counted(bool success);
  bool MustTrip() const;
  void StartCounting(async::TimePoint now);

  const std::shared_ptr<const BreakerSpec> spec_;
  const OnChange on_change_;
  std::atomic<uint64_t> word_{0};
  std::atomic<int64_t> open_until_{0};   // nanoseconds of the loop's clock
  std::atomic<int64_t> count_until_{0};  // 0 = not yet counting
  std::atomic<uint32_t> requests_{0}, successes_{0}, failures_{0};
  std::atomic<int64_t> streak_{0};  // successes in a row, or failures as a negative number
};

}  // namespace resiliency
