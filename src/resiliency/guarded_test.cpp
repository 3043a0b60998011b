#include "resiliency/guarded.hpp"

#include <gtest/gtest.h>

#include "async/loop_group.hpp"
#include "async/wait.hpp"

namespace resiliency {
namespace {

using contracts::Call;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Fails as often as it is told, then works.
class FlakyStore final : public contracts::StateStore {
 public:
  async::Task<base::Status> Init(const Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override { return contracts::kStateEtag; }
  bool answers_at_once() const override { return true; }
  async::Task<base::Result<contracts::GetResponse>> Get(const Call& call,
                                                        contracts::GetRequest request) override {
    ++calls;
    if (hang) {
      co_await async::Sleep(call, async::kForever);
      co_return base::Fail(base::Kind::kTimeout, "no answer");
    }
    if (failures-- > 0) co_return base::Fail(kind, "flaky");
    co_return contracts::GetResponse{.found = true, .data = request.key};
  }
  async::Task<base::Status> Set(const Call&, contracts::SetRequest request) override {
    ++calls;
    if (failures-- > 0) co_return base::Fail(kind, "flaky");
    stored = request.key + "=" + request.value;
    co_return base::Status();
  }
  async::Task<base::Status> Delete(const Call&, contracts::DeleteRequest) override {
    ++calls;
    if (failures-- > 0) co_return base::Fail(kind, "flaky");
    co_return base::Status();
  }
  async::Task<base::Status> Multi(const Call&, contracts::TransactionRequest) override {
    ++calls;
    if (failures-- > 0) co_return base::Fail(kind, "flaky");
    co_return base::Status();
  }
  int failures = 0;
  bool hang = false;
  base::Kind kind = base::Kind::kUnavailable;
  int calls = 0;
  std::string stored;
};

struct World {
  World() {
    policy->target = "Statestore_x";
    policy->retry = std::make_shared<const RetryPolicy>(
        RetryPolicy{.duration = milliseconds(1), .max_retries = 2});
    guarded = Guard(store, policy);
  }
  base::Result<contracts::GetResponse> Get() {
    base::Result<contracts::GetResponse> out;
    loops.RunTaskOn(0, [&]() -> async::Task<void> { return Fetch(*guarded, out); });
    return out;
  }
  static async::Task<void> Fetch(contracts::StateStore& store,
                                 base::Result<contracts::GetResponse>& out) {
    const Call call(async::Context(async::Loop::Current()->After(seconds(10))));
    out = co_await store.Get(call, {.key = "k"});
  }
  static async::Task<void> Write(contracts::StateStore& store,
                                 std::vector<contracts::SetRequest> requests, base::Status& out) {
    const Call call(async::Context(async::Loop::Current()->After(seconds(10))));
    out = requests.size() == 1 ? co_await store.Set(call, std::move(requests.front()))
                               : co_await store.BulkSet(call, std::move(requests), {});
  }
  // How often an operation was tried that fails once with `kind`.
  int Tries(base::Kind kind, const contracts::TransactionOperation& operation, bool transaction) {
    store->calls = 0;
    store->failures = 1;
    store->kind = kind;
    loops.RunTaskOn(0,
                    [&]() -> async::Task<void> { return Try(*guarded, operation, transaction); });
    return store->calls;
  }
  static async::Task<void> Try(contracts::StateStore& store,
                               contracts::TransactionOperation operation, bool transaction) {
    const Call call(async::Context(async::Loop::Current()->After(seconds(10))));
    if (transaction) {
      contracts::TransactionRequest request;
      request.operations.emplace_back(contracts::SetRequest{.key = "plain"});
      request.operations.push_back(std::move(operation));
      (void)co_await store.Multi(call, std::move(request));
    } else if (auto* set = std::get_if<contracts::SetRequest>(&operation)) {
      (void)co_await store.Set(call, std::move(*set));
    } else {
      (void)co_await store.Delete(call, std::move(std::get<contracts::DeleteRequest>(operation)));
    }
  }
  base::Status Set(std::vector<contracts::SetRequest> requests) {
    base::Status out;
    loops.RunTaskOn(0, [&]() -> async::Task<void> { return Write(*guarded, requests, out); });
    return out;
  }
  async::LoopGroup loops{1};
  std::shared_ptr<FlakyStore> store = std::make_shared<FlakyStore>();
  std::shared_ptr<Policy> policy = std::make_shared<Policy>();
  std::shared_ptr<contracts::StateStore> guarded;
};

TEST(Guarded, NoPolicyIsTheComponentItself) {
  const auto store = std::make_shared<FlakyStore>();
  EXPECT_EQ(Guard(std::shared_ptr<contracts::StateStore>(store), nullptr), store);
}

TEST(Guarded, TriesAgain) {
  World world;
  world.store->failures = 2;
  const auto got = world.Get();
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->data, "k");
  EXPECT_EQ(world.store->calls, 3);
  world.store->failures = 3;
  EXPECT_EQ(world.Get().error().message, "flaky");
  world.store->failures = 1;
  EXPECT_TRUE(world.Set({{.key = "a", .value = "1"}}));
  EXPECT_EQ(world.store->stored, "a=1") << "each attempt has the whole request";
  EXPECT_FALSE(world.guarded->answers_at_once());
  EXPECT_EQ(world.guarded->Features(), world.store->Features());
}

TEST(Guarded, RightAnswersAreNotTriedAgainNorCounted) {
  World world;
  auto spec = ParseBreaker("b", {.trip = "consecutiveFailures >= 1"});
  world.policy->breaker = std::make_shared<Breaker>(std::make_shared<const BreakerSpec>(*spec));
  for (const base::Kind kind : {base::Kind::kConflict, base::Kind::kInvalidEtag,
                                base::Kind::kNotFound, base::Kind::kInvalidArgument}) {
    world.store->calls = 0;
    world.store->failures = 1;
    world.store->kind = kind;
    EXPECT_EQ(world.Get().error().kind, kind);
    EXPECT_EQ(world.store->calls, 1);
  }
  world.store->kind = base::Kind::kUnavailable;
  world.store->failures = 1;
  EXPECT_EQ(world.Get().error().message, "circuit breaker is open");
  EXPECT_EQ(world.Get().error().message, "circuit breaker is open");
}

TEST(Guarded, EachAttemptHasItsTime) {
  World world;
  world.policy->timeout = milliseconds(5);
  world.store->hang = true;
  const auto got = world.Get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message, "context deadline exceeded");
  EXPECT_EQ(got.error().kind, base::Kind::kTimeout);
  EXPECT_EQ(world.store->calls, 3);
}

TEST(Guarded, WhatMayHaveBeenWrittenByEtagIsNotWrittenAgain) {
  World world;
  constexpr auto kFirst = contracts::Concurrency::kFirstWrite;
  const std::vector<contracts::TransactionOperation> conditional = {
      contracts::SetRequest{.key = "a", .etag = "7"},
      contracts::SetRequest{.key = "a", .options = {.concurrency = kFirst}},
      contracts::DeleteRequest{.key = "a", .etag = "7"},
      contracts::DeleteRequest{.key = "a", .options = {.concurrency = kFirst}}};
  const std::vector<contracts::TransactionOperation> plain = {
      contracts::SetRequest{.key = "a", .etag = ""}, contracts::DeleteRequest{.key = "a"}};
  for (const bool transaction : {false, true}) {
    for (std::size_t i = 0; i < conditional.size(); ++i) {
      const auto tries = [&](base::Kind kind) {
        return world.Tries(kind, conditional[i], transaction);
      };
      EXPECT_EQ(tries(base::Kind::kUnavailable), 1) << i << transaction;
      EXPECT_EQ(tries(base::Kind::kTimeout), 1) << i << transaction;
      EXPECT_EQ(tries(base::Kind::kInternal), 1) << i << transaction;
      // Nothing was sent, or it was refused.
      EXPECT_EQ(tries(base::Kind::kUnreachable), 2) << i << transaction;
      EXPECT_EQ(tries(base::Kind::kExhausted), 2) << i << transaction;
    }
    for (const auto& operation : plain) {
      EXPECT_EQ(world.Tries(base::Kind::kUnavailable, operation, transaction), 2);
      EXPECT_EQ(world.Tries(base::Kind::kTimeout, operation, transaction), 2);
    }
  }
}

TEST(Guarded, BulksThatCannotBeRepeatedAreNot) {
  World world;
  world.store->failures = 1;
  contracts::SetRequest plain{.key = "a", .value = "1"};
  contracts::SetRequest tagged = plain;
  tagged.etag = "7";
  EXPECT_FALSE(world.Set({plain, tagged}));
  world.store->failures = 1;
  world.store->kind = base::Kind::kUnreachable;
  EXPECT_FALSE(world.Set({plain, tagged})) << "one of them may have been written";
  world.store->failures = 1;
  EXPECT_TRUE(world.Set({plain, plain}));
}

// A broker that takes every entry but those that begin with "no", as often as told.
class FlakyBroker final : public contracts::PubSub {
 public:
  async::Task<base::Status> Init(const Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override { return 0; }
  bool publishes_at_once() const override { return true; }
  async::Task<base::Status> Publish(const Call&, contracts::PublishRequest request) override {
    if (failures-- > 0) co_return base::Fail(base::Kind::kUnavailable, "away");
    taken.push_back(request.data);
    co_return base::Status();
  }
  async::Task<std::vector<contracts::BulkPublishFailure>> BulkPublish(
      const Call&, contracts::BulkPublishRequest request) override {
    std::vector<contracts::BulkPublishFailure> out;
    const bool failing = failures-- > 0;
    for (const auto& entry : request.entries) {
      if (failing && entry.data.starts_with("no")) {
        out.push_back({entry.entry_id, base::Error(base::Kind::kUnavailable, "away")});
      } else {
        taken.push_back(entry.data);
      }
    }
    co_return out;
  }
  async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Subscribe(
      const Call&, contracts::SubscribeRequest, contracts::MessageHandler&) override {
    co_return base::Fail(base::Kind::kUnimplemented, "no");
  }
  int failures = 0;
  std::vector<std::string> taken;
};

async::Task<void> PublishAll(contracts::PubSub& broker, std::size_t& left) {
  const Call call(async::Context(async::Loop::Current()->After(seconds(10))));
  contracts::BulkPublishRequest request;
  for (const char* data : {"a", "no 1", "b", "no 2"}) {
    request.entries.push_back({.entry_id = data, .data = data});
  }
  left = (co_await broker.BulkPublish(call, std::move(request))).size();
}

TEST(Guarded, BulkPublishSendsOnlyWhatIsLeft) {
  World world;
  const auto broker = std::make_shared<FlakyBroker>();
  const auto guarded = Guard(std::shared_ptr<contracts::PubSub>(broker), world.policy);
  EXPECT_FALSE(guarded->publishes_at_once());
  std::size_t left = 9;
  broker->failures = 2;
  world.loops.RunTaskOn(0, [&]() -> async::Task<void> { return PublishAll(*guarded, left); });
  EXPECT_EQ(left, 0u);
  EXPECT_EQ(broker->taken, (std::vector<std::string>{"a", "b", "no 1", "no 2"}));
  broker->failures = 9;
  world.loops.RunTaskOn(0, [&]() -> async::Task<void> { return PublishAll(*guarded, left); });
  EXPECT_EQ(left, 2u);
}

}  // namespace
}  // namespace resiliency
