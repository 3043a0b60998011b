#include "resiliency/breaker.hpp"

#include <algorithm>
#include <array>

#include "base/duration.hpp"
#include "base/strings.hpp"

namespace resiliency {
namespace {

constexpr uint32_t kMostRequests = UINT16_MAX;
constexpr uint32_t kGenerations = (uint32_t{1} << 28) - 1;

int64_t Nanos(async::TimePoint time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}
int64_t Nanos(async::Duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

base::Result<async::Duration> Time(std::string_view field, const std::string& text,
                                   async::Duration otherwise) {
  if (text.empty()) return otherwise;
  const auto parsed = base::ParseDurationOrMillis(text);
  if (!parsed) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat(field, ": ", parsed.error().message));
  }
  const auto duration = std::chrono::duration_cast<async::Duration>(*parsed);
  return duration > async::Duration::zero() ? duration : otherwise;
}

}  // namespace

base::Result<BreakerSpec> ParseBreaker(const std::string& name,
                                       const config::CircuitBreakerSpec& written) {
  BreakerSpec out;
  out.name = name;
  out.max_requests =
      static_cast<uint32_t>(std::clamp<int64_t>(written.max_requests, 1, int64_t{kMostRequests}));
  ASSIGN_OR_RETURN(out.interval, Time("interval", written.interval, {}));
  ASSIGN_OR_RETURN(out.timeout, Time("timeout", written.timeout, out.timeout));
  if (!written.trip.empty()) {
    auto program = cel::Program::Compile(
        written.trip, {.variables = {"requests", "totalSuccesses", "totalFailures",
                                     "consecutiveSuccesses", "consecutiveFailures"}});
    if (!program) {
      return base::Fail(base::Kind::kInvalidArgument,
                        base::StrCat("trip: ", program.error().message));
    }
    if (!program->may_be_bool()) {
      return base::Fail(base::Kind::kInvalidArgument, "trip: the expression gives no bool");
    }
    out.trip.emplace(std::move(*program));
  }
  return out;
}

std::string_view BreakerStateName(BreakerState state) {
  switch (state) {
    case BreakerState::kClosed:
      return "closed";
    case BreakerState::kHalfOpen:
      return "half-open";
    case BreakerState::kOpen:
      return "open";
  }
  return "unknown";
}

uint64_t Breaker::Pack(const Word& word) {
  return uint64_t{static_cast<uint8_t>(word.state)} | uint64_t{word.entered} << 4 |
         uint64_t{word.succeeded} << 20 | uint64_t{word.generation} << 36;
}
Breaker::Word Breaker::Unpack(uint64_t bits) {
  Word word;
  word.state = static_cast<BreakerState>(bits & 3);
  word.entered = static_cast<uint16_t>(bits >> 4);
  word.succeeded = static_cast<uint16_t>(bits >> 20);
  word.generation = static_cast<uint32_t>(bits >> 36);
  return word;
}
Breaker::Word Breaker::After(const Word& word, BreakerState state) {
  return {state, 0, 0, (word.generation + 1) & kGenerations};
}

// On success `bits` is what stands there now, else what somebody else has written.
bool Breaker::Move(uint64_t& bits, const Word& to) {
  const BreakerState from = Unpack(bits).state;
  if (!word_.compare_exchange_weak(bits, Pack(to), std::memory_order_acq_rel)) return false;
  bits = Pack(to);
  if (on_change_ && from != to.state) on_change_(from, to.state);
  return true;
}

void Breaker::StartCounting(async::TimePoint now) {
  requests_ = 0;
  successes_ = 0;
  failures_ = 0;
  streak_ = 0;
  if (spec_->interval > async::Duration::zero()) count_until_ = Nanos(now) + Nanos(spec_->interval);
}

base::Result<Breaker::Ticket> Breaker::Enter(async::TimePoint now) {
  uint64_t bits = word_.load(std::memory_order_acquire);
  while (true) {
    const Word word = Unpack(bits);
    switch (word.state) {
      case BreakerState::kClosed: {
        if (spec_->interval > async::Duration::zero()) {
          const int64_t until = count_until_.load(std::memory_order_relaxed);
          if (until == 0) {
            count_until_ = Nanos(now) + Nanos(spec_->interval);
          } else if (Nanos(now) > until) {
            if (!Move(bits, After(word, BreakerState::kClosed))) continue;
            StartCounting(now);
          }
        }
        requests_.fetch_add(1, std::memory_order_relaxed);
        return Ticket{Unpack(bits).generation};
      }
      case BreakerState::kOpen: {
        if (Nanos(now) <= open_until_.load(std::memory_order_relaxed)) {
          return base::Fail(base::Kind::kExhausted, "circuit breaker is open");
        }
        Word half = After(word, BreakerState::kHalfOpen);
        half.entered = 1;
        if (!Move(bits, half)) continue;
        return Ticket{half.generation};
      }
      case BreakerState::kHalfOpen: {
        if (word.entered >= spec_->max_requests) {
          return base::Fail(base::Kind::kExhausted, "too many requests");
        }
        Word more = word;
        ++more.entered;
        if (!Move(bits, more)) continue;
        return Ticket{word.generation};
      }
    }
  }
}

void Breaker::Counted(bool success) {
  (success ? successes_ : failures_).fetch_add(1, std::memory_order_relaxed);
  int64_t streak = streak_.load(std::memory_order_relaxed);
  int64_t next = 0;
  do {
    next = success ? std::max<int64_t>(streak, 0) + 1 : std::min<int64_t>(streak, 0) - 1;
  } while (!streak_.compare_exchange_weak(streak, next, std::memory_order_relaxed));
}

bool Breaker::MustTrip() const {
  const int64_t streak = streak_.load(std::memory_order_relaxed);
  if (!spec_->trip) return streak < -5;
  const std::array values = {cel::Value::Int(requests_.load(std::memory_order_relaxed)),
                             cel::Value::Int(successes_.load(std::memory_order_relaxed)),
                             cel::Value::Int(failures_.load(std::memory_order_relaxed)),
                             cel::Value::Int(std::max<int64_t>(streak, 0)),
                             cel::Value::Int(std::max<int64_t>(-streak, 0))};
  // An expression that fails says nothing about the target.
  return spec_->trip->EvaluateBool(values).value_or(false);
}

void Breaker::Done(Ticket ticket, bool success, async::TimePoint now) {
  uint64_t bits = word_.load(std::memory_order_acquire);
  bool counted = false;
  while (true) {
    const Word word = Unpack(bits);
    if (word.generation != ticket.generation) return;  // of a time that is over
    switch (word.state) {
      case BreakerState::kClosed:
        if (!counted) Counted(success);
        counted = true;
        if (success || !MustTrip()) return;
        open_until_ = Nanos(now) + Nanos(spec_->timeout);
        if (Move(bits, After(word, BreakerState::kOpen))) return;
        continue;
      case BreakerState::kHalfOpen: {
        Word next = word;
        if (!success) {
          open_until_ = Nanos(now) + Nanos(spec_->timeout);
          next = After(word, BreakerState::kOpen);
        } else if (++next.succeeded >= spec_->max_requests) {
          next = After(word, BreakerState::kClosed);
        }
        if (!Move(bits, next)) continue;
        if (next.state == BreakerState::kClosed) StartCounting(now);
        return;
      }
      case BreakerState::kOpen:
        return;
    }
  }
}

void Breaker::Forget(Ticket ticket) {
  uint64_t bits = word_.load(std::memory_order_acquire);
  while (true) {
    Word word = Unpack(bits);
    if (word.generation != ticket.generation) return;
    if (word.state == BreakerState::kClosed) {
      requests_.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
    if (word.state != BreakerState::kHalfOpen || word.entered == 0) return;
    --word.entered;
    if (Move(bits, word)) return;
  }
}

BreakerState Breaker::state(async::TimePoint now) const {
  const BreakerState state = Unpack(word_.load(std::memory_order_acquire)).state;
  const bool over = Nanos(now) > open_until_.load(std::memory_order_relaxed);
  return state == BreakerState::kOpen && over ? BreakerState::kHalfOpen : state;
}

}  // namespace resiliency
