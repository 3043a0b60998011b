#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "async/blocking_pool.hpp"
#include "async/channel.hpp"
#include "async/gate.hpp"
#include "async/loop_group.hpp"
#include "async/semaphore.hpp"

namespace async {
namespace {

using std::chrono::milliseconds;

// Runs one coroutine on a loop of its own and waits for its end.
void RunOnLoop(std::move_only_function<Task<void>()> start) {
  LoopGroup loops(1);
  loops.RunTaskOn(0, std::move(start));
}

Task<int> Deep(int depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await Deep(depth - 1);
}

TEST(Task, LongSynchronousChainsDoNotGrowTheStack) {
  RunOnLoop([]() -> Task<void> {
    int sum = 0;
    for (int i = 0; i < 100'000; ++i) sum += co_await Deep(3);
    EXPECT_EQ(sum, 300'000);
  });
}

Task<int> Throws() {
  throw std::runtime_error("boom");
  co_return 1;
}

TEST(Task, ExceptionsReachTheAwaiter) {
  RunOnLoop([]() -> Task<void> {
    bool caught = false;
    try {
      co_await Throws();
    } catch (const std::runtime_error& error) {
      caught = std::string_view(error.what()) == "boom";
    }
    EXPECT_TRUE(caught);
  });
}

TEST(Wait, SleepEndsByTimeDeadlineOrCancel) {
  RunOnLoop([]() -> Task<void> {
    Loop& loop = *Loop::Current();
    const TimePoint begin = loop.now();
    EXPECT_EQ(co_await Sleep(Context(), begin + milliseconds(20)), Wake::kReady);
    EXPECT_GE(loop.now(), begin + milliseconds(20));
    const Context soon(loop.After(milliseconds(5)));
    EXPECT_EQ(co_await Sleep(soon, loop.After(std::chrono::hours(1))), Wake::kTimeout);
    CancelToken token;
    token.Cancel();
    const Context canceled(kForever, &token);
    EXPECT_EQ(co_await Sleep(canceled, loop.After(std::chrono::hours(1))), Wake::kCanceled);
  });
}

Task<void> WaitFor(Event& event, const Context& context, std::vector<Wake>& log) {
  log.push_back(co_await event.Wait(context));
}

TEST(Wait, EventWakesAllAndCancelWakesOne) {
  RunOnLoop([]() -> Task<void> {
    Event event;
    Gate gate;
    std::vector<Wake> log;
    CancelToken token;
    const Context canceled(kForever, &token);
    const Context patient;
    gate.Spawn(WaitFor(event, canceled, log));
    gate.Spawn(WaitFor(event, patient, log));
    gate.Spawn(WaitFor(event, patient, log));
    token.Cancel();
    EXPECT_EQ(log, (std::vector{Wake::kCanceled}));
    event.Set();
    EXPECT_EQ(log, (std::vector{Wake::kCanceled, Wake::kReady, Wake::kReady}));
    EXPECT_TRUE(co_await gate.Close(patient));
  });
}

Task<void> Produce(Channel<int>& channel, int count) {
  const Context context;
  for (int i = 0; i < count; ++i) co_await channel.Send(context, i);
  channel.Close();
}

TEST(Channel, IsBoundedAndKeepsOrder) {
  RunOnLoop([]() -> Task<void> {
    Channel<int> channel(4);
    Gate gate;
    gate.Spawn(Produce(channel, 1000));
    EXPECT_EQ(channel.size(), 4u);
    const Context context;
    int next = 0;
    while (auto item = co_await channel.Receive(context)) EXPECT_EQ(*item, next++);
    EXPECT_EQ(next, 1000);
    EXPECT_TRUE(co_await gate.Close(context));
  });
}

Task<void> Hold(Semaphore& semaphore, const Context& context, std::vector<int>& log, int name) {
  const Wake wake = co_await semaphore.Acquire(context);
  log.push_back(wake == Wake::kReady ? name : -name);
}

TEST(Semaphore, FirstComeFirstServedAndDeadline) {
  RunOnLoop([]() -> Task<void> {
    Semaphore semaphore(1);
    Gate gate;
    std::vector<int> log;
    const Context patient;
    const Context hasty(Loop::Current()->After(milliseconds(5)));
    EXPECT_TRUE(semaphore.TryAcquire());
    gate.Spawn(Hold(semaphore, hasty, log, 1));
    gate.Spawn(Hold(semaphore, patient, log, 2));
    gate.Spawn(Hold(semaphore, patient, log, 3));
    co_await Sleep(patient, Loop::Current()->After(milliseconds(10)));
    EXPECT_EQ(log, (std::vector{-1}));
    semaphore.Release();
    semaphore.Release();
    EXPECT_EQ(log, (std::vector{-1, 2, 3}));
    semaphore.Release();
    EXPECT_EQ(semaphore.held(), 0u);
    EXPECT_TRUE(co_await gate.Close(patient));
  });
}

TEST(Gate, CloseCancelsWaitsAndRefusesWork) {
  RunOnLoop([]() -> Task<void> {
    Gate gate;
    Event never;
    std::vector<Wake> log;
    const Context inside = gate.context();
    gate.Spawn(WaitFor(never, inside, log));
    const Context context;
    EXPECT_TRUE(co_await gate.Close(context));
    EXPECT_EQ(log, (std::vector{Wake::kCanceled}));
    EXPECT_FALSE(gate.Spawn(WaitFor(never, inside, log)));
  });
}

TEST(Loop, DescriptorEdgesWakeTheReader) {
  RunOnLoop([]() -> Task<void> {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    FdWatch watch;
    EXPECT_TRUE(watch.Open(*Loop::Current(), ends[0]));
    char byte;
    EXPECT_EQ(read(ends[0], &byte, 1), -1);
    watch.set_readable(false);
    const Context soon(Loop::Current()->After(milliseconds(5)));
    EXPECT_EQ(co_await Readable(watch, soon), Wake::kTimeout);
    EXPECT_EQ(write(ends[1], "x", 1), 1);
    const Context context;
    EXPECT_EQ(co_await Readable(watch, context), Wake::kReady);
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
    watch.set_readable(false);
    close(ends[1]);
    EXPECT_EQ(co_await Readable(watch, context), Wake::kReady);
    EXPECT_TRUE(watch.hung_up());
    watch.Close();
    close(ends[0]);
  });
}

Task<void> RunElsewhere(BlockingPool& pool) {
  const auto home = std::this_thread::get_id();
  auto elsewhere = co_await pool.Run([] { return std::this_thread::get_id(); });
  EXPECT_TRUE(elsewhere.has_value());
  EXPECT_NE(*elsewhere, home);
  EXPECT_EQ(std::this_thread::get_id(), home);
}

TEST(BlockingPool, RunsElsewhereAndComesBack) {
  BlockingPool pool(2);
  RunOnLoop([&] { return RunElsewhere(pool); });
}

TEST(LoopGroup, PostsFromManyThreadsAllRun) {
  LoopGroup loops(2);
  std::atomic<int> count{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) loops.at(i % 2).Post([&] { ++count; });
    });
  }
  for (auto& thread : threads) thread.join();
  loops.RunOn(0, [] {});
  loops.RunOn(1, [] {});
  EXPECT_EQ(count, 4000);
}

Task<void> NoteThread(std::thread::id& thread) {
  thread = std::this_thread::get_id();
  co_return;
}

TEST(LoopGroup, ThreadsThatStartLaterLeaveTheWorkToTheCaller) {
  LoopGroup loops(2, 0, "later", LoopGroup::Threads::kLater);
  const auto here = std::this_thread::get_id();
  std::vector<int> order;
  loops.at(1).Post([&] { order.push_back(1); });
  loops.RunOn(1, [&] {
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_TRUE(loops.at(1).InThread());
  });
  EXPECT_EQ(Loop::Current(), nullptr);
  int ran = 0;
  loops.RunOnAll([&](int i) { ran += loops.at(i).InThread() ? 1 : 0; });
  EXPECT_EQ(ran, 2);
  EXPECT_TRUE(order.empty());

  std::thread::id there;
  loops.RunTaskOn(0, [&] { return NoteThread(there); });
  EXPECT_NE(there, here);
  loops.RunOn(1, [&] { order.push_back(2); });
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  std::array<std::thread::id, 2> threads;
  loops.RunOnAll([&](int i) { threads[static_cast<std::size_t>(i)] = std::this_thread::get_id(); });
  EXPECT_NE(threads[0], threads[1]);
  EXPECT_EQ(threads[0], there);
}

}  // namespace
}  // namespace async
