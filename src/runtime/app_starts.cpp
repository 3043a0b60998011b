#include "runtime/app_starts.hpp"

#include <algorithm>
#include <utility>

#include "base/heap.hpp"

namespace runtime {

void AppStarts::Begin(std::vector<InstanceConfig> configs) {
  if (configs.empty()) return;
  std::vector<std::pair<std::shared_ptr<One>, InstanceConfig>> starts;
  for (InstanceConfig& config : configs) {
    auto one = std::make_shared<One>();
    one->app_id = config.app_id;
    one->fingerprint = config.fingerprint;
    list_.push_back(one);
    starts.emplace_back(std::move(one), std::move(config));
  }
  loops_.StartThreads();
  loops_.at(0).Post([this, starts = std::move(starts)]() mutable {
    constexpr std::size_t kUsualInstance = std::size_t{48} << 10;
    for (auto& [one, config] : starts) {
      base::PrepareHeap(kUsualInstance);
      gate_.Spawn(Run(std::move(one), std::move(config)));
    }
  });
}

async::Task<void> AppStarts::Run(std::shared_ptr<One> one, InstanceConfig config) {
  Result result = co_await start_(async::Context(async::kForever, &one->cancel), std::move(config));
  {
    const std::lock_guard lock(mutex_);
    one->result = std::move(result);
  }
  ended_.notify_all();
}

bool AppStarts::Wait(std::optional<std::chrono::milliseconds> patience) {
  std::unique_lock lock(mutex_);
  const auto all = [&] {
    return std::ranges::all_of(list_, [](const auto& one) { return one->result.has_value(); });
  };
  if (patience) return ended_.wait_for(lock, *patience, all);
  ended_.wait(lock, all);
  return true;
}

std::vector<AppStarts::Ended> AppStarts::Take() {
  std::vector<Ended> out;
  const std::lock_guard lock(mutex_);
  std::erase_if(list_, [&](const std::shared_ptr<One>& one) {
    if (!one->result) return false;
    out.push_back({.app_id = one->app_id,
                   .instance = *std::move(one->result),
                   .wanted = one->wanted,
                   .outdated = one->outdated,
                   .everything = one->everything});
    return true;
  });
  return out;
}

bool AppStarts::Revisit(std::string_view app_id, std::string_view fingerprint, bool everything) {
  for (const auto& one : list_) {
    if (!one->wanted || one->app_id != app_id || one->fingerprint != fingerprint) continue;
    one->outdated = true;
    one->everything |= everything;
    return true;
  }
  return false;
}

std::vector<std::string> AppStarts::Wanted() const {
  std::vector<std::string> out;
  for (const auto& one : list_) {
    if (one->wanted) out.push_back(one->app_id);
  }
  return out;
}

bool AppStarts::Wants(std::string_view app_id) const {
  return std::ranges::any_of(list_,
                             [&](const auto& one) { return one->wanted && one->app_id == app_id; });
}

void AppStarts::Drop(std::string_view app_id) {
  for (const auto& one : list_) {
    if (one->app_id != app_id || !std::exchange(one->wanted, false)) continue;
    loops_.at(0).Post([one] { one->cancel.Cancel(); });
  }
}

void AppStarts::DropAll() {
  for (const std::string& app_id : Wanted()) Drop(app_id);
}

async::Task<void> AppStarts::Leave() {
  const async::Context patient;
  co_await gate_.Close(patient);
}

void AppStarts::Close() {
  DropAll();
  Wait(std::nullopt);
  loops_.RunTaskOn(0, [this] { return Leave(); });
}

}  // namespace runtime
