#include "contracts/parallel.hpp"

#include <gtest/gtest.h>

#include "async/gate.hpp"
#include "async/loop_group.hpp"
#include "async/wait.hpp"

namespace contracts {
namespace {

struct Work {
  async::Event release;
  std::vector<std::size_t> started;
  std::size_t ended = 0;
  std::size_t at_once = 0;
  std::size_t most = 0;
};

async::Task<void> Waits(Work& work, std::size_t i) {
  work.started.push_back(i);
  work.most = std::max(work.most, ++work.at_once);
  const async::Context context;
  co_await work.release.Wait(context);
  --work.at_once;
  ++work.ended;
}
async::Task<void> Runs(Work& work, std::size_t i) {
  work.started.push_back(i);
  ++work.ended;
  co_return;
}
async::Task<void> All(Work& work, std::size_t count, std::size_t parallelism,
                      async::Task<void> (*one)(Work&, std::size_t), bool& done) {
  co_await ForEachParallel(count, parallelism, work, one);
  done = true;
}

TEST(ForEachParallel, KeepsTheLimitAndTheOrder) {
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, []() -> async::Task<void> {
    Work work;
    bool done = false;
    async::Gate gate;
    gate.Spawn(All(work, 7, 3, Waits, done));
    EXPECT_EQ(work.started, (std::vector<std::size_t>{0, 1, 2}));
    EXPECT_FALSE(done);
    while (work.ended < 7) {
      work.release.Pulse();
      co_await async::Yield();
    }
    EXPECT_TRUE(done);
    EXPECT_EQ(work.most, 3u);
    EXPECT_EQ(work.started, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(work.ended, 7u);
    const async::Context context;
    co_await gate.Close(context);
  });
}

TEST(ForEachParallel, WorkThatNeverWaits) {
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, []() -> async::Task<void> {
    Work work;
    bool done = false;
    co_await All(work, 1000, 10, Runs, done);
    EXPECT_TRUE(done);
    EXPECT_EQ(work.ended, 1000u);
    co_await ForEachParallel(0, 10, work, Runs);
    EXPECT_EQ(work.ended, 1000u);
  });
}

TEST(ForEachParallel, DroppingTheTaskDropsTheWork) {
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, []() -> async::Task<void> {
    Work work;
    bool done = false;
    {
      async::Task<void> task = All(work, 5, 2, Waits, done);
      auto handle = task.operator co_await().handle;
      handle.resume();
      EXPECT_EQ(work.started.size(), 2u);
    }
    work.release.Pulse();
    EXPECT_EQ(work.ended, 0u);
    EXPECT_FALSE(done);
    co_return;
  });
}

}  // namespace
}  // namespace contracts
