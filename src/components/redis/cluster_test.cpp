#include "components/redis/cluster.hpp"

#include <gtest/gtest.h>

#include "components/redis/reply_reader.hpp"

namespace components::redis {
namespace {

TEST(KeySlot, IsTheServers) {
  // As CLUSTER KEYSLOT says.
  EXPECT_EQ(KeySlot("123456789"), 0x31c3);
  EXPECT_EQ(KeySlot(""), 0);
  EXPECT_EQ(KeySlot("foo"), 12182);
  EXPECT_EQ(KeySlot("app||a"), KeySlot("{app||a}x"));
  EXPECT_EQ(KeySlot("{user1000}.following"), KeySlot("{user1000}.followers"));
  EXPECT_EQ(KeySlot("foo{{bar}}zap"), KeySlot("{bar"));
  EXPECT_EQ(KeySlot("foo{bar}{zap}"), KeySlot("bar"));
  EXPECT_NE(KeySlot("foo{}{bar}"), KeySlot("bar"));
}

TEST(Redirect, IsParsed) {
  const Endpoint asked{"10.0.0.9", 1};
  EXPECT_EQ(ParseRedirect("MOVED 3999 127.0.0.1:6381", asked)->to, (Endpoint{"127.0.0.1", 6381}));
  EXPECT_EQ(ParseRedirect("MOVED 3999 127.0.0.1:6381", asked)->slot, 3999);
  EXPECT_EQ(ParseRedirect("ASK 1 :6381", asked)->to, (Endpoint{"10.0.0.9", 6381}));
  EXPECT_EQ(ParseRedirect("MOVED 1 ::1:7000", asked)->to, (Endpoint{"::1", 7000}));
  for (const char* text : {"MOVED", "MOVED 1", "MOVED x a:1", "MOVED 16384 a:1", "MOVED 1 a",
                           "MOVED 1 a:0", "MOVED 1 a:65536", "OK 1 a:1", ""}) {
    EXPECT_FALSE(ParseRedirect(text, asked)) << text;
  }
}

base::Result<std::vector<SlotRange>> Slots(std::string_view bytes) {
  ReplyReader reader;
  reader.Feed(bytes);
  Reply reply;
  EXPECT_TRUE(*reader.Next(reply));
  return ParseSlots(reply, {"asked", 1});
}

TEST(Slots, AreParsed) {
  const auto slots = Slots(
      "*2\r\n*3\r\n:0\r\n:10\r\n*2\r\n$1\r\na\r\n:7000\r\n"
      "*4\r\n:11\r\n:16383\r\n*3\r\n$-1\r\n:7001\r\n$2\r\nid\r\n*2\r\n$1\r\nr\r\n:7002\r\n");
  ASSERT_TRUE(slots);
  ASSERT_EQ(slots->size(), 2U);
  EXPECT_EQ((*slots)[0].master, (Endpoint{"a", 7000}));
  EXPECT_EQ((*slots)[1].first, 11);
  EXPECT_EQ((*slots)[1].last, 16383);
  EXPECT_EQ((*slots)[1].master, (Endpoint{"asked", 7001}));
  for (const char* bad :
       {"+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*3\r\n:5\r\n:4\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:0\r\n", "*1\r\n*2\r\n:0\r\n:1\r\n"}) {
    EXPECT_FALSE(Slots(bad)) << bad;
  }
  EXPECT_EQ(Slots("-ERR This instance has cluster support disabled\r\n").error().message,
            "redis: ERR This instance has cluster support disabled");
}

}  // namespace
}  // namespace components::redis
