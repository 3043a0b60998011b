#include "resiliency/retry.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace resiliency {
namespace {

constexpr double kGrowth = 1.5;
constexpr double kJitter = 0.5;

}  // namespace

base::Result<std::optional<CodeMatch::Ranges>> CodeMatch::ParseRanges(std::string_view text,
                                                                      Range valid) {
  if (text.empty()) return std::nullopt;
  Ranges ranges;
  for (const std::string_view entry : base::SplitView(text, ',')) {
    if (entry.empty()) continue;
    const auto ends = base::SplitView(entry, '-');
    const auto first = base::ParseInt<int>(base::Trim(ends.front()));
    const auto last = base::ParseInt<int>(base::Trim(ends.back()));
    if (ends.size() > 2 || !first || !last || *first < valid.first || *last > valid.last ||
        *last < *first) {
      return base::Fail(base::Kind::kInvalidArgument,
                        base::StrCat(base::Quote(entry), " is no code or range of codes from ",
                                     valid.first, " to ", valid.last));
    }
    ranges.push_back({*first, *last});
  }
  return ranges;
}

base::Result<CodeMatch> CodeMatch::Parse(const config::RetryMatching& matching) {
  CodeMatch out;
  ASSIGN_OR_RETURN(out.http_, ParseRanges(matching.http_status_codes, {100, 599}));
  ASSIGN_OR_RETURN(out.grpc_, ParseRanges(matching.grpc_status_codes, {0, 16}));
  return out;
}

bool CodeMatch::Matches(int code) const {
  const bool grpc = code >= 0 && code <= 16;
  if (!grpc && (code < 100 || code > 599)) return false;
  const std::optional<Ranges>& ranges = grpc ? grpc_ : http_;
  return !ranges || std::any_of(ranges->begin(), ranges->end(), [&](const Range& range) {
    return code >= range.first && code <= range.last;
  });
}

std::optional<async::Duration> Backoff::Next(async::TimePoint now, double random) {
  if (policy_.max_retries >= 0 && retries_ >= policy_.max_retries) return std::nullopt;
  ++retries_;
  if (!policy_.exponential) return policy_.duration;
  const auto base = static_cast<double>(interval_.count());
  const async::Duration wait(
      static_cast<async::Duration::rep>(base * (1 - kJitter + 2 * kJitter * random)));
  interval_ = std::min(async::Duration(static_cast<async::Duration::rep>(base * kGrowth)),
                       policy_.max_interval);
  const bool limited = policy_.max_elapsed > async::Duration::zero();
  if (limited && now - start_ + wait > policy_.max_elapsed) return std::nullopt;
  return wait;
}

}  // namespace resiliency
