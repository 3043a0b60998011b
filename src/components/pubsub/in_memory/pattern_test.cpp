#include "components/pubsub/in_memory/pattern.hpp"

#include <gtest/gtest.h>

#include <string>

namespace components::pubsub::in_memory {
namespace {

TEST(Pattern, Table) {
  struct Case {
    const char* pattern;
    const char* topic;
    bool matches;
  };
  for (const Case& c : {
           Case{"a", "a", true},
           {"a", "b", false},
           {"a", "a.b", false},
           {"a.b", "a", false},
           {"*", "a", true},
           {"*", "a.b", false},
           {"*", "", true},
           {"a.*", "a.b", true},
           {"a.*", "a", false},
           {"a.*", "a.b.c", false},
           {"*.b", "a.b", true},
           {"*.b", "a.c", false},
           {"a/*/c", "a/b/c", true},
           {"a/*/c", "a/b/d/c", false},
           {"#", "a", true},
           {"#", "a.b.c", true},
           {"a.#", "a", true},
           {"a.#", "a.b.c", true},
           {"a.#", "b.a", false},
           {"#.z", "z", true},
           {"#.z", "a.b.z", true},
           {"#.z", "a.z.b", false},
           {"a.#.z", "a.z", true},
           {"a.#.z", "a.b.c.z", true},
           {"a.#.z", "a.z.z.z", true},
           {"a.#.z", "a.z.z.y", false},
           {"#.m.#.z", "a.m.b.m.c.z", true},
           {"#.m.#.z", "a.b.c.z", false},
           {"#.*.z", "z", false},
           {"#.*.z", "a.z", true},
           {"order*", "order", true},
           {"order*", "orders.eu.north", true},
           {"order*", "ord", false},
           {"a.order*", "a.orders", true},
           {"a.order*", "b.orders", false},
           {"#.order*", "a.b.orders.eu", true},
           {"o*r.eu", "or.eu", false},
           {"", "", true},
           {"a.", "a.", true},
           {"a..b", "a.x.b", false},
           {"a.*.b", "a..b", true},
       }) {
    EXPECT_EQ(Matches(c.pattern, c.topic), c.matches) << c.pattern << " on " << c.topic;
  }
}

TEST(Pattern, HostileOnesTakeNoTime) {
  std::string pattern;
  std::string topic;
  for (int i = 0; i < 500; ++i) {
    pattern += "#.a.";
    topic += "a.";
  }
  EXPECT_FALSE(Matches(pattern + "b", topic + "c"));
  EXPECT_TRUE(Matches(pattern + "c", topic + "c"));
}

TEST(Pattern, IsPattern) {
  EXPECT_TRUE(IsPattern("a*"));
  EXPECT_TRUE(IsPattern("a.#"));
  EXPECT_FALSE(IsPattern("a.b"));
}

}  // namespace
}  // namespace components::pubsub::in_memory
