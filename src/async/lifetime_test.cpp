// What goes away while somebody waits on it, or wakes somebody: each case was a use after free or a
// hang waiting to happen; the sanitizers judge most of them.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <latch>

#include "async/blocking_pool.hpp"
#include "async/channel.hpp"
#include "async/gate.hpp"
#include "async/loop_group.hpp"
#include "async/semaphore.hpp"

namespace async {
namespace {

using std::chrono::milliseconds;

void RunOnLoop(std::move_only_function<Task<void>()> start) {
  LoopGroup loops(1);
  loops.RunTaskOn(0, std::move(start));
}

// Runs a task without owning it through a gate, so that a test can drop it half-way.
struct Started {
  struct promise_type {
    Started get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const {}
    void unhandled_exception() const { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};
Started Begin(Task<void> task) {
  co_await task;
}

struct Pair {
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0); }
  ~Pair() {
    close(ends[0]);
    close(ends[1]);
  }
  int ends[2];
};

Task<void> AwaitReadable(FdWatch& watch, Context context, std::vector<Wake>& log) {
  log.push_back(co_await Readable(watch, context));
}

TEST(Lifetime, AWaitOutlivesItsDescriptorsWatch) {
  RunOnLoop([]() -> Task<void> {
    Pair pair;
    auto watches = std::make_unique<FdWatch[]>(2);  // one waiter a direction and watch
    for (int i : {0, 1}) {
      EXPECT_TRUE(watches[i].Open(*Loop::Current(), pair.ends[i]));
      watches[i].set_readable(false);
    }
    std::vector<Wake> log;
    Gate gate;
    CancelToken token;
    gate.Spawn(AwaitReadable(watches[0], Context(kForever, &token), log));
    Started dropped = Begin(AwaitReadable(watches[1], Context(), log));
    watches.reset();
    EXPECT_TRUE(log.empty());
    dropped.handle.destroy();
    token.Cancel();
    EXPECT_EQ(log, (std::vector{Wake::kCanceled}));
    EXPECT_TRUE(co_await gate.Close(Context()));
  });
}

TEST(Lifetime, AWaitOutlivesItsWatchAndEndsByDeadline) {
  RunOnLoop([]() -> Task<void> {
    Pair pair;
    auto watch = std::make_unique<FdWatch>();
    EXPECT_TRUE(watch->Open(*Loop::Current(), pair.ends[0]));
    watch->set_readable(false);
    std::vector<Wake> log;
    Gate gate;
    gate.Spawn(AwaitReadable(*watch, Context(Loop::Current()->After(milliseconds(5))), log));
    watch.reset();
    co_await Sleep(Context(), Loop::Current()->After(milliseconds(10)));
    EXPECT_EQ(log, (std::vector{Wake::kTimeout}));
    EXPECT_TRUE(co_await gate.Close(Context()));
  });
}

TEST(Lifetime, AnAwaiterKeepsItsContext) {
  RunOnLoop([]() -> Task<void> {
    Event event;
    auto* context = new Context(Loop::Current()->After(milliseconds(5)));
    auto wait = event.Wait(*context);
    delete context;
    EXPECT_EQ(co_await wait, Wake::kTimeout);
  });
}

Task<void> Note(Event& event, std::vector<int>& log, int name, std::function<void()> then = {}) {
  const Context context;
  co_await event.Wait(context);
  log.push_back(name);
  if (then) then();
}

TEST(Lifetime, APulseSurvivesItsEventAndTheFramesItWakes) {
  RunOnLoop([]() -> Task<void> {
    auto event = std::make_unique<Event>();
    std::vector<int> log;
    Gate gate;
    std::vector<Started> started;
    gate.Spawn(Note(*event, log, 1, [&] { started[0].handle.destroy(); }));
    started.push_back(Begin(Note(*event, log, 2)));
    gate.Spawn(Note(*event, log, 3, [&] { event.reset(); }));
    gate.Spawn(Note(*event, log, 4));
    event->Pulse();
    EXPECT_EQ(log, (std::vector{1, 3, 4}));
    EXPECT_TRUE(co_await gate.Close(Context()));
  });
}

Task<void> NoteTwice(Event& event, std::vector<int>& log, int name) {
  co_await event.Wait(Context());
  log.push_back(name);
  event.Pulse();  // wakes those who have come since, and nobody twice
  co_await event.Wait(Context());
  log.push_back(name + 10);
}

TEST(Lifetime, PulsesNest) {
  RunOnLoop([]() -> Task<void> {
    Event event;
    std::vector<int> log;
    Gate gate;
    gate.Spawn(NoteTwice(event, log, 1));
    gate.Spawn(NoteTwice(event, log, 2));
    event.Pulse();
    EXPECT_EQ(log, (std::vector{1, 2, 11}));
    event.Pulse();
    EXPECT_EQ(log, (std::vector{1, 2, 11, 12}));
    EXPECT_TRUE(co_await gate.Close(Context()));
  });
}

TEST(Lifetime, PulseOneWakesTheOldest) {
  RunOnLoop([]() -> Task<void> {
    Event event;
    std::vector<int> log;
    Gate gate;
    gate.Spawn(Note(event, log, 1));
    gate.Spawn(Note(event, log, 2));
    event.PulseOne();
    EXPECT_EQ(log, (std::vector{1}));
    event.PulseOne();
    event.PulseOne();
    EXPECT_EQ(log, (std::vector{1, 2}));
    EXPECT_TRUE(co_await gate.Close(Context()));
  });
}

struct Owner {
  CancelToken token;
};
Task<void> EndOwner(std::unique_ptr<Owner>& owner, Event& never) {
  co_await never.Wait(Context(kForever, &owner->token));
  owner.reset();
}
Task<void> Witness(CancelToken& token, Event& never, std::vector<Wake>& log) {
  log.push_back(co_await never.Wait(Context(kForever, &token)));
}

TEST(Lifetime, CancelSurvivesTheTokensEnd) {
  RunOnLoop([]() -> Task<void> {
    auto owner = std::make_unique<Owner>();
    Event never;
    std::vector<Wake> log;
    Gate gate;
    gate.Spawn(EndOwner(owner, never));
    gate.Spawn(Witness(owner->token, never, log));
    owner->token.Cancel();
    EXPECT_EQ(owner, nullptr);
    EXPECT_EQ(log, (std::vector{Wake::kCanceled}));
    EXPECT_TRUE(co_await gate.Close(Context()));
  });
}

Task<void> SendForever(Channel<int>& channel, int name) {
  const Context context;
  while (co_await channel.Send(context, name)) {
  }
}

TEST(Channel, SendersTakeTurns) {
  RunOnLoop([]() -> Task<void> {
    Channel<int> channel(1);
    Gate gate;
    gate.Spawn(SendForever(channel, 1));
    gate.Spawn(SendForever(channel, 2));
    gate.Spawn(SendForever(channel, 3));
    int counts[4] = {};
    const Context context;
    for (int i = 0; i < 300; ++i) ++counts[*co_await channel.Receive(context)];
    for (int name = 1; name <= 3; ++name) EXPECT_NEAR(counts[name], 100, 2) << name;
    channel.Close();
    EXPECT_TRUE(co_await gate.Close(context));
  });
}

Task<void> ReceiveThenDrop(std::unique_ptr<Channel<int>>& channel) {
  const Context context;
  EXPECT_FALSE((co_await channel->Receive(context)).has_value());
  channel.reset();
}

TEST(Channel, CloseSurvivesTheChannelsEnd) {
  RunOnLoop([]() -> Task<void> {
    auto channel = std::make_unique<Channel<int>>(1);
    Gate gate;
    gate.Spawn(ReceiveThenDrop(channel));
    channel->Close();
    EXPECT_EQ(channel, nullptr);
    EXPECT_TRUE(co_await gate.Close(Context()));
  });
}

Task<void> AcquireThenDrop(std::unique_ptr<Semaphore>& semaphore) {
  const Context context;
  EXPECT_EQ(co_await semaphore->Acquire(context), Wake::kReady);
  semaphore.reset();
}
Task<void> AcquireUntil(Semaphore& semaphore, Context context, std::vector<Wake>& log) {
  log.push_back(co_await semaphore.Acquire(context));
}

TEST(Semaphore, ReleaseSurvivesTheSemaphoresEnd) {
  RunOnLoop([]() -> Task<void> {
    auto semaphore = std::make_unique<Semaphore>(1);
    EXPECT_TRUE(semaphore->TryAcquire());
    Gate gate;
    CancelToken token;
    std::vector<Wake> log;
    gate.Spawn(AcquireThenDrop(semaphore));
    gate.Spawn(AcquireUntil(*semaphore, Context(kForever, &token), log));
    semaphore->Release();
    EXPECT_EQ(semaphore, nullptr);
    token.Cancel();
    EXPECT_EQ(log, (std::vector{Wake::kCanceled}));
    EXPECT_TRUE(co_await gate.Close(Context()));
  });
}

Task<void> YieldThen(bool& reached) {
  co_await Yield();
  reached = true;
}

TEST(Lifetime, AYieldedFrameMayBeDropped) {
  RunOnLoop([]() -> Task<void> {
    bool dropped = false;
    bool kept = false;
    Started gone = Begin(YieldThen(dropped));
    Gate gate;
    gate.Spawn(YieldThen(kept));
    gone.handle.destroy();
    co_await Yield();
    co_await Yield();
    EXPECT_FALSE(dropped);
    EXPECT_TRUE(kept);
    EXPECT_TRUE(co_await gate.Close(Context()));
  });
}

TEST(Loop, WorkPostedAfterStopIsDestroyedUnrun) {
  bool ran = false;
  auto token = std::make_shared<int>(1);
  {
    LoopGroup loops(1);
    loops.Stop();
    loops.at(0).Post([token, &ran] { ran = true; });
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(token.use_count(), 1);
}

TEST(BlockingPool, WorkStillQueuedIsDoneBeforeThePoolGoes) {
  LoopGroup loops(1);
  std::atomic<int> done{0};
  std::latch release(1);
  {
    BlockingPool pool(1);
    EXPECT_TRUE(pool.Submit([&] { release.wait(); }));
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(pool.Submit([&] { ++done; }));
    release.count_down();
  }
  EXPECT_EQ(done, 10);
}

Task<void> FillQueue(BlockingPool& pool, std::latch& started, std::latch& release) {
  EXPECT_TRUE(pool.Submit([&] {
    started.count_down();
    release.wait();
  }));
  started.wait();
  EXPECT_TRUE(pool.Submit([] {}));
  EXPECT_FALSE((co_await pool.Run([] { return 1; })).has_value());
  release.count_down();
}

TEST(BlockingPool, AFullQueueRefuses) {
  std::latch started(1);
  std::latch release(1);
  BlockingPool pool(1, 1);
  RunOnLoop([&] { return FillQueue(pool, started, release); });
}

TEST(FramePool, FramesMayEndOnAnotherThread) {
  // Allocated here, freed there and back: the lists must stay whole.
  for (int round = 0; round < 50; ++round) {
    std::vector<void*> frames;
    for (int i = 0; i < 100; ++i) frames.push_back(FramePool::Allocate(200));
    std::thread([&] {
      for (void* frame : frames) FramePool::Free(frame, 200);
      for (void*& frame : frames) frame = FramePool::Allocate(200);
    }).join();
    for (void* frame : frames) FramePool::Free(frame, 200);
  }
}

TEST(GateDeathTest, AnExceptionThatLeavesATaskEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Gate gate;
        gate.Spawn([]() -> Task<void> {
          throw std::runtime_error("boom");
          co_return;
        }());
      },
      "");
}

}  // namespace
}  // namespace async
