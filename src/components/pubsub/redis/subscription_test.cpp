// What becomes of entries over failures, pauses, other consumers and the end.
#include "components/pubsub/redis/stream_id.hpp"
#include "components/pubsub/redis/test_broker.hpp"

namespace components::pubsub::redis {
namespace {

using Entries = std::vector<config::Properties::Entry>;

Server& EmptyServer() {
  EXPECT_EQ(TheServer().Do({"FLUSHALL"}), "OK");
  return TheServer();
}
std::string Pending(const Server& server) {
  const std::string text = server.Do({"XPENDING", "t", "app"});
  return text.substr(0, text.find(' '));
}
bool AwaitPending(const Server& server, const std::string& wanted) {
  return WaitFor([&] { return Pending(server) == wanted; });
}
// Connections whose last command waited for entries.
int Readers(const Server& server) {
  constexpr std::string_view kReading = "cmd=xreadgroup";
  const std::string clients = server.Do({"CLIENT", "LIST"});
  int readers = 0;
  for (std::size_t at = 0; (at = clients.find(kReading, at)) != std::string::npos; ++readers) {
    at += kReading.size();
  }
  return readers;
}
Entries Quick() {
  return {{"processingTimeout", "400ms"}, {"redeliverInterval", "100ms"}};
}
Entries Quick(const std::string& name, const std::string& value) {
  Entries entries = Quick();
  entries.push_back({name, value});
  return entries;
}
void Sleep(milliseconds time) {
  std::this_thread::sleep_for(time);
}

TEST(RedisSubscription, HoldsNoMoreThanItsDepth) {
  Server& server = EmptyServer();
  TestBroker broker(server, {{"queueDepth", "20"}, {"concurrency", "3"}});
  ASSERT_EQ(broker.PublishMany("t", 0, 200), "");
  ASSERT_EQ(broker.Subscribe("t"), "");
  ASSERT_TRUE(broker.keeper().Await(3));
  ASSERT_TRUE(WaitFor([&] { return std::stoi(Pending(server)) > 12; }));
  EXPECT_LE(std::stoi(Pending(server)), 20);
  EXPECT_EQ(broker.keeper().now(), 3);
  EXPECT_EQ(broker.Backlog(), 197);
  broker.AnswerAll(Verdict::kDone);
  ASSERT_TRUE(broker.keeper().Await(200));
  std::vector<std::string> wanted;
  for (int i = 0; i < 200; ++i) wanted.push_back(std::to_string(i));
  EXPECT_EQ(broker.keeper().data(), wanted) << "started in order";
  EXPECT_LE(broker.keeper().most_at_once(), 3);
  EXPECT_TRUE(AwaitPending(server, "0"));
  EXPECT_EQ(broker.Backlog(), 0);
}

TEST(RedisSubscription, ABulkSubscriptionHandlesABatchAtOnce) {
  Server& server = EmptyServer();
  TestBroker broker(server);
  ASSERT_EQ(broker.PublishMany("t", 0, 60), "");
  ASSERT_EQ(broker.Subscribe("t", contracts::BulkSubscribeOptions{.max_messages = 40}), "");
  ASSERT_TRUE(broker.keeper().Await(40));
  EXPECT_EQ(broker.keeper().now(), 40);
}

TEST(RedisSubscription, WhatFailsIsPendingUntilItIsDone) {
  Server& server = EmptyServer();
  TestBroker broker(server);
  ASSERT_EQ(broker.Subscribe("t"), "");
  EXPECT_EQ(broker.Publish("t", "a"), "");
  for (std::size_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(broker.keeper().Await(i));
    EXPECT_EQ(Pending(server), "1");
    broker.Answer("a", i < 3 ? Verdict::kFailed : Verdict::kDone);
  }
  EXPECT_TRUE(AwaitPending(server, "0"));
  EXPECT_EQ(broker.keeper().count(), 3U);
}

TEST(RedisSubscription, OthersOvertakeAFailureUnlessThereIsOneAtATime) {
  Server& server = EmptyServer();
  {
    TestBroker broker(server);
    ASSERT_EQ(broker.Subscribe("t"), "");
    ASSERT_EQ(broker.PublishMany("t", 0, 2), "");
    ASSERT_TRUE(broker.keeper().Await(2));
    broker.Answer("0", Verdict::kFailed);
    broker.Answer("1", Verdict::kDone);
    EXPECT_TRUE(AwaitPending(server, "1"));
    broker.AnswerAll(Verdict::kDone);
    EXPECT_TRUE(AwaitPending(server, "0"));
  }
  TestBroker strict(server, {{"concurrency", "1"}});
  ASSERT_EQ(strict.Subscribe("t"), "");
  ASSERT_EQ(strict.PublishMany("t", 0, 3), "");
  ASSERT_TRUE(strict.keeper().Await(1));
  strict.Answer("0", Verdict::kFailed);
  ASSERT_TRUE(strict.keeper().Await(2));
  strict.Answer("0", Verdict::kFailed);
  strict.Answer("1", Verdict::kDone);
  ASSERT_TRUE(strict.keeper().Await(3));
  strict.AnswerAll(Verdict::kDone);
  ASSERT_TRUE(strict.keeper().Await(5));
  EXPECT_EQ(strict.keeper().data(), (std::vector<std::string>{"0", "0", "0", "1", "2"}));
}

// Messages that always fail do not keep the others away for ever.
TEST(RedisSubscription, FailuresDoNotFillTheQueue) {
  Server& server = EmptyServer();
  TestBroker broker(server, {{"queueDepth", "10"},
                             {"concurrency", "4"},
                             {"processingTimeout", "1m"},
                             {"redeliverInterval", "30s"}});
  ASSERT_EQ(broker.Subscribe("t"), "");
  broker.AnswerAll(Verdict::kFailed);
  ASSERT_EQ(broker.PublishMany("t", 0, 60), "");
  EXPECT_TRUE(WaitFor([&] {
    const auto data = broker.keeper().data();
    return std::ranges::count(data, "59") > 0;
  }));
  EXPECT_EQ(Pending(server), "60") << "nothing is lost";
}

TEST(RedisSubscription, APauseTakesNothingAndKeepsTheOrder) {
  Server& server = EmptyServer();
  TestBroker broker(server, Quick());
  broker.AnswerAll(Verdict::kDone);
  ASSERT_EQ(broker.Subscribe("t"), "");
  for (int round = 0; round < 20; ++round) {
    // Sometimes in the middle of a read, sometimes before it has begun.
    Sleep(milliseconds(round % 4 * 3));
    broker.Pause();
    ASSERT_EQ(broker.PublishMany("t", round * 10, 10), "");
    broker.Resume();
    ASSERT_TRUE(broker.keeper().Await(static_cast<std::size_t>(round + 1) * 10)) << round;
  }
  std::vector<std::string> wanted;
  for (int i = 0; i < 200; ++i) wanted.push_back(std::to_string(i));
  EXPECT_EQ(broker.keeper().data(), wanted);
  broker.Pause();
  // The connection on which it waited goes, too.
  EXPECT_TRUE(WaitFor(
      [&] { return server.Do({"CLIENT", "LIST"}).find("cmd=xreadgroup") == std::string::npos; }));
  ASSERT_EQ(broker.PublishMany("t", 200, 10), "");
  Sleep(milliseconds(300));
  EXPECT_EQ(broker.keeper().count(), 200U);
  EXPECT_EQ(Pending(server), "0");
  EXPECT_EQ(broker.Backlog(), 10);
  const auto start = std::chrono::steady_clock::now();
  broker.Resume();
  ASSERT_TRUE(broker.keeper().Await(210));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

// Held three times as long as others wait: nobody takes it.
TEST(RedisSubscription, WhatIsHeldStaysOurs) {
  Server& server = EmptyServer();
  TestBroker broker(server, Quick("concurrency", "2"));
  TestBroker other(server, Quick());
  ASSERT_EQ(broker.Subscribe("t"), "");
  ASSERT_EQ(broker.PublishMany("t", 0, 4), "");
  ASSERT_TRUE(broker.keeper().Await(2));
  ASSERT_TRUE(AwaitPending(server, "4"));
  broker.Pause();
  ASSERT_EQ(other.Subscribe("t"), "");
  Sleep(milliseconds(1500));
  EXPECT_EQ(broker.keeper().count(), 2U);
  EXPECT_EQ(other.keeper().count(), 0U);
  broker.Resume();
  broker.AnswerAll(Verdict::kDone);
  ASSERT_TRUE(broker.keeper().Await(4));
  EXPECT_TRUE(AwaitPending(server, "0"));
  EXPECT_EQ(other.keeper().count(), 0U);
  EXPECT_EQ(broker.keeper().data(), (std::vector<std::string>{"0", "1", "2", "3"}));
}

TEST(RedisSubscription, WhatADeadConsumerHeldIsTakenOver) {
  Server& server = EmptyServer();
  Raw raw(server.port());
  TestBroker broker(server, Quick());
  ASSERT_EQ(broker.Publish("t", "a"), "");
  ASSERT_EQ(broker.Publish("t", "b"), "");
  ASSERT_EQ(broker.Publish("t", "gone"), "");
  ASSERT_EQ(raw.Do({"XGROUP", "CREATE", "t", "app", "0"}), "OK");
  const std::string read =
      raw.Do({"XREADGROUP", "GROUP", "app", "dead", "COUNT", "3", "STREAMS", "t", ">"});
  const std::string gone = read.substr(read.rfind(" data") - 15, 15);
  EXPECT_EQ(raw.Do({"XDEL", "t", gone}), "1") << read;
  ASSERT_EQ(broker.Subscribe("t"), "");
  Sleep(milliseconds(150));
  EXPECT_EQ(broker.keeper().count(), 0U) << "its consumer may be alive";
  ASSERT_TRUE(broker.keeper().Await(2));
  Sleep(milliseconds(1000));
  EXPECT_EQ(broker.keeper().count(), 2U) << "in hand, so not handed over again";
  EXPECT_FALSE(broker.keeper().twice_at_once());
  broker.AnswerAll(Verdict::kDone);
  EXPECT_TRUE(AwaitPending(server, "0")) << "what was deleted is not pending for ever";
}

// More than a page, most of it with a consumer that is alive.
TEST(RedisSubscription, AllThatIsPendingIsLookedThrough) {
  Server& server = EmptyServer();
  Raw raw(server.port());
  TestBroker broker(server, {{"processingTimeout", "1h"}});
  ASSERT_EQ(broker.PublishMany("t", 0, 350), "");
  ASSERT_EQ(raw.Do({"XGROUP", "CREATE", "t", "app", "0"}), "OK");
  raw.Do({"XREADGROUP", "GROUP", "app", "alive", "COUNT", "250", "STREAMS", "t", ">"});
  raw.Do({"XREADGROUP", "GROUP", "app", "dead", "COUNT", "100", "STREAMS", "t", ">"});
  std::vector<std::string> age{"XCLAIM", "t", "app", "dead", "0"};
  const std::string dead = raw.Do({"XPENDING", "t", "app", "-", "+", "350", "dead"});
  for (const auto& word : base::Split(dead, ' ')) {
    if (StreamId::Parse(word)) age.push_back(word);
  }
  age.insert(age.end(), {"IDLE", "4000000", "JUSTID"});
  raw.Do(age);
  broker.AnswerAll(Verdict::kDone);
  ASSERT_EQ(broker.Subscribe("t"), "");
  ASSERT_TRUE(broker.keeper().Await(100));
  EXPECT_TRUE(AwaitPending(server, "250"));
  EXPECT_EQ(broker.keeper().data().front(), "250");
}

// The server hands it over when we no longer want it.
TEST(RedisSubscription, AMessageOnItsWayWhenThePauseComesIsNotLost) {
  Server& server = EmptyServer();
  TestBroker broker(server);
  broker.AnswerAll(Verdict::kDone);
  ASSERT_EQ(broker.Subscribe("t"), "");
  for (std::size_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(WaitFor(
        [&] { return server.Do({"CLIENT", "LIST"}).find("cmd=xreadgroup") != std::string::npos; }));
    Raw raw(server.port());
    server.Pause();
    std::thread publisher([&] { raw.Do({"XADD", "t", "*", "data", std::to_string(i)}); });
    Sleep(milliseconds(30));
    broker.Pause();
    Sleep(milliseconds(10));
    server.Continue();
    publisher.join();
    broker.Resume();
    ASSERT_TRUE(broker.keeper().Await(i));
  }
}

// A group that was set back gives again what is still in hand.
TEST(RedisSubscription, WhatIsReadTwiceIsHandedOverOnce) {
  Server& server = EmptyServer();
  TestBroker broker(server);
  ASSERT_EQ(broker.Subscribe("t"), "");
  ASSERT_EQ(broker.PublishMany("t", 0, 3), "");
  ASSERT_TRUE(broker.keeper().Await(3));
  ASSERT_EQ(server.Do({"XGROUP", "SETID", "t", "app", "0"}), "OK");
  ASSERT_EQ(broker.PublishMany("t", 3, 1), "");
  ASSERT_TRUE(broker.keeper().Await(4));
  EXPECT_EQ(broker.keeper().data(), (std::vector<std::string>{"0", "1", "2", "3"}));
  EXPECT_FALSE(broker.keeper().twice_at_once());
  broker.AnswerAll(Verdict::kDone);
  EXPECT_TRUE(AwaitPending(server, "0"));
}

TEST(RedisSubscription, TheEndGivesBackAtOnce) {
  Server& server = EmptyServer();
  // With the standard times: nobody waits a minute.
  TestBroker first(server, {{"concurrency", "2"}});
  ASSERT_EQ(first.Subscribe("t"), "");
  ASSERT_EQ(first.PublishMany("t", 0, 30), "");
  ASSERT_TRUE(first.keeper().Await(2));
  first.End(milliseconds(100));
  const auto start = std::chrono::steady_clock::now();
  TestBroker second(server);
  second.AnswerAll(Verdict::kDone);
  ASSERT_EQ(second.Subscribe("t"), "");
  ASSERT_TRUE(second.keeper().Await(30));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  std::vector<std::string> wanted;
  for (int i = 0; i < 30; ++i) wanted.push_back(std::to_string(i));
  EXPECT_EQ(second.keeper().data(), wanted);
}

// One that starts does not take what a living one with the same name is at.
TEST(RedisSubscription, TwoRuntimesOfOneApp) {
  Server& server = EmptyServer();
  TestBroker one(server, Quick());
  TestBroker two(server, Quick());
  ASSERT_EQ(one.Subscribe("t"), "");
  ASSERT_EQ(one.PublishMany("t", 0, 5), "");
  ASSERT_TRUE(one.keeper().Await(5));
  ASSERT_EQ(two.Subscribe("t"), "");
  Sleep(milliseconds(1000));
  EXPECT_EQ(two.keeper().count(), 0U);
  one.AnswerAll(Verdict::kDone);
  two.AnswerAll(Verdict::kDone);
  ASSERT_EQ(one.PublishMany("t", 5, 500), "");
  EXPECT_TRUE(WaitFor([&] { return one.keeper().count() + two.keeper().count() >= 505; }));
  EXPECT_TRUE(AwaitPending(server, "0"));
  EXPECT_EQ(one.keeper().count() + two.keeper().count(), 505U);
  // What one leaves behind, the other has soon.
  one.Pause();
  // Its read ends when the server has been told.
  ASSERT_TRUE(WaitFor([&] { return Readers(server) <= 1; }));
  two.AnswerAll(std::nullopt);
  ASSERT_EQ(two.PublishMany("t", 505, 3), "");
  ASSERT_TRUE(WaitFor([&] { return two.keeper().now() == 3; }));
  const std::size_t before = one.keeper().count();
  one.Resume();
  two.End(milliseconds(50));
  EXPECT_TRUE(one.keeper().Await(before + 3));
}

TEST(RedisSubscription, WhatIsReturnedComesAgain) {
  Server& server = EmptyServer();
  TestBroker broker(server);
  ASSERT_EQ(broker.Subscribe("t"), "");
  ASSERT_EQ(broker.PublishMany("t", 0, 2), "");
  ASSERT_TRUE(broker.keeper().Await(2));
  broker.Pause();
  broker.Answer("0", Verdict::kReturn);
  broker.Answer("1", Verdict::kReturn);
  Sleep(milliseconds(200));
  EXPECT_EQ(broker.keeper().count(), 2U);
  EXPECT_EQ(Pending(server), "2");
  EXPECT_EQ(broker.Backlog(), 2);
  broker.Resume();
  ASSERT_TRUE(broker.keeper().Await(4));
  EXPECT_EQ(broker.keeper().data(), (std::vector<std::string>{"0", "1", "0", "1"}));
}

TEST(RedisSubscription, ADeletedStreamComesBack) {
  Server& server = EmptyServer();
  TestBroker broker(server, Quick());
  broker.AnswerAll(Verdict::kDone);
  ASSERT_EQ(broker.Subscribe("t"), "");
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(broker.Publish("t", std::to_string(i)), "");
    ASSERT_TRUE(broker.keeper().Await(static_cast<std::size_t>(i) + 1));
    server.Do({"FLUSHALL"});
  }
  ASSERT_TRUE(WaitFor([&] { return server.Do({"EXISTS", "t"}) == "1"; }));
  server.Do({"XGROUP", "DESTROY", "t", "app"});
  ASSERT_EQ(broker.Publish("t", "last"), "");
  ASSERT_TRUE(broker.keeper().Await(4));
}

TEST(RedisSubscription, AKeyOfAnotherKindIsAnErrorThatMayPass) {
  Server& server = EmptyServer();
  ASSERT_EQ(server.Do({"SET", "t", "text"}), "OK");
  TestBroker broker(server);
  const std::string error = broker.Subscribe("t");
  EXPECT_TRUE(error.starts_with("unavailable: redis: WRONGTYPE")) << error;
  server.Do({"DEL", "t"});
  EXPECT_EQ(broker.Subscribe("t"), "");
}

// A stream that is trimmed below us: what we have is handled, the rest is gone, nothing hangs.
TEST(RedisSubscription, ATrimmedStream) {
  Server& server = EmptyServer();
  TestBroker broker(server, Quick("queueDepth", "10"));
  ASSERT_EQ(broker.Subscribe("t"), "");
  ASSERT_EQ(broker.PublishMany("t", 0, 100), "");
  ASSERT_TRUE(broker.keeper().Await(10));
  server.Do({"XTRIM", "t", "MAXLEN", "0"});
  Sleep(milliseconds(600));
  broker.AnswerAll(Verdict::kDone);
  ASSERT_EQ(broker.Publish("t", "new"), "");
  EXPECT_TRUE(WaitFor([&] { return std::ranges::count(broker.keeper().data(), "new") == 1; }));
  EXPECT_TRUE(AwaitPending(server, "0"));
}

// Cut off for longer than others wait: what they took meanwhile is theirs, the rest is still ours.
TEST(RedisSubscription, WhatOthersTookWhileWeWereCutOffIsTheirs) {
  Server& server = EmptyServer();
  Raw raw(server.port());
  raw.Do({"ACL", "SETUSER", "mute", "on", ">pw", "~*", "+@all"});
  TestBroker broker({{"redisHost", server.address()},
                     {"consumerID", "app"},
                     {"redisUsername", "mute"},
                     {"redisPassword", "pw"},
                     {"concurrency", "2"},
                     {"processingTimeout", "300ms"},
                     {"redeliverInterval", "10s"}});
  ASSERT_EQ(broker.Subscribe("t"), "");
  ASSERT_EQ(broker.PublishMany("t", 0, 6), "");
  ASSERT_TRUE(broker.keeper().Await(2));
  ASSERT_TRUE(AwaitPending(server, "6"));
  raw.Do({"ACL", "SETUSER", "mute", "-xclaim"});
  std::vector<StreamId> ids;
  for (const auto& word : base::Split(raw.Do({"XPENDING", "t", "app", "-", "+", "6"}), ' ')) {
    if (const auto id = StreamId::Parse(word)) ids.push_back(*id);
  }
  ASSERT_EQ(ids.size(), 6U);
  ASSERT_TRUE(WaitFor([&] {
    return raw.Do({"XCLAIM", "t", "app", "other", "350", ids[2].ToString(), ids[4].ToString(),
                   "JUSTID"}) == ids[2].ToString() + " " + ids[4].ToString();
  }));
  broker.AnswerAll(Verdict::kDone);
  Sleep(milliseconds(100));
  EXPECT_EQ(broker.keeper().count(), 2U) << "it does not know whether they are still its own";
  raw.Do({"ACL", "SETUSER", "mute", "+xclaim"});
  ASSERT_TRUE(broker.keeper().Await(4));
  Sleep(milliseconds(200));
  EXPECT_EQ(broker.keeper().data(), (std::vector<std::string>{"0", "1", "3", "5"}));
  EXPECT_EQ(Pending(server), "2");
  raw.Do({"ACL", "DELUSER", "mute"});
}

TEST(RedisSubscription, TakingOverCanBeTurnedOff) {
  Server& server = EmptyServer();
  Raw raw(server.port());
  TestBroker broker(server, {{"processingTimeout", "0"}, {"redeliverInterval", "50ms"}});
  ASSERT_EQ(broker.Publish("t", "a"), "");
  raw.Do({"XGROUP", "CREATE", "t", "app", "0"});
  raw.Do({"XREADGROUP", "GROUP", "app", "dead", "STREAMS", "t", ">"});
  ASSERT_EQ(broker.Subscribe("t"), "");
  ASSERT_EQ(broker.Publish("t", "b"), "");
  ASSERT_TRUE(broker.keeper().Await(1));
  broker.Answer("b", Verdict::kFailed);
  ASSERT_TRUE(broker.keeper().Await(2)) << "what failed is still tried again";
  EXPECT_EQ(broker.keeper().data(), (std::vector<std::string>{"b", "b"}));
}

TEST(RedisSubscription, LargeMessages) {
  Server& server = EmptyServer();
  TestBroker broker(server);
  ASSERT_EQ(broker.Subscribe("t"), "");
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(broker.Publish("t", std::string(2'000'000, static_cast<char>('a' + i % 26))), "");
  }
  ASSERT_TRUE(WaitFor([&] { return broker.keeper().now() >= 4; }));
  Sleep(milliseconds(200));
  EXPECT_LE(std::stoi(Pending(server)), 20);
  broker.AnswerAll(Verdict::kDone);
  EXPECT_TRUE(broker.keeper().Await(40));
  EXPECT_TRUE(AwaitPending(server, "0"));
}

}  // namespace
}  // namespace components::pubsub::redis
