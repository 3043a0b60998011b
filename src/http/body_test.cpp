#include "http/body.hpp"

#include <gtest/gtest.h>

#include "async/gate.hpp"
#include "async/loop_group.hpp"

namespace http {
namespace {

using std::chrono::milliseconds;

void RunOnLoop(std::move_only_function<async::Task<void>()> start) {
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, std::move(start));
}

TEST(StringBody, IsReadOnceAndMoves) {
  StringBody first(std::string("abc"));
  StringBody body(std::move(first));
  EXPECT_EQ(body.length(), 3u);
  std::string_view chunk;
  EXPECT_EQ(body.TryRead(chunk), Body::Poll::kChunk);
  EXPECT_EQ(chunk, "abc");
  EXPECT_EQ(body.TryRead(chunk), Body::Poll::kEnd);
  StringBody empty;
  EXPECT_EQ(empty.TryRead(chunk), Body::Poll::kEnd);
  EXPECT_EQ(empty.trailers(), nullptr);
}

TEST(PipeBody, HandsOverDataThenTrailers) {
  PipeBody body;
  std::string_view chunk;
  EXPECT_EQ(body.TryRead(chunk), Body::Poll::kPending);
  body.Write("one");
  body.Write("two");
  EXPECT_EQ(body.TryRead(chunk), Body::Poll::kChunk);
  EXPECT_EQ(chunk, "onetwo");
  Headers trailers;
  trailers.Add("t", "1");
  EXPECT_EQ(body.trailers(), nullptr);
  body.Write("three");
  EXPECT_EQ(chunk, "onetwo") << "a chunk must survive writes";
  body.Close(std::move(trailers));
  body.Write("ignored");
  EXPECT_EQ(body.TryRead(chunk), Body::Poll::kChunk);
  EXPECT_EQ(chunk, "three");
  EXPECT_EQ(body.TryRead(chunk), Body::Poll::kEnd);
  EXPECT_EQ(body.trailers()->Get("T"), "1");
}

TEST(PipeBody, FailComesAfterTheDataBeforeIt) {
  PipeBody body;
  body.Write("x");
  body.Fail(base::Error(base::Kind::kUnavailable, "gone"));
  std::string_view chunk;
  EXPECT_EQ(body.TryRead(chunk), Body::Poll::kChunk);
  EXPECT_EQ(body.TryRead(chunk), Body::Poll::kError);
  EXPECT_EQ(body.error().message, "gone");
}

async::Task<void> WriteMany(PipeBody& body, int count, base::Status& status) {
  const async::Context context;
  for (int i = 0; i < count; ++i) {
    body.Write(std::string(100, static_cast<char>('a' + i % 26)));
    status = co_await body.Drain(context);
    if (!status) co_return;
  }
  body.Close();
}

TEST(PipeBody, WriterWaitsForTheReader) {
  RunOnLoop([]() -> async::Task<void> {
    PipeBody body(250);
    async::Gate gate;
    base::Status status;
    gate.Spawn(WriteMany(body, 1000, status));
    EXPECT_TRUE(body.full());
    EXPECT_EQ(gate.size(), 1u);
    const async::Context context;
    std::size_t total = 0;
    while (auto chunk = co_await NextChunk(body, context)) {
      if (!*chunk) break;
      EXPECT_LE((*chunk)->size(), 350u);
      total += (*chunk)->size();
    }
    EXPECT_EQ(total, 100'000u);
    EXPECT_TRUE(status.has_value());
    EXPECT_TRUE(co_await gate.Close(context));
  });
}

TEST(PipeBody, AbandonEndsTheWriter) {
  RunOnLoop([]() -> async::Task<void> {
    PipeBody body(10);
    async::Gate gate;
    base::Status status;
    gate.Spawn(WriteMany(body, 5, status));
    EXPECT_EQ(gate.size(), 1u);
    body.Abandon();
    EXPECT_EQ(gate.size(), 0u);
    EXPECT_EQ(status.error().kind, base::Kind::kCanceled);
    const async::Context context;
    EXPECT_TRUE(co_await gate.Close(context));
  });
}

async::Task<void> WriteLater(PipeBody& body, int pieces) {
  const async::Context context;
  for (int i = 0; i < pieces; ++i) {
    co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(1)));
    body.Write("abc");
  }
  body.Close();
}

TEST(ReadAll, WaitsForAllOfIt) {
  RunOnLoop([]() -> async::Task<void> {
    PipeBody body;
    async::Gate gate;
    body.Write("start-");
    std::string so_far;
    EXPECT_FALSE(TryReadAll(body, 100, so_far).has_value());
    EXPECT_EQ(so_far, "start-");
    gate.Spawn(WriteLater(body, 3));
    const async::Context context;
    auto all = co_await ReadRest(body, context, 100, std::move(so_far));
    EXPECT_EQ(all.value_or(""), "start-abcabcabc");
    EXPECT_TRUE(co_await gate.Close(context));
  });
}

TEST(ReadAll, LimitDeadlineAndCancel) {
  RunOnLoop([]() -> async::Task<void> {
    const async::Context context;
    {
      StringBody body(std::string("12345"));
      auto all = co_await ReadAll(body, context, 4);
      EXPECT_EQ(all.error().kind, base::Kind::kTooLarge);
      EXPECT_EQ(all.error().message, "stream too large");
      StringBody fits(std::string("12345"));
      EXPECT_EQ((co_await ReadAll(fits, context, 5)).value_or(""), "12345");
    }
    {
      PipeBody body;
      body.Write("123");
      body.Write("456");
      EXPECT_EQ((co_await ReadAll(body, context, 5)).error().kind, base::Kind::kTooLarge);
    }
    PipeBody body;
    const async::Context soon(async::Loop::Current()->After(milliseconds(3)));
    EXPECT_EQ((co_await ReadAll(body, soon, 5)).error().kind, base::Kind::kTimeout);
    async::CancelToken token;
    token.Cancel();
    const async::Context canceled(async::kForever, &token);
    EXPECT_EQ((co_await ReadAll(body, canceled, 5)).error().kind, base::Kind::kCanceled);
    body.Write("late");
    body.Close();
    EXPECT_EQ((co_await ReadAll(body, context, 5)).value_or(""), "late");
  });
}

}  // namespace
}  // namespace http
