#include "base/time.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "base/duration.hpp"

namespace base {
namespace {

using std::chrono::nanoseconds;

TEST(Duration, ParsesAndFormats) {
  struct Case {
    std::string_view in;
    int64_t nanos;
    std::string_view out;
  };
  const Case cases[] = {{"0", 0, "0s"},
                        {"1h2m3.5s", 3'723'500'000'000, "1h2m3.5s"},
                        {"300ms", 300'000'000, "300ms"},
                        {"-1s", -1'000'000'000, "-1s"},
                        {"1.5us", 1500, "1.5µs"},
                        {"1500µs", 1'500'000, "1.5ms"},
                        {"90m", 5'400'000'000'000, "1h30m0s"},
                        {"60s", 60'000'000'000, "1m0s"},
                        {".5s", 500'000'000, "500ms"},
                        {"1.s", 1'000'000'000, "1s"},
                        {"7ns", 7, "7ns"},
                        {"+24h", 86'400'000'000'000, "24h0m0s"},
                        {"0.3333333333333333333h", 1'200'000'000'000, "20m0s"},
                        {"9223372036854775807ns", INT64_MAX, "2562047h47m16.854775807s"},
                        {"-9223372036854775808ns", INT64_MIN, "-2562047h47m16.854775808s"}};
  for (const Case& c : cases) {
    const auto got = ParseDuration(c.in);
    ASSERT_TRUE(got) << c.in;
    EXPECT_EQ(got->count(), c.nanos) << c.in;
    EXPECT_EQ(FormatDuration(*got), c.out) << c.in;
  }
  for (std::string_view bad :
       {"", "1", "s", ".s", "1 s", "1d", "-", "1h-2m", "9223372036854775808ns", "1e3s",
        "99999999999999999999s", "3000000h"}) {
    EXPECT_FALSE(ParseDuration(bad)) << bad;
  }
}

TEST(Duration, BareIntegerIsMilliseconds) {
  EXPECT_EQ(ParseDurationOrMillis("250")->count(), 250'000'000);
  EXPECT_EQ(ParseDurationOrMillis("-1")->count(), -1'000'000);
  EXPECT_EQ(ParseDurationOrMillis("2s")->count(), 2'000'000'000);
  EXPECT_FALSE(ParseDurationOrMillis("9223372036854775807"));
  EXPECT_FALSE(ParseDurationOrMillis("1.5"));
}

TEST(Rfc3339, BothWays) {
  struct Case {
    std::string_view in, seconds, nano;
  };
  const Case cases[] = {
      {"2024-05-06T07:08:09Z", "2024-05-06T07:08:09Z", "2024-05-06T07:08:09Z"},
      {"2024-05-06T07:08:09.120Z", "2024-05-06T07:08:09Z", "2024-05-06T07:08:09.12Z"},
      {"2024-02-29T23:59:59.999999999+02:00", "2024-02-29T21:59:59Z",
       "2024-02-29T21:59:59.999999999Z"},
      {"1969-12-31T23:59:59.5-00:30", "1970-01-01T00:29:59Z", "1970-01-01T00:29:59.5Z"},
      {"1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.25Z"}};
  for (const Case& c : cases) {
    const auto time = ParseRfc3339(c.in);
    ASSERT_TRUE(time) << c.in;
    EXPECT_EQ(FormatRfc3339(*time), c.seconds);
    EXPECT_EQ(FormatRfc3339Nano(*time), c.nano);
  }
  for (std::string_view bad :
       {"", "2024-05-06", "2024-05-06 07:08:09Z", "2024-05-06T07:08:09", "2024-13-06T07:08:09Z",
        "2023-02-29T07:08:09Z", "2024-05-06T24:08:09Z", "2024-05-06T07:08:60Z",
        "2024-05-06T07:08:09.Z", "2024-05-06T07:08:09+0200", "2024-05-06T07:08:09Zx",
        "2024-05-06T7:08:09Z"}) {
    EXPECT_FALSE(ParseRfc3339(bad)) << bad;
  }
  EXPECT_EQ(ParseRfc3339("9999-12-31T23:59:59Z"), WallTime::max());
}

TEST(Rfc3339, LocalZone) {
  const char* before = std::getenv("TZ");
  const std::string saved = before == nullptr ? "" : before;
  ::setenv("TZ", "XYZ-05:30", 1);
  ::tzset();
  const WallTime time = *ParseRfc3339("2024-05-06T07:08:09.5Z");
  EXPECT_EQ(FormatRfc3339Local(time), "2024-05-06T12:38:09+05:30");
  EXPECT_EQ(FormatRfc3339NanoLocal(time), "2024-05-06T12:38:09.5+05:30");
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  EXPECT_EQ(FormatRfc3339Local(time), "2024-05-06T07:08:09Z");
  if (before == nullptr) {
    ::unsetenv("TZ");
  } else {
    ::setenv("TZ", saved.c_str(), 1);
  }
  ::tzset();
}

TEST(HttpDate, BothWays) {
  const WallTime time = *ParseRfc3339("1994-11-06T08:49:37.9Z");
  EXPECT_EQ(FormatHttpDate(time), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(ParseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), *ParseRfc3339("1994-11-06T08:49:37Z"));
  for (std::string_view bad : {"", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 31 Feb 1994 08:49:37 GMT",
                               "Sun, 06 Foo 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"}) {
    EXPECT_FALSE(ParseHttpDate(bad)) << bad;
  }
}

}  // namespace
}  // namespace base
