#include <gtest/gtest.h>

#include "components/state/redis/test_store.hpp"
#include "contracts/conformance/state_conformance.hpp"

namespace components::state::redis {
namespace {

// The server has its own clock, so instead of moving time on, expiry is moved back.
void MoveOn(const Server& server, int64_t seconds) {
  const std::string moved = server.Do(
      {"EVAL",
       "for _, key in ipairs(redis.call('KEYS', '*')) do "
       "local left = redis.call('PTTL', key) if left > 0 then "
       "if left <= ARGV[1] * 1000 then redis.call('DEL', key) "
       "else redis.call('PEXPIRE', key, left - ARGV[1] * 1000) end end end return 'moved'",
       "0", std::to_string(seconds)});
  EXPECT_EQ(moved, "moved");
}

// Transactions need keys of one slot, which those of the cases are not: store_test.cpp has them.
class StoreWithoutMulti final : public Store {
 public:
  uint32_t Features() const override {
    return Store::Features() & ~uint32_t{contracts::kStateTransactional};
  }
};

class Subject final : public contracts::StateSubject {
 public:
  explicit Subject(bool cluster)
      : cluster_(cluster),
        store_(cluster ? std::make_unique<StoreWithoutMulti>() : std::make_unique<Store>()) {
    // Subjects are also made to be asked for their traits. Servers end with the thread that started
    // them, so that is this one, and not the loop's.
    if (!testing::UnitTest::GetInstance()->current_test_info()) return;
    if (cluster) {
      TheCluster();
    } else {
      TheServer();
    }
  }
  std::set<std::string_view> traits() const override {
    return {"etag-invalid-on-set",
            "etag-on-missing-set-passes",
            "etag-on-missing-delete-passes",
            "etag-counts",
            "last-write-ignores-etag",
            "first-write-plain-error",
            "first-write-sticks",
            "multi-ignores-first-write",
            "json-reformatted",
            "json-six-decimals",
            "empty-is-missing",
            "ttl-not-shown",
            "ttl-no-cleanup",
            "ttl-kept"};
  }
  contracts::StateStore& store() override { return *store_; }
  config::Properties properties() const override {
    if (cluster_) {
      return config::Properties(
          "test", {{"redisHost", SharedCluster().addresses()}, {"redisType", "cluster"}});
    }
    return config::Properties("test", {{"redisHost", SharedServer().address()}});
  }
  void Advance(int64_t seconds) override {
    if (cluster_) {
      for (int i = 0; i < Cluster::kNodes; ++i) MoveOn(TheCluster().node(i), seconds);
    } else {
      MoveOn(TheServer(), seconds);
    }
  }
  async::Task<int64_t> Cleanup() override { co_return 0; }

 private:
  const bool cluster_;
  const std::unique_ptr<Store> store_;
};

const bool kRegistered = contracts::RegisterStateConformance(
                             "RedisConformance", [] { return std::make_unique<Subject>(false); }) &&
                         contracts::RegisterStateConformance("RedisClusterConformance", [] {
                           return std::make_unique<Subject>(true);
                         });

}  // namespace
}  // namespace components::state::redis
