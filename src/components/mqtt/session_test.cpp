#include "components/mqtt/session.hpp"

#include <gtest/gtest.h>

#include "components/mqtt/test_session.hpp"

namespace components::mqtt {
namespace {

using namespace testing;  // NOLINT: the fixtures of this folder
using base::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Texts = std::vector<std::string>;

async::Task<base::Status> Try(Settings settings) {
  Session session(std::move(settings));
  const async::Context patient = Patient();
  const base::Status status = co_await session.Start(patient);
  co_await session.Close(patient);
  co_return status;
}

TEST(MqttSession, EveryQualityArrives) {
  TestBroker broker;
  Play([&]() -> async::Task<void> {
    auto session = co_await Begin(broker, "one");
    const auto got = co_await Listen(*session, "t/+", 2);
    for (const uint8_t qos : {0, 1, 2}) {
      EXPECT_TRUE(co_await Say(*session, "t/a", std::to_string(qos), qos));
    }
    co_await got->Await(3);
    EXPECT_EQ(got->payloads(), (Texts{"0", "1", "2"}));
    SettleAll(*session, got);
    co_await End(session);
    // Nothing was left with the broker.
    session = co_await Begin(broker, "one");
    const auto next = co_await Listen(*session, "t/+", 2);
    EXPECT_TRUE(co_await Say(*session, "t/a", "last"));
    co_await next->Await(1);
    EXPECT_EQ(next->payloads(), Texts{"last"});
    co_await End(session);
  });
}

TEST(MqttSession, AMessageGoesToEveryFilterThatMatches) {
  TestBroker broker;
  Play([&]() -> async::Task<void> {
    auto session = co_await Begin(broker, "one");
    const auto narrow = co_await Listen(*session, "t/a");
    const auto wide = co_await Listen(*session, "t/#");
    const auto other = co_await Listen(*session, "u/#");
    EXPECT_TRUE(co_await Say(*session, "t/a", "x"));
    const auto mark = co_await Listen(*session, "mark");
    EXPECT_TRUE(co_await Say(*session, "mark", "."));
    co_await mark->Await(1);
    // A broker may send one copy for all or one for each.
    EXPECT_GE(narrow->messages.size(), 1U);
    EXPECT_EQ(narrow->messages.size(), wide->messages.size());
    EXPECT_TRUE(other->messages.empty());
    co_await End(session);
  });
}

TEST(MqttSession, WrongCredentialsAreExplained) {
  TestBroker broker({.user = "me", .password = "secret"});
  Play([&]() -> async::Task<void> {
    EXPECT_TRUE(co_await Try(SettingsFor(broker.url(), "c")));
    Settings wrong = SettingsFor(broker.url(), "c");
    wrong.password = "guessed";
    const base::Status refused = co_await Try(wrong);
    EXPECT_FALSE(refused);
    if (!refused) {
      EXPECT_EQ(refused.error().kind, Kind::kUnauthenticated);
      EXPECT_NE(refused.error().message.find("check user and password"), std::string::npos);
      EXPECT_NE(refused.error().message.find("127.0.0.1"), std::string::npos);
      EXPECT_EQ(refused.error().message.find("guessed"), std::string::npos);
    }
    wrong.username.clear();
    const base::Status nobody = co_await Try(wrong);
    EXPECT_FALSE(nobody);
    if (!nobody) EXPECT_EQ(nobody.error().kind, Kind::kUnauthenticated);
  });
}

TEST(MqttSession, NoBrokerIsAnErrorAtTheStart) {
  TestBroker broker;
  broker.Kill();
  Play([&]() -> async::Task<void> {
    const base::Status away = co_await Try(SettingsFor(broker.url(), "c"));
    EXPECT_FALSE(away);
    if (!away) EXPECT_EQ(away.error().kind, Kind::kUnreachable) << away.error().message;
  });
}

TEST(MqttSession, SpeaksTls) {
  TestBroker broker({.tls = true, .client_certificates = true});
  const net::TlsIdentity identity = broker.authority().Issue({.common_name = "client"});
  Play([&]() -> async::Task<void> {
    Settings settings = SettingsFor(broker.url(), "c");
    settings.tls =
        *net::TlsContext::Client({.ca_pem = broker.authority().pem(), .identity = identity});
    auto session = co_await Begin(settings);
    const auto got = co_await Listen(*session, "t");
    const std::string large(300'000, 'x');
    EXPECT_TRUE(co_await Say(*session, "t", large));
    co_await got->Await(1);
    EXPECT_EQ(got->messages.front()->payload, large);
    co_await End(session);

    settings.tls = *net::TlsContext::Client({.identity = identity});
    const base::Status unknown = co_await Try(settings);
    EXPECT_FALSE(unknown);
    if (!unknown)
      EXPECT_EQ(unknown.error().kind, Kind::kUnauthenticated) << unknown.error().message;
    settings.tls = *net::TlsContext::Client({.ca_pem = broker.authority().pem()});
    EXPECT_FALSE(co_await Try(settings));
  });
}

TEST(MqttSession, ARefusedSubscriptionIsAnError) {
  TestBroker broker({.lines = {"acl_file /dev/null"}});
  Play([&]() -> async::Task<void> {
    auto session = co_await Begin(broker, "c");
    const auto receiver = std::make_shared<Collector>();
    const async::Context patient = Patient();
    const base::Status status =
        co_await session->Subscribe(patient, *Filter::Parse("t"), 1, receiver);
    // mosquitto grants the subscription and sends nothing, other brokers refuse it.
    if (!status) EXPECT_EQ(status.error().kind, Kind::kPermissionDenied);
    co_await End(session);
  });
}

TEST(MqttSession, BadTopicsAreRefusedAtOnce) {
  TestBroker broker;
  Play([&]() -> async::Task<void> {
    auto session = co_await Begin(broker, "c");
    for (const char* topic : {"", "a/#", "+"}) {
      const base::Status status = co_await Say(*session, topic, "x");
      EXPECT_FALSE(status) << topic;
      if (!status) EXPECT_EQ(status.error().kind, Kind::kInvalidArgument);
    }
    EXPECT_TRUE(co_await Say(*session, "fine", "x"));
    co_await End(session);
  });
}

TEST(MqttSession, ABrokerThatForgetsIsToldAgain) {
  TestBroker broker;
  Play([&]() -> async::Task<void> {
    auto session = co_await Begin(broker, "c");
    const auto got = co_await Listen(*session, "t");
    broker.Forget();
    co_await AwaitConnection(*session, false);
    broker.Start();
    EXPECT_TRUE(co_await Say(*session, "t", "x"));  // waits for the connection
    co_await got->Await(1);
    co_await End(session);
  });
}

// What is with us already when a connection breaks is not handed over twice, and its
// acknowledgement goes out on the next connection.
TEST(MqttSession, HeldMessagesOutliveTheConnection) {
  TestBroker broker;
  Play([&]() -> async::Task<void> {
    auto session = co_await Begin(broker, "c");
    const auto got = co_await Listen(*session, "t", 2);
    for (const uint8_t qos : {1, 2, 1, 2}) {
      EXPECT_TRUE(co_await Say(*session, "t", std::to_string(qos), qos));
    }
    co_await got->Await(4);
    session->Settle(got, got->messages[2]);  // behind those that are held
    broker.Stop();
    co_await AwaitConnection(*session, false);
    session->Settle(got, got->messages[1]);
    broker.Start();
    EXPECT_TRUE(co_await Say(*session, "t", "new"));
    co_await got->Await(5);
    EXPECT_EQ(got->messages.back()->payload, "new");
    SettleAll(*session, got, 4);
    session->Settle(got, got->messages[0]);
    session->Settle(got, got->messages[3]);
    co_await End(session);
    session = co_await Begin(broker, "c");
    const auto next = co_await Listen(*session, "t", 2);
    EXPECT_TRUE(co_await Say(*session, "t", "last"));
    co_await next->Await(1);
    EXPECT_EQ(next->payloads(), Texts{"last"});
    co_await End(session);
  });
}

// A broker that hangs: publishing ends at its deadline, the connection is given up, and what was
// sent is sent again to its successor, which has the session.
TEST(MqttSession, UnacknowledgedIsSentAgain) {
  TestBroker broker;
  Play([&]() -> async::Task<void> {
    Settings settings = SettingsFor(broker.url(), "c");
    settings.owed_quiet = milliseconds(200);
    settings.ping_timeout = milliseconds(300);
    auto session = co_await Begin(settings);
    const auto got = co_await Listen(*session, "t");
    broker.Restart();  // the session is on its disk now
    co_await AwaitConnection(*session, true);
    EXPECT_TRUE(co_await Say(*session, "t", "before"));
    co_await got->Await(1);
    SettleAll(*session, got);
    broker.Pause();
    const async::Context brief = Within(milliseconds(100));
    const base::Status late = co_await session->Publish(brief, {.topic = "t", .payload = "late"});
    EXPECT_FALSE(late);
    if (!late) EXPECT_EQ(late.error().kind, Kind::kTimeout) << late.error().message;
    co_await AwaitConnection(*session, false);
    broker.Kill();
    broker.Start();
    EXPECT_TRUE(co_await Say(*session, "t", "after"));
    co_await got->Await(3);
    EXPECT_EQ(got->payloads(), (Texts{"before", "late", "after"}));
    co_await End(session);
  });
}

// Without its session nobody knows whether the message was taken.
TEST(MqttSession, WithoutTheSessionPublishingFails) {
  TestBroker broker;
  Play([&]() -> async::Task<void> {
    Settings settings = SettingsFor(broker.url(), "c");
    settings.owed_quiet = milliseconds(200);
    settings.ping_timeout = milliseconds(300);
    auto session = co_await Begin(settings);
    async::Gate gate;
    base::Status status;
    const auto publish = [](Session& session, base::Status& status) -> async::Task<void> {
      status = co_await Say(session, "t", "x");
    };
    broker.Pause();
    gate.Spawn(publish(*session, status));
    co_await AwaitConnection(*session, false);
    broker.Forget();
    broker.Start();
    const async::Context patient = Patient();
    while (gate.size() > 0) {
      co_await async::Sleep(patient, async::Loop::Current()->After(milliseconds(5)));
    }
    EXPECT_FALSE(status);
    if (!status) {
      EXPECT_EQ(status.error().kind, Kind::kUnavailable);
      EXPECT_NE(status.error().message.find("session"), std::string::npos);
    }
    co_await gate.Close(patient);
    co_await End(session);
  });
}

TEST(MqttSession, AStoppedBrokerGoesOnWhereItWas) {
  TestBroker broker;
  Play([&]() -> async::Task<void> {
    auto session = co_await Begin(broker, "c");
    const auto got = co_await Listen(*session, "t");
    broker.Pause();
    const async::Context brief = Within(milliseconds(100));
    EXPECT_FALSE(co_await session->Publish(brief, {.topic = "t", .payload = "a"}));
    broker.Continue();
    EXPECT_TRUE(co_await Say(*session, "t", "b"));
    co_await got->Await(2);
    EXPECT_EQ(got->payloads(), (Texts{"a", "b"}));
    co_await End(session);
  });
}

// Two of one client id push each other out, and yet nothing is lost.
TEST(MqttSession, ATakenSessionComesBack) {
  TestBroker broker;
  Play([&]() -> async::Task<void> {
    auto first = co_await Begin(broker, "same");
    const auto got = co_await Listen(*first, "t");
    auto second = co_await Begin(broker, "same");
    co_await AwaitConnection(*first, false);
    co_await AwaitConnection(*first, true);
    co_await End(second);
    EXPECT_TRUE(co_await Say(*first, "t", "x"));
    co_await got->Await(1);
    co_await End(first);
  });
}

// A broker without a bound of its own: reading stops, PINGs go on.
TEST(MqttSession, WhatIsHeldIsBounded) {
  TestBroker broker({.lines = {"max_inflight_messages 1000"}});
  Play([&]() -> async::Task<void> {
    Settings settings = SettingsFor(broker.url(), "slow");
    settings.keep_alive = seconds(1);
    auto slow = co_await Begin(settings, {.messages = 5});
    auto fast = co_await Begin(broker, "fast");
    const auto got = co_await Listen(*slow, "t");
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(co_await Say(*fast, "t", std::to_string(i)));
    co_await got->Await(5);
    // Longer than a broker waits for a client without PINGs.
    const async::Context patient = Patient();
    co_await async::Sleep(patient, async::Loop::Current()->After(milliseconds(2500)));
    EXPECT_EQ(got->messages.size(), 5U);
    EXPECT_TRUE(slow->Check());
    EXPECT_EQ(broker.LogText().find("slow has exceeded timeout"), std::string::npos);
    for (std::size_t i = 0; i < 20 && !HasFailure(); ++i) {
      co_await got->Await(std::max<std::size_t>(i + 1, got->messages.size()));
      slow->Settle(got, got->messages[i]);
    }
    Texts wanted;
    for (int i = 0; i < 20; ++i) wanted.push_back(std::to_string(i));
    EXPECT_EQ(got->payloads(), wanted);
    co_await End(slow);
    co_await End(fast);
  });
}

// QoS 0: reading stops for a moment, then what has no room is dropped.
TEST(MqttSession, QualityZeroIsBoundedToo) {
  TestBroker broker;
  Play([&]() -> async::Task<void> {
    auto session = co_await Begin(SettingsFor(broker.url(), "c"), {.unacknowledged = 3});
    const auto got = co_await Listen(*session, "t", 0);
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(co_await Say(*session, "t", std::to_string(i), 0));
    co_await got->Await(3);
    session->Settle(got, got->messages[0]);  // within the moment: nothing is lost
    co_await got->Await(4);
    EXPECT_TRUE(co_await Say(*session, "u", "x"));  // after it: the rest is dropped
    EXPECT_EQ(got->payloads(), (Texts{"0", "1", "2", "3"}));
    SettleAll(*session, got, 1);
    EXPECT_TRUE(co_await Say(*session, "t", "new", 0));
    co_await got->Await(5);
    EXPECT_EQ(got->messages.back()->payload, "new");
    co_await End(session);
  });
}

// One that takes long holds up the acknowledgements of others only for a moment.
TEST(MqttSession, AcknowledgementsKeepTheirOrderForAMoment) {
  TestBroker broker({.lines = {"max_inflight_messages 2"}});
  Play([&]() -> async::Task<void> {
    auto session = co_await Begin(broker, "c");
    const auto got = co_await Listen(*session, "t");
    for (const char* data : {"a", "b", "c", "d"}) EXPECT_TRUE(co_await Say(*session, "t", data));
    co_await got->Await(2);
    const auto start = async::Clock::now();
    session->Settle(got, got->messages[1]);  // `a` is still being worked on
    co_await got->Await(3);
    EXPECT_GE(async::Clock::now() - start, milliseconds(500));
    session->Settle(got, got->messages[2]);  // from now on at once
    co_await got->Await(4);
    SettleAll(*session, got, 3);
    session->Settle(got, got->messages[0]);
    co_await End(session);
  });
}

TEST(MqttSession, ManyPublishersShareTheWindow) {
  TestBroker broker;
  Play([&]() -> async::Task<void> {
    auto session = co_await Begin(broker, "c");
    async::Gate gate;
    int taken = 0;
    const auto publish = [](Session& session, int& taken) -> async::Task<void> {
      if (co_await Say(session, "t", std::string(1000, 'x'))) ++taken;
    };
    for (int i = 0; i < 2000; ++i) gate.Spawn(publish(*session, taken));
    const async::Context patient = Patient();
    while (gate.size() > 0 && patient.deadline > async::Loop::Current()->now()) {
      co_await async::Sleep(patient, async::Loop::Current()->After(milliseconds(5)));
    }
    EXPECT_EQ(taken, 2000);
    co_await gate.Close(patient);
    co_await End(session);
  });
}

}  // namespace
}  // namespace components::mqtt
