#include "components/pubsub/redis/stream_reply.hpp"

#include <gtest/gtest.h>

#include "components/redis/reply_reader.hpp"

namespace components::pubsub::redis {
namespace {

using std::chrono::milliseconds;

Reply Parse(std::string_view bytes) {
  components::redis::ReplyReader reader;
  reader.Feed(bytes);
  Reply reply;
  const auto got = reader.Next(reply);
  EXPECT_TRUE(got && *got);
  return reply;
}

TEST(StreamId, TextAndOrder) {
  EXPECT_EQ(StreamId::Parse("5-1"), (StreamId{5, 1}));
  EXPECT_EQ(StreamId::Parse("18446744073709551615-0"), (StreamId{UINT64_MAX, 0}));
  for (const char* text : {"", "5", "-", "5-", "-1", "a-1", "5-1x", "18446744073709551616-0"}) {
    EXPECT_FALSE(StreamId::Parse(text)) << text;
  }
  EXPECT_EQ((StreamId{5, 1}).ToString(), "5-1");
  EXPECT_LT((StreamId{5, 9}), (StreamId{6, 0}));
  EXPECT_EQ((StreamId{5, 1}).Next(), (StreamId{5, 2}));
  EXPECT_EQ((StreamId{5, UINT64_MAX}).Next(), (StreamId{6, 0}));
}

TEST(StreamReply, Entries) {
  const auto entries = ReadEntries(
      Parse("*1\r\n*2\r\n$1\r\nt\r\n*3\r\n"
            "*2\r\n$3\r\n5-1\r\n*4\r\n$4\r\ndata\r\n$2\r\nhi\r\n$8\r\nmetadata\r\n$9\r\n"
            "{\"a\":\"b\"}\r\n"
            "*2\r\n$3\r\n5-2\r\n*-1\r\n"
            "*2\r\n$3\r\nbad\r\n*0\r\n"));
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].id, (StreamId{5, 1}));
  EXPECT_TRUE(entries[0].readable);
  EXPECT_EQ(entries[0].data, "hi");
  EXPECT_EQ(entries[0].metadata, (contracts::Metadata{{"a", "b"}}));
  EXPECT_EQ(entries[1].id, (StreamId{5, 2}));
  EXPECT_FALSE(entries[1].readable);
  EXPECT_TRUE(ReadEntries(Parse("*-1\r\n")).empty());
  EXPECT_TRUE(ReadEntries(Parse("$2\r\nOK\r\n")).empty());
}

TEST(StreamReply, Claimed) {
  const Reply reply = Parse("*2\r\n*2\r\n$3\r\n5-1\r\n*2\r\n$4\r\ndata\r\n$0\r\n\r\n$-1\r\n");
  const auto entries = ReadClaimed(reply);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_TRUE(entries[0].readable);
  EXPECT_EQ(reply.size(), 2U);
  EXPECT_EQ(ReadIds(Parse("*3\r\n$3\r\n5-1\r\n$-1\r\n$3\r\n5-2\r\n")),
            (std::vector<StreamId>{{5, 1}, {5, 2}}));
}

TEST(StreamReply, Pending) {
  const auto pending = ReadPending(
      Parse("*2\r\n*4\r\n$3\r\n5-1\r\n$1\r\nc\r\n:60001\r\n:1\r\n*4\r\n$3\r\n5-2\r\n$1\r\nc\r\n:-4"
            "\r\n:1\r\n"));
  ASSERT_EQ(pending.size(), 2U);
  EXPECT_EQ(pending[0].id, (StreamId{5, 1}));
  EXPECT_EQ(pending[0].idle, milliseconds(60001));
  EXPECT_EQ(pending[1].idle, milliseconds(0));
}

TEST(StreamReply, Groups) {
  const Reply seven = Parse(
      "*2\r\n*2\r\n$4\r\nname\r\n$1\r\no\r\n"
      "*8\r\n$4\r\nname\r\n$1\r\ng\r\n$7\r\npending\r\n:3\r\n$17\r\nlast-delivered-id\r\n$3\r\n5-1"
      "\r\n$3\r\nlag\r\n:7\r\n");
  const auto state = ReadGroupState(seven, "g");
  ASSERT_TRUE(state);
  EXPECT_EQ(state->pending, 3);
  EXPECT_EQ(state->last_delivered, (StreamId{5, 1}));
  EXPECT_EQ(state->lag, 7);
  EXPECT_FALSE(ReadGroupState(seven, "x"));
  // Nil where it cannot be told, absent before Redis 7.
  EXPECT_FALSE(
      ReadGroupState(Parse("*1\r\n*4\r\n$4\r\nname\r\n$1\r\ng\r\n$3\r\nlag\r\n$-1\r\n"), "g")->lag);
}

}  // namespace
}  // namespace components::pubsub::redis
