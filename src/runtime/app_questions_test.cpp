#include "runtime/app_questions.hpp"

#include <gtest/gtest.h>

namespace runtime {
namespace {

TEST(AppQuestions, SubscriptionsOfHttpAppsAreCounted) {
  EXPECT_EQ(CountSubscriptions("[]"), 0U);
  EXPECT_EQ(CountSubscriptions("null"), 0U);
  EXPECT_EQ(CountSubscriptions(R"([{"pubsubname":"p","topic":"a"},{"topic":"b"}])"), 2U);
  for (const char* bad : {"", "{}", "hello", "[", "[1]x", "7"}) {
    EXPECT_FALSE(CountSubscriptions(bad)) << bad;
  }
}

TEST(AppQuestions, SubscriptionsOfGrpcAppsAreCounted) {
  EXPECT_EQ(CountGrpcSubscriptions(""), 0U);
  EXPECT_EQ(CountGrpcSubscriptions(std::string_view("\x0a\x03\x0a\x01p\x0a\x00", 7)), 2U);
  EXPECT_FALSE(CountGrpcSubscriptions("\x0a\x05"));
}

}  // namespace
}  // namespace runtime
