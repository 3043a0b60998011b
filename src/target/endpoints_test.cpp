#include "target/endpoints.hpp"

#include <gtest/gtest.h>

#include <map>

namespace target {
namespace {

using std::chrono::milliseconds;

std::shared_ptr<const AddressList> List(std::initializer_list<uint16_t> ports,
                                        uint64_t generation) {
  auto list = std::make_shared<AddressList>();
  for (const uint16_t port : ports) {
    list->addresses.push_back(net::Address::FromIp("10.0.0.1", port).value());
  }
  list->generation = generation;
  return list;
}

TEST(Endpoints, PicksTheLeastLoadedAndGoesRoundOnTies) {
  Endpoints endpoints;
  endpoints.Update(List({1, 2, 3}, 1));
  const auto now = async::Clock::now();
  std::map<uint16_t, int> picked;
  for (int i = 0; i < 30; ++i) ++picked[endpoints.Pick(now)->address.port()];
  EXPECT_EQ(picked, (std::map<uint16_t, int>{{1, 10}, {2, 10}, {3, 10}}));

  auto busy = endpoints.Pick(now);
  busy->outstanding = 5;
  for (int i = 0; i < 10; ++i) EXPECT_NE(endpoints.Pick(now), busy);
}

TEST(Endpoints, FailedOnesAreSetAsideLongerAndLonger) {
  Endpoints endpoints;
  endpoints.Update(List({1}, 1));
  const auto now = async::Clock::now();
  auto only = endpoints.Pick(now);
  Endpoints::Failed(*only, now);
  EXPECT_EQ(endpoints.Pick(now), nullptr);
  EXPECT_EQ(endpoints.PickAside(), only);
  EXPECT_EQ(endpoints.Pick(now + milliseconds(101)), only);
  for (int i = 0; i < 20; ++i) Endpoints::Failed(*only, now);
  EXPECT_EQ(endpoints.Pick(now + milliseconds(4'900)), nullptr);
  EXPECT_EQ(endpoints.Pick(now + milliseconds(5'001)), only);
  endpoints.ForgiveAll();
  EXPECT_EQ(endpoints.Pick(now), only);
}

TEST(Endpoints, ManyBreaksAtOnceAreOnePieceOfNews) {
  Endpoints endpoints;
  endpoints.Update(List({1, 2}, 1));
  const auto now = async::Clock::now();
  auto one = endpoints.Pick(now);
  for (int i = 0; i < 20; ++i) Endpoints::Broke(*one, now);
  for (int i = 0; i < 4; ++i) EXPECT_NE(endpoints.Pick(now), one);
  EXPECT_EQ(one->failures, 1U);
  EXPECT_LE(one->aside_until, now + milliseconds(100));
}

TEST(Endpoints, OneWhoseConnectionBrokeMayStillBeWell) {
  Endpoints endpoints;
  endpoints.Update(List({1, 2}, 1));
  const auto now = async::Clock::now();
  auto one = endpoints.Pick(now);
  auto two = endpoints.Pick(now);
  EXPECT_EQ(endpoints.PickBroken(), nullptr);
  Endpoints::Broke(*one, now);
  Endpoints::Failed(*two, now);
  EXPECT_EQ(endpoints.PickBroken(), one);
  Endpoints::Failed(*one, now);
  EXPECT_EQ(endpoints.PickBroken(), nullptr);
  Endpoints::Succeeded(*one);
  Endpoints::Broke(*one, now);
  Endpoints::Succeeded(*one);
  EXPECT_EQ(endpoints.PickBroken(), nullptr);
}

TEST(Endpoints, AnUpdateKeepsTheCountsOfWhatStays) {
  Endpoints endpoints;
  endpoints.Update(List({1, 2}, 1));
  const auto now = async::Clock::now();
  auto first = endpoints.Pick(now);
  first->outstanding = 1;
  auto second = endpoints.Pick(now);
  EXPECT_NE(first, second);
  endpoints.Update(List({2, 3}, 2));
  EXPECT_EQ(endpoints.generation(), 2u);
  std::map<uint16_t, int> picked;
  for (int i = 0; i < 10; ++i) ++picked[endpoints.Pick(now)->address.port()];
  EXPECT_FALSE(picked.contains(1));
  EXPECT_TRUE(picked.contains(2) && picked.contains(3));
  endpoints.Update(List({}, 3));
  EXPECT_EQ(endpoints.Pick(now), nullptr);
  EXPECT_EQ(endpoints.PickAside(), nullptr);
}

}  // namespace
}  // namespace target
