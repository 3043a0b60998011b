#include "telemetry/exposition.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>

namespace telemetry {
namespace {

constexpr Family kCalls{"t_calls", Type::kCounter, Buckets::kNone, "Calls\\ of\nx.", {"b", "a"}};
constexpr Family kTime{"t_time", Type::kHistogram, Buckets::kLatencyMs, "Time.", {"path"}};
constexpr Family kLevel{"t_level", Type::kGauge, Buckets::kNone, "Level.", {}};
constexpr Family kUnused{"t_unused", Type::kGauge, Buckets::kNone, "Never seen.", {}};

TEST(Exposition, ExactText) {
  Registry registry(1);
  auto app = registry.App({.app_id = "shop", .latency_buckets = {1, 2.5, 1000000}});
  auto other = registry.App({.app_id = "cart"});
  app->With(kTime, {"/x"}).Observe(2);
  app->With(kTime, {"/x"}).Observe(0.5);
  app->With(kTime, {"/x"}).Observe(5e6);
  app->With(kCalls, {"2", "x"}).Add(1234567);
  app->With(kCalls, {"1", ""}).Add(3);
  other->With(kCalls, {"say \"hi\"\n"}).Add();
  other->With(kLevel, {}).Set(-0.25);
  app->With(kUnused, {});

  std::string page = Exposition(registry);
  const size_t process = page.find("# HELP process_");
  ASSERT_NE(process, std::string::npos);
  EXPECT_EQ(page.substr(0, process),
            "# HELP t_calls Calls\\\\ of\\nx.\n"
            "# TYPE t_calls counter\n"
            "t_calls{app_id=\"cart\",b=\"say \\\"hi\\\"\\n\",a=\"\"} 1\n"
            "t_calls{app_id=\"shop\",b=\"1\",a=\"\"} 3\n"
            "t_calls{app_id=\"shop\",b=\"2\",a=\"x\"} 1.234567e+06\n"
            "# HELP t_level Level.\n"
            "# TYPE t_level gauge\n"
            "t_level{app_id=\"cart\"} -0.25\n"
            "# HELP t_time Time.\n"
            "# TYPE t_time histogram\n"
            "t_time_bucket{app_id=\"shop\",path=\"/x\",le=\"1\"} 1\n"
            "t_time_bucket{app_id=\"shop\",path=\"/x\",le=\"2.5\"} 2\n"
            "t_time_bucket{app_id=\"shop\",path=\"/x\",le=\"1e+06\"} 2\n"
            "t_time_bucket{app_id=\"shop\",path=\"/x\",le=\"+Inf\"} 3\n"
            "t_time_sum{app_id=\"shop\",path=\"/x\"} 5.0000025e+06\n"
            "t_time_count{app_id=\"shop\",path=\"/x\"} 3\n");
}

TEST(Exposition, ContentType) {
  EXPECT_EQ(kExpositionContentType,
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
}

TEST(Exposition, LargePagesComeInPieces) {
  Registry registry(1);
  auto app = registry.App({.app_id = "shop", .max_series_per_family = 5000});
  for (int i = 0; i < 5000; ++i) app->With(kCalls, {std::to_string(i)}).Add();
  size_t pieces = 0;
  size_t longest = 0;
  std::string whole;
  WriteExposition(registry, [&](std::string_view piece) {
    ++pieces;
    longest = std::max(longest, piece.size());
    whole += piece;
  });
  EXPECT_GT(pieces, 2u);
  EXPECT_LT(longest, 80u << 10);
  EXPECT_EQ(whole.find("# TYPE t_calls"), whole.rfind("# TYPE t_calls"));
}

TEST(GoFloat, Table) {
  const struct {
    double value;
    std::string_view text;
  } kCases[] = {
      {0, "0"},
      {1, "1"},
      {-1, "-1"},
      {0.1, "0.1"},
      {100000, "100000"},
      {999999, "999999"},
      {1000000, "1e+06"},
      {1048576, "1.048576e+06"},
      {4294967296, "4.294967296e+09"},
      {123456.789, "123456.789"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {1e100, "1e+100"},
      {1.0 / 3, "0.3333333333333333"},
      {1e21, "1e+21"},
      {std::numeric_limits<double>::infinity(), "+Inf"},
      {-std::numeric_limits<double>::infinity(), "-Inf"},
      {std::numeric_limits<double>::quiet_NaN(), "NaN"},
  };
  for (const auto& c : kCases) {
    std::string text;
    AppendGoFloat(text, c.value);
    EXPECT_EQ(text, c.text);
  }
}

TEST(ProcessMetrics, AreThereAndPlausible) {
  std::string text;
  AppendProcessMetrics(text);
  const auto value = [&](const std::string& name) {
    const size_t at = text.find("\n" + name + " ");
    EXPECT_NE(at, std::string::npos) << name << " missing in " << text;
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  };
  EXPECT_GE(value("process_cpu_seconds_total"), 0);
  EXPECT_GE(value("process_open_fds"), 3);
  EXPECT_GT(value("process_max_fds"), value("process_open_fds"));
  EXPECT_GT(value("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(value("process_virtual_memory_bytes"), value("process_resident_memory_bytes"));
  EXPECT_NEAR(value("process_start_time_seconds"), static_cast<double>(time(nullptr)), 3600);
  EXPECT_NE(text.find("# TYPE process_cpu_seconds_total counter\n"), std::string::npos);
  EXPECT_NE(text.find("# TYPE process_open_fds gauge\n"), std::string::npos);
}

}  // namespace
}  // namespace telemetry
