#include "components/nameresolution/mdns/responder.hpp"

#include <gtest/gtest.h>

#include "base/strings.hpp"

namespace components::nameresolution::mdns {
namespace {

using std::chrono::milliseconds;
using std::string_literals::operator""s;

using Apps = std::vector<std::string>;

class ResponderTest : public testing::Test {
 protected:
  ResponderTest() {
    for (const char* app_id : {"cart", "shop"}) {
      responder_.Add({.service = ServiceName(app_id).value(),
                      .name = NameFromLabels({"host:1", app_id, "local"}).value(),
                      .host = NameFromLabels({base::StrCat("host-", app_id), "local"}).value(),
                      .port = 1,
                      .text = app_id,
                      .address = "\x0a\0\0\1"s});
    }
  }
  static Packet Ask(std::initializer_list<Question> questions) {
    Packet packet;
    packet.questions = questions;
    return packet;
  }
  // The app ids answered at once.
  std::vector<std::string> Answered(const Packet& packet, unsigned interface = 1) {
    const auto answers = responder_.Answer(packet, interface, now_);
    late_ = answers.late;
    std::vector<std::string> apps;
    for (const Instance* instance : answers.now) apps.push_back(instance->text);
    return apps;
  }
  const Name cart_ = ServiceName("cart").value();
  const Name shop_ = ServiceName("shop").value();
  Responder responder_;
  async::TimePoint now_ = async::TimePoint() + std::chrono::hours(1);
  bool late_ = false;
};

TEST_F(ResponderTest, AnswersForItsOwn) {
  EXPECT_EQ(Answered(Ask({{cart_, kTypePtr}})), Apps{"cart"});
  EXPECT_EQ(Answered(Ask({{NameFromLabels({"HOST:1", "Shop", "local"}).value(), kTypeSrv}})),
            Apps{"shop"});
  EXPECT_EQ(Answered(Ask({{ServiceName("other").value(), kTypePtr}})), Apps{});
  EXPECT_EQ(Answered(Ask({})), Apps{});
  EXPECT_FALSE(late_);
}

TEST_F(ResponderTest, InstancesAreReplacedAndRemoved) {
  Instance moved = *responder_.Find("cart");
  moved.port = 2;
  responder_.Add(moved);
  EXPECT_EQ(responder_.all().size(), 2u);
  const auto answers = responder_.Answer(Ask({{cart_, kTypePtr}}), 1, now_);
  ASSERT_EQ(answers.now.size(), 1u);
  EXPECT_EQ(answers.now.front()->port, 2);
  responder_.Remove("cart");
  EXPECT_EQ(responder_.Find("cart"), nullptr);
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(Answered(Ask({{cart_, kTypePtr}, {shop_, kTypePtr}})), Apps{"shop"});
}

TEST_F(ResponderTest, TheTypeMustFit) {
  EXPECT_EQ(Answered(Ask({{cart_, kTypeSrv}})), Apps{});
  EXPECT_EQ(Answered(Ask({{responder_.Find("cart")->host, kTypePtr}})), Apps{});
  EXPECT_EQ(Answered(Ask({{cart_, kTypeAny}})), Apps{"cart"});
  EXPECT_EQ(Answered(Ask({{responder_.Find("shop")->host, kTypeA}})), Apps{"shop"});
}

TEST_F(ResponderTest, SeveralQuestionsOfOneMessage) {
  EXPECT_EQ(Answered(Ask({{cart_, kTypePtr}, {shop_, kTypePtr}, {cart_, kTypePtr}})),
            (Apps{"cart", "shop"}));
  EXPECT_FALSE(late_);
}

TEST_F(ResponderTest, WhatTheAskerKnowsIsNotRepeated) {
  Packet packet = Ask({{cart_, kTypePtr}});
  packet.records.push_back(
      {.name = cart_, .type = kTypePtr, .ttl = 100, .target = responder_.Find("cart")->name});
  packet.answers = 1;
  EXPECT_EQ(Answered(packet), Apps{});
  packet.records.front().ttl = 5;
  EXPECT_EQ(Answered(packet), Apps{"cart"});
}

TEST_F(ResponderTest, AFloodIsAnsweredTenTimesASecond) {
  const Packet query = Ask({{cart_, kTypePtr}});
  std::size_t told = 0;
  bool planned = false;
  for (int i = 0; i < 1000; ++i) {
    told += Answered(query).size();
    if (late_) {
      EXPECT_FALSE(planned) << "planned twice";
      planned = true;
    }
    if (planned && i % 100 == 99) {
      told += responder_.TakeLate(now_).size();
      planned = false;
    }
    now_ += milliseconds(1);
  }
  EXPECT_GE(told, 5u);
  EXPECT_LE(told, 11u);
}

TEST_F(ResponderTest, WhoAsksSoonAfterIsAnsweredALittleLater) {
  const Packet query = Ask({{cart_, kTypePtr}});
  EXPECT_EQ(Answered(query), Apps{"cart"});
  now_ += milliseconds(10);
  EXPECT_EQ(Answered(query), Apps{});
  EXPECT_TRUE(late_);
  EXPECT_EQ(Answered(query, 2), Apps{"cart"});  // another network has not heard it
  now_ += Responder::kLeastGap;
  const auto late = responder_.TakeLate(now_);
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late.front().instance->text, "cart");
  EXPECT_EQ(late.front().interface, 1u);
  EXPECT_TRUE(responder_.TakeLate(now_).empty());
}

}  // namespace
}  // namespace components::nameresolution::mdns
