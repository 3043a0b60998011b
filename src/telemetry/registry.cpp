#include "telemetry/registry.hpp"

#include <algorithm>
#include <cmath>

#include "base/utf8.hpp"
#include "telemetry/exposition.hpp"
#include "telemetry/log.hpp"

namespace telemetry {
namespace {

constexpr size_t kMaxLabelBytes = 255;

// One invalid byte makes a scraper refuse the whole page, so nothing of that kind may enter.
std::string CleanValue(std::string_view value) {
  std::string out;
  for (size_t i = 0; i < value.size();) {
    const size_t start = i;
    const bool valid = base::DecodeUtf8(value, i).valid;
    if (out.size() + (i - start) > kMaxLabelBytes) break;
    if (valid) {
      out.append(value, start, i - start);
    } else {
      out += '?';
    }
  }
  return out;
}

std::vector<double> CheckedBuckets(std::vector<double> buckets) {
  std::erase_if(buckets, [](double bound) { return !std::isfinite(bound); });
  std::ranges::sort(buckets);
  buckets.erase(std::unique(buckets.begin(), buckets.end()), buckets.end());
  return buckets.empty() ? DefaultBuckets(Buckets::kLatencyMs) : buckets;
}

}  // namespace

AppSeries::AppSeries(AppSeriesOptions options, int loops)
    : options_(std::move(options)),
      latency_buckets_(CheckedBuckets(options_.latency_buckets)),
      loops_(loops) {}

std::unique_ptr<Series> AppSeries::Make(const Family& family, std::string labels) const {
  const std::vector<double>* bounds = nullptr;
  if (family.type == Type::kHistogram) {
    bounds =
        family.buckets == Buckets::kLatencyMs ? &latency_buckets_ : &DefaultBuckets(family.buckets);
  }
  return std::make_unique<Series>(family, std::move(labels), bounds, loops_);
}

Series& AppSeries::With(const Family& family, std::span<const std::string_view> values,
                        std::optional<std::string_view> app_id) {
  std::string labels;
  AppendLabel(labels, "app_id", CleanValue(app_id.value_or(options_.app_id)));
  const size_t count = family.label_count();
  for (size_t i = 0; i < count; ++i) {
    std::string value = CleanValue(i < values.size() ? values[i] : std::string_view());
    if (options_.rules) {
      value = CleanValue(options_.rules->Apply(family.name, family.labels[i], std::move(value)));
    }
    AppendLabel(labels, family.labels[i], value);
  }

  {
    const std::lock_guard lock(mutex_);
    PerFamily& of = families_[&family];
    if (auto found = of.by_labels.find(labels); found != of.by_labels.end()) return *found->second;
    if (of.all.size() < options_.max_series_per_family || count == 0) {
      Series* series = of.all.emplace_back(Make(family, std::move(labels))).get();
      of.by_labels.emplace(series->labels(), series);
      return *series;
    }
    if (of.overflow != nullptr) return *of.overflow;
    labels.clear();
    AppendLabel(labels, "app_id", CleanValue(options_.app_id));
    for (size_t i = 0; i < count; ++i) AppendLabel(labels, family.labels[i], kOverflowLabel);
    of.overflow = of.all.emplace_back(Make(family, std::move(labels))).get();
  }
  static const Log log("dapr.runtime.metrics");
  log.WithAppId(options_.app_id)
      .Warning(
          "a metric has too many label values; further ones are counted as _overflow_. "
          "Reduce them with metrics.http.pathMatching, increasedCardinality or metrics.rules",
          {{"metric", family.name}, {"limit", options_.max_series_per_family}});
  const std::lock_guard lock(mutex_);
  return *families_[&family].overflow;
}

void AppSeries::Collect(std::vector<const Series*>& out) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [family, of] : families_) {
    for (const auto& series : of.all) out.push_back(series.get());
  }
}

std::shared_ptr<AppSeries> Registry::App(AppSeriesOptions options) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<AppSeries>& app = apps_[options.app_id];
  if (!app) app = std::make_shared<AppSeries>(std::move(options), loops_);
  return app;
}

void Registry::DropApp(std::string_view app_id) {
  std::shared_ptr<AppSeries> dropped;  // freed after the lock
  const std::lock_guard lock(mutex_);
  if (auto found = apps_.find(app_id); found != apps_.end()) {
    dropped = std::move(found->second);
    apps_.erase(found);
  }
}

std::vector<std::shared_ptr<AppSeries>> Registry::Apps() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<AppSeries>> apps;
  apps.reserve(apps_.size());
  for (const auto& [id, app] : apps_) apps.push_back(app);
  return apps;
}

}  // namespace telemetry
