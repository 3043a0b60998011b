#include "components/nameresolution/mdns/cache.hpp"

#include <gtest/gtest.h>

namespace components::nameresolution::mdns {
namespace {

using contracts::Endpoint;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::string_literals::operator""s;
using Endpoints = Cache::Endpoints;
using Wanted = Cache::Wanted;

class CacheTest : public testing::Test {
 protected:
  Name InstanceOf(std::string_view app_id, int number) {
    return NameFromLabels({"host:" + std::to_string(number), app_id, "local"}).value();
  }
  void Heard(std::string_view app_id, int number, Endpoints v4, Endpoints v6 = {}) {
    cache_.Update(app_id, InstanceOf(app_id, number), std::move(v4), std::move(v6), now_);
  }
  Wanted Want(std::string_view app_id) { return cache_.Want(app_id, nullptr, now_); }
  Endpoints Find(std::string_view app_id) { return cache_.Find(app_id, now_); }

  Cache cache_;
  async::TimePoint now_ = async::TimePoint() + std::chrono::hours(1);
};

TEST_F(CacheTest, OnlyWantedAppsAreKept) {
  Heard("cart", 1, {{"10.0.0.1", 1}});
  EXPECT_EQ(Find("cart"), Endpoints{});
  EXPECT_EQ(Want("cart"), Wanted::kBrowse);
  Heard("cart", 1, {{"10.0.0.1", 1}});
  EXPECT_EQ(Find("cart"), (Endpoints{{"10.0.0.1", 1}}));
}

TEST_F(CacheTest, OneLookAtATime) {
  EXPECT_EQ(Want("cart"), Wanted::kBrowse);
  EXPECT_EQ(Want("cart"), Wanted::kWait);
  cache_.EndBrowse("cart", now_);
  EXPECT_EQ(Want("cart"), Wanted::kAbsent);
  now_ += kAbsentLife + milliseconds(1);
  EXPECT_EQ(Want("cart"), Wanted::kBrowse);
}

TEST_F(CacheTest, AnAbsentAppThatComesIsFound) {
  Want("cart");
  cache_.EndBrowse("cart", now_);
  Heard("cart", 1, {{"10.0.0.1", 1}});
  EXPECT_EQ(Find("cart"), (Endpoints{{"10.0.0.1", 1}}));
}

TEST_F(CacheTest, TakesTurns) {
  Want("cart");
  Heard("cart", 1, {{"10.0.0.1", 1}});
  Heard("cart", 2, {{"10.0.0.2", 1}});
  Heard("cart", 3, {{"10.0.0.1", 1}});  // the same address once more
  std::vector<std::string> first;
  for (int i = 0; i < 4; ++i) {
    const Endpoints found = Find("cart");
    ASSERT_EQ(found.size(), 2u);
    first.push_back(found.front().host);
  }
  EXPECT_EQ(first, (std::vector<std::string>{"10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2"}));
}

TEST_F(CacheTest, IPv4BeforeIPv6) {
  Want("cart");
  Heard("cart", 1, {}, {{"fd00::1", 1}});
  EXPECT_EQ(Find("cart"), (Endpoints{{"fd00::1", 1}}));
  Heard("cart", 2, {{"10.0.0.2", 1}}, {{"fd00::2", 1}});
  EXPECT_EQ(Find("cart"), (Endpoints{{"10.0.0.2", 1}}));
}

TEST_F(CacheTest, InstancesAreForgottenUnlessHeardOf) {
  Want("cart");
  Heard("cart", 1, {{"10.0.0.1", 1}});
  now_ += seconds(40);
  Heard("cart", 2, {{"10.0.0.2", 1}});
  EXPECT_EQ(cache_.Refresh(now_).size(), 1u);
  now_ += seconds(30);
  EXPECT_EQ(Find("cart"), (Endpoints{{"10.0.0.2", 1}}));
  now_ += seconds(31);
  EXPECT_EQ(Find("cart"), Endpoints{});
  EXPECT_TRUE(cache_.Refresh(now_).empty());
}

TEST_F(CacheTest, GoodbyesCount) {
  Want("cart");
  Heard("cart", 1, {{"10.0.0.1", 1}});
  cache_.Remove("cart", InstanceOf("cart", 2));
  EXPECT_EQ(Find("cart").size(), 1u);
  cache_.Remove("cart", InstanceOf("CART", 1));
  EXPECT_EQ(Find("cart"), Endpoints{});
}

TEST_F(CacheTest, OwnInstancesStay) {
  const Name name = InstanceOf("cart", 1);
  cache_.AddOwn("cart", name, {{"10.0.0.1", 1}}, {});
  Heard("cart", 1, {{"10.6.6.6", 1}});
  cache_.Remove("cart", name);
  now_ += minutes(60);
  EXPECT_EQ(Find("cart"), (Endpoints{{"10.0.0.1", 1}}));
  cache_.AddOwn("cart", name, {{"10.0.0.1", 2}}, {});
  EXPECT_EQ(Find("cart"), (Endpoints{{"10.0.0.1", 2}}));
  cache_.RemoveOwn("cart", name);
  EXPECT_EQ(Find("cart"), Endpoints{});
}

TEST_F(CacheTest, LettersOfAppIdsCount) {
  Want("Cart");
  Heard("cart", 1, {{"10.0.0.1", 1}});
  EXPECT_EQ(Find("Cart"), Endpoints{});
  cache_.Update("Cart", InstanceOf("cart", 1), {{"10.0.0.1", 1}}, {}, now_);
  EXPECT_EQ(Find("Cart").size(), 1u);
}

TEST_F(CacheTest, InstancesOfOtherServicesAreNotTaken) {
  Want("cart");
  cache_.Update("cart", InstanceOf("shop", 1), {{"10.0.0.1", 1}}, {}, now_);
  cache_.Update("cart", ServiceName("cart").value(), {{"10.0.0.1", 1}}, {}, now_);
  EXPECT_EQ(Find("cart"), Endpoints{});
}

TEST_F(CacheTest, ManyInstancesAreBounded) {
  Want("cart");
  for (int i = 0; i < 200; ++i) Heard("cart", i, {{"10.0.0." + std::to_string(i), 1}});
  EXPECT_EQ(Find("cart").size(), kMaxInstances);
  now_ += kInstanceLife;
  Heard("cart", 500, {{"10.0.1.1", 1}});
  EXPECT_EQ(Find("cart"), (Endpoints{{"10.0.1.1", 1}}));
}

TEST_F(CacheTest, ManyAppsAreBounded) {
  for (std::size_t i = 0; i < kMaxApps; ++i) {
    ASSERT_EQ(Want("app-" + std::to_string(i)), Wanted::kBrowse);
  }
  EXPECT_EQ(Want("one-more"), Wanted::kFull);  // all are being looked for
  cache_.EndBrowse("app-7", now_);
  EXPECT_EQ(Want("one-more"), Wanted::kBrowse);
  Heard("app-7", 1, {{"10.0.0.1", 1}});
  EXPECT_EQ(Find("app-7"), Endpoints{});
}

TEST_F(CacheTest, AppsNobodyAsksForAreForgotten) {
  Want("cart");
  cache_.EndBrowse("cart", now_);
  Heard("cart", 1, {{"10.0.0.1", 1}});
  now_ += kInterestLife + seconds(1);
  EXPECT_TRUE(cache_.Refresh(now_).empty());
  Heard("cart", 1, {{"10.0.0.1", 1}});
  EXPECT_EQ(Find("cart"), Endpoints{});
}

TEST_F(CacheTest, BadNames) {
  EXPECT_EQ(Want(""), Wanted::kBadName);
  EXPECT_EQ(Want(std::string(64, 'x')), Wanted::kBadName);
}

TEST_F(CacheTest, WaitersAreToldOnTheirLoop) {
  async::Loop loop;
  const auto waiting = std::make_shared<Waiting>(loop);
  EXPECT_EQ(cache_.Want("cart", waiting, now_), Wanted::kBrowse);
  EXPECT_TRUE(cache_.IsBrowsing("cart"));
  Heard("cart", 1, {{"10.0.0.1", 1}});
  EXPECT_FALSE(cache_.IsBrowsing("cart"));
  EXPECT_FALSE(waiting->over.is_set());
  loop.RunOnce(0);
  EXPECT_TRUE(waiting->over.is_set());
}

class LearnTest : public CacheTest {
 protected:
  Instance Example(std::string address) {
    return {.service = ServiceName("cart").value(),
            .name = InstanceOf("cart", 1),
            .host = NameFromLabels({"host", "local"}).value(),
            .port = 50002,
            .text = "cart",
            .address = std::move(address)};
  }
  void Hear(const std::string& bytes, bool from_here = false) {
    const auto packet = ParsePacket(bytes);
    ASSERT_TRUE(packet);
    Learn(*packet, from_here, now_, cache_);
  }
};

TEST_F(LearnTest, FromAResponse) {
  Want("cart");
  Hear(WriteResponse(Example("\x0a\0\0\1"s), 120));
  EXPECT_EQ(Find("cart"), (Endpoints{{"10.0.0.1", 50002}}));
  Hear(WriteResponse(Example("\x0a\0\0\1"s), 0));
  EXPECT_EQ(Find("cart"), Endpoints{});
  Hear(WriteResponse(Example("\xfd"s + std::string(14, '\0') + "\2"), 120));
  EXPECT_EQ(Find("cart"), (Endpoints{{"fd00::2", 50002}}));
}

TEST_F(LearnTest, TheTextSaysWhichAppItIs) {
  Want("cart");
  Instance other = Example("\x0a\0\0\1"s);
  other.text = "CART";
  Hear(WriteResponse(other, 120));
  EXPECT_EQ(Find("cart"), Endpoints{});
}

TEST_F(LearnTest, AddressesThatLeadNowhereAreNotTaken) {
  Want("cart");
  const std::string addresses[] = {"\0\0\0\0"s,
                                   "\xe0\0\0\xfb"s,
                                   "\xff\xff\xff\xff"s,
                                   "\x7f\0\0\1"s,
                                   std::string(16, '\0'),
                                   std::string(15, '\0') + "\1",
                                   "\xff\2"s + std::string(14, '\1'),
                                   "\xfe\x80"s + std::string(14, '\1'),
                                   std::string(10, '\0') + "\xff\xff\x7f\0\0\1"s};
  for (const std::string& address : addresses) Hear(WriteResponse(Example(address), 120));
  EXPECT_EQ(Find("cart"), Endpoints{});
  Hear(WriteResponse(Example("\x7f\0\0\1"s), 120), true);
  EXPECT_EQ(Find("cart"), (Endpoints{{"127.0.0.1", 50002}}));
}

TEST_F(LearnTest, NoPortNoService) {
  Want("cart");
  Instance instance = Example("\x0a\0\0\1"s);
  instance.port = 0;
  Hear(WriteResponse(instance, 120));
  EXPECT_EQ(Find("cart"), Endpoints{});
}

}  // namespace
}  // namespace components::nameresolution::mdns
