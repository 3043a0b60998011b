#include "components/state/redis/value_text.hpp"

#include <gtest/gtest.h>

namespace components::state::redis {
namespace {

TEST(NumberText, HasSixDecimals) {
  const std::pair<const char*, const char*> cases[] = {
      {"0", "0"},
      {"-0", "0"},
      {"1", "1"},
      {"-1", "-1"},
      {"1.5", "1.5"},
      {"-0.5", "-0.5"},
      {"0.1", "0.1"},
      {"1.0000001", "1"},
      {"1.0000005", "1.000001"},
      {"0.000001", "0.000001"},
      {"1e-06", "0.000001"},
      {"1e-7", "0"},
      {"3.141592653589793", "3.141593"},
      {"0.010203", "0.010203"},
      {"1.05", "1.05"},
      {"83886079", "83886079"},
      {"83886079.5", "83886079.5"},
      {"83886079.1234567", "83886079.1234567"},
      {"9007199254740993", "9007199254740992"},
      {"1e+20", "100000000000000000000"},
      {"1e+21", "1e+21"},
      {"-1.7976931348623157e+308", "-1.7976931348623157e+308"},
  };
  for (const auto& [number, text] : cases) EXPECT_EQ(NumberText(number), text) << number;
}

TEST(ValueText, ChangesNumbersAndEscapesOnly) {
  EXPECT_EQ(ValueText(R"({"a":[1,2.50000001,"x"],"e":true})"), R"({"a":[1,2.5,"x"],"e":true})");
  EXPECT_EQ(ValueText(R"("\u003cb\u003e \u0026 \u2028")"), "\"<b> & \xe2\x80\xa8\"");
  EXPECT_EQ(ValueText(R"("1.23456789 \"2.3456789\" \\ 1e5")"),
            R"("1.23456789 \"2.3456789\" \\ 1e5")");
  EXPECT_EQ(ValueText(R"("\u0000\u001f\n\r\t\b\f")"), R"("\u0000\u001f\n\r\t\u0008\u000c")");
  EXPECT_EQ(ValueText(R"({"k\u003c":-0.25})"), R"({"k<":-0.25})");
  EXPECT_EQ(ValueText("null"), "null");
  EXPECT_EQ(ValueText("[]"), "[]");
  EXPECT_EQ(ValueText(R"("é")"), R"("é")");
}

}  // namespace
}  // namespace components::state::redis
