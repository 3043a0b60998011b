// All series of the process, grouped by the app they belong to.
//
// A Host has one Registry. Each Instance takes its AppSeries from it and creates its series there,
// rarely and under a lock; recording goes to the Series itself without one. The metrics server
// prints the registry (exposition.hpp).
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "telemetry/label_rules.hpp"
#include "telemetry/series.hpp"

namespace telemetry {

inline constexpr std::string_view kOverflowLabel = "_overflow_";

struct AppSeriesOptions {
  std::string app_id;
  std::vector<double> latency_buckets;  // milliseconds; empty = the default ones
  std::shared_ptr<const LabelRules> rules;
  // A flood of distinct label values (paths, methods) must not eat memory: further values of a
  // family that has this many series are counted in one whose labels are all `_overflow_`.
  size_t max_series_per_family = 1000;
};

/// The series of one app. They live as long as this object, also after DropApp took it off the
/// exposition, so a pointer to a Series stays good for whoever holds the AppSeries.
class AppSeries {
 public:
  AppSeries(AppSeriesOptions options, int loops);

  /// The series of `family` with these label values (in the family's order, missing ones empty),
  /// made at first use. Values are cleaned first: invalid UTF-8 replaced, cut to 255 bytes, rules
  /// applied. `app_id` replaces the app's own id where a family is labelled with another one.
  Series& With(const Family& family, std::span<const std::string_view> values,
               std::optional<std::string_view> app_id = std::nullopt);
  Series& With(const Family& family, std::initializer_list<std::string_view> values) {
    return With(family, std::span(values.begin(), values.size()));
  }

  /// All series made so far, in no order. The pointers stay good as long as this object.
  void Collect(std::vector<const Series*>& out) const;

  const std::string& app_id() const { return options_.app_id; }
  int loops() const { return loops_; }

 private:
  struct PerFamily {
    std::vector<std::unique_ptr<Series>> all;
    std::unordered_map<std::string_view, Series*> by_labels;  // keys point into the series
    Series* overflow = nullptr;
  };
  std::unique_ptr<Series> Make(const Family& family, std::string labels) const;

  const AppSeriesOptions options_;
  const std::vector<double> latency_buckets_;
  const int loops_;
  mutable std::mutex mutex_;
  std::unordered_map<const Family*, PerFamily> families_;
};

class Registry {
 public:
  /// `loops`: how many data loops register themselves (shard.hpp), at least 0.
  explicit Registry(int loops) : loops_(loops) {}

  /// The series of an app. The options count for the first call only: to change them, drop the app.
  std::shared_ptr<AppSeries> App(AppSeriesOptions options);

  /// Takes the app's series off the exposition; they are freed with their last user.
  void DropApp(std::string_view app_id);

  std::vector<std::shared_ptr<AppSeries>> Apps() const;

 private:
  const int loops_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<AppSeries>, std::less<>> apps_;
};

}  // namespace telemetry
