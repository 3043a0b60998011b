#include "telemetry/registry.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "telemetry/exposition.hpp"
#include "telemetry/series_cache.hpp"

namespace telemetry {
namespace {

constexpr Family kCalls{"t_calls", Type::kCounter, Buckets::kNone, "Calls.", {"path"}};
constexpr Family kTime{"t_time", Type::kHistogram, Buckets::kLatencyMs, "Time.", {"path"}};
constexpr Family kLevel{"t_level", Type::kGauge, Buckets::kNone, "Level.", {}};

class OnLoop {
 public:
  explicit OnLoop(int index) { SetShardIndex(index); }
  ~OnLoop() { SetShardIndex(-1); }
};

TEST(AppSeries, SameLabelsSameSeries) {
  AppSeries app({.app_id = "a"}, 1);
  Series& x = app.With(kCalls, {"/x"});
  EXPECT_EQ(&x, &app.With(kCalls, {"/x"}));
  EXPECT_NE(&x, &app.With(kCalls, {"/y"}));
  EXPECT_EQ(x.labels(), "app_id=\"a\",path=\"/x\"");
  EXPECT_EQ(app.With(kCalls, {}).labels(), "app_id=\"a\",path=\"\"");
  const std::string_view values[] = {"/x"};
  EXPECT_EQ(app.With(kCalls, values, "caller").labels(), "app_id=\"caller\",path=\"/x\"");
}

TEST(AppSeries, ValuesAreCleaned) {
  AppSeries app({.app_id = "a"}, 1);
  EXPECT_EQ(app.With(kCalls, {"q\"b\\n\n\xff\xc3\xbc"}).labels(),
            "app_id=\"a\",path=\"q\\\"b\\\\n\\n?\xc3\xbc\"");
  const std::string longest(300, 'x');
  EXPECT_EQ(app.With(kCalls, {longest}).labels(),
            "app_id=\"a\",path=\"" + std::string(255, 'x') + "\"");
}

TEST(AppSeries, RulesMergeSeries) {
  auto rules = LabelRules::Create({{"t_calls", {{"path", {{"/n/{id}", "/n/.*"}}}}}});
  ASSERT_TRUE(rules);
  AppSeries app({.app_id = "a", .rules = *rules}, 1);
  EXPECT_EQ(&app.With(kCalls, {"/n/1"}), &app.With(kCalls, {"/n/2"}));
}

TEST(AppSeries, CardinalityIsCapped) {
  AppSeries app({.app_id = "a", .max_series_per_family = 3}, 1);
  for (int i = 0; i < 100; ++i) app.With(kCalls, {std::to_string(i)}).Add();
  std::vector<const Series*> all;
  app.Collect(all);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(app.With(kCalls, {"1"}).Read().value, 1);
  EXPECT_EQ(app.With(kCalls, {"new"}).labels(), "app_id=\"a\",path=\"_overflow_\"");
  EXPECT_EQ(app.With(kCalls, {"new"}).Read().value, 97);
  // Another family has its own room.
  EXPECT_EQ(app.With(kTime, {"new"}).labels(), "app_id=\"a\",path=\"new\"");
}

TEST(Series, AbsentUntilRecorded) {
  AppSeries app({.app_id = "a"}, 1);
  EXPECT_FALSE(app.With(kCalls, {"x"}).Read().present);
  app.With(kCalls, {"x"}).Add(0);
  EXPECT_TRUE(app.With(kCalls, {"x"}).Read().present);
}

TEST(Series, GaugeDeltasMayComeFromDifferentLoops) {
  AppSeries app({.app_id = "a"}, 2);
  Series& level = app.With(kLevel, {});
  {
    OnLoop loop(0);
    level.Add(5);
  }
  {
    OnLoop loop(1);
    level.Add(-4);
  }
  EXPECT_EQ(level.Read().value, 1);
  level.Add(-3);
  EXPECT_EQ(level.Read().value, -2);
  Series& other = app.With(kCalls, {"set"});
  other.Set(7);
  other.Set(2.5);
  EXPECT_EQ(other.Read().value, 2.5);
}

TEST(Series, HistogramBoundsAreInclusive) {
  AppSeries app({.app_id = "a", .latency_buckets = {10, 1, 5, 5}}, 1);
  Series& time = app.With(kTime, {"x"});
  for (const double v : {0.0, 1.0, 1.1, 5.0, 10.0, 10.1, 1e9}) time.Observe(v);
  time.Observe(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(time.bounds(), (std::vector<double>{1, 5, 10}));
  EXPECT_EQ(time.Read().buckets, (std::vector<uint64_t>{2, 2, 1, 2}));
  EXPECT_DOUBLE_EQ(time.Read().value, 1e9 + 27.2);
}

TEST(Registry, DroppedAppLeavesThePageButItsSeriesStay) {
  Registry registry(1);
  auto a = registry.App({.app_id = "a"});
  registry.App({.app_id = "b"})->With(kCalls, {"x"}).Add();
  Series& series = a->With(kCalls, {"x"});
  series.Add();
  EXPECT_EQ(registry.App({.app_id = "a"}), a);
  EXPECT_NE(Exposition(registry).find("t_calls{app_id=\"a\""), std::string::npos);
  registry.DropApp("a");
  registry.DropApp("unknown");
  const std::string page = Exposition(registry);
  EXPECT_EQ(page.find("app_id=\"a\""), std::string::npos);
  EXPECT_NE(page.find("t_calls{app_id=\"b\",path=\"x\"} 1\n"), std::string::npos);
  series.Add();
  EXPECT_EQ(series.Read().value, 2);
  EXPECT_NE(registry.App({.app_id = "a"}), a);
}

// Loops and other threads record and create while a reader prints: nothing is lost.
TEST(Registry, Concurrency) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 5000;
  Registry registry(2);  // two threads are loops, two are not
  auto app = registry.App({.app_id = "a", .max_series_per_family = 20});
  SeriesCache cache(2);
  std::atomic<bool> done = false;
  std::jthread reader([&] {
    while (!done) EXPECT_NE(Exposition(registry), "");
  });
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        if (t < 2) SetShardIndex(t);
        for (int i = 0; i < kRounds; ++i) {
          const std::string path = std::to_string(i % 50);
          const SeriesSet set = cache.Get(&kCalls, {path}, [&] {
            return SeriesSet{&app->With(kCalls, {path}), &app->With(kTime, {path})};
          });
          set[0]->Add();
          set[1]->Observe(i % 7);
          app->With(kLevel, {}).Add(i % 2 == 0 ? 1 : -1);
          if (i % 100 == 0) registry.App({.app_id = "b" + std::to_string(t)});
          if (i % 200 == 0) registry.DropApp("b" + std::to_string(t));
        }
      });
    }
  }
  done = true;
  reader.join();
  std::vector<const Series*> all;
  app->Collect(all);
  double calls = 0;
  uint64_t times = 0;
  for (const Series* series : all) {
    if (&series->family() == &kCalls) calls += series->Read().value;
    if (&series->family() == &kTime) {
      for (const uint64_t n : series->Read().buckets) times += n;
    }
  }
  EXPECT_EQ(calls, kThreads * kRounds);
  EXPECT_EQ(times, uint64_t{kThreads} * kRounds);
  EXPECT_EQ(app->With(kLevel, {}).Read().value, 0);
}

TEST(SeriesTable, KeysDoNotRunTogetherAndSizeIsBounded) {
  SeriesTable table;
  Series* fake = reinterpret_cast<Series*>(0x10);
  const auto hash = [](std::initializer_list<std::string_view> parts) {
    return SeriesTable::Hash(&kCalls, parts);
  };
  EXPECT_EQ(table.Find(hash({"ab", "c"}), &kCalls, {"ab", "c"}), nullptr);
  table.Insert(hash({"ab", "c"}), &kCalls, {"ab", "c"}, {fake});
  ASSERT_NE(table.Find(hash({"ab", "c"}), &kCalls, {"ab", "c"}), nullptr);
  // The same hash with other parts or another tag is another entry.
  EXPECT_EQ(table.Find(hash({"ab", "c"}), &kCalls, {"a", "bc"}), nullptr);
  EXPECT_EQ(table.Find(hash({"ab", "c"}), &kCalls, {"ab"}), nullptr);
  EXPECT_EQ(table.Find(hash({"ab", "c"}), &kCalls, {"ab", "c", ""}), nullptr);
  EXPECT_EQ(table.Find(hash({"ab", "c"}), &kTime, {"ab", "c"}), nullptr);
  for (size_t i = 0; i < 3 * SeriesTable::kMaxEntries; ++i) {
    const std::string key = std::to_string(i);
    table.Insert(hash({key}), &kCalls, {key}, {fake});
    ASSERT_NE(table.Find(hash({key}), &kCalls, {key}), nullptr) << i;
  }
  EXPECT_EQ(table.Find(hash({"0"}), &kCalls, {"0"}), nullptr);
}

}  // namespace
}  // namespace telemetry
