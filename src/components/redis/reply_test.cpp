#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include "components/redis/command.hpp"
#include "components/redis/reply_reader.hpp"
#include "components/redis/script.hpp"

namespace components::redis {
namespace {

Reply Read(std::string_view bytes, ReplyLimits limits = {}) {
  ReplyReader reader(limits);
  reader.Feed(bytes);
  Reply reply;
  const auto got = reader.Next(reply);
  EXPECT_TRUE(got && *got) << bytes;
  return reply;
}

TEST(Reply, ReadsEveryType) {
  EXPECT_EQ(Read("+OK\r\n").type(), Reply::Type::kStatus);
  EXPECT_EQ(Read("+OK\r\n").text(), "OK");
  EXPECT_EQ(Read(":-42\r\n").integer(), -42);
  EXPECT_EQ(Read("$5\r\nab\r\nc\r\n").text(), "ab\r\nc");
  EXPECT_EQ(Read("$0\r\n\r\n").text(), "");
  EXPECT_EQ(Read("$0\r\n\r\n").type(), Reply::Type::kText);
  EXPECT_TRUE(Read("$-1\r\n").is_nil());
  EXPECT_TRUE(Read("*-1\r\n").is_nil());
  EXPECT_TRUE(Read("-ERR no\r\n").is_error());
  EXPECT_EQ(Read("-ERR no\r\n").text(), "ERR no");
  EXPECT_TRUE(Read("*0\r\n").is_array());
  EXPECT_EQ(Read("*0\r\n").size(), 0U);
}

TEST(Reply, ReadsNestedArrays) {
  const Reply reply = Read("*3\r\n*2\r\n$1\r\na\r\n*1\r\n:7\r\n$2\r\nbc\r\n*2\r\n$-1\r\n+x\r\n");
  ASSERT_EQ(reply.size(), 3U);
  EXPECT_EQ(reply[0][0].text(), "a");
  EXPECT_EQ(reply[0][1][0].integer(), 7);
  EXPECT_EQ(reply[1].text(), "bc");
  EXPECT_TRUE(reply[2][0].is_nil());
  EXPECT_EQ(reply[2][1].text(), "x");
  EXPECT_TRUE(reply[3].is_nil());
  EXPECT_TRUE(reply[1][0].is_nil());
}

TEST(Reply, ReadsWhatComesInPieces) {
  const std::string_view bytes = "*2\r\n$3\r\nabc\r\n:12\r\n+next\r\n";
  ReplyReader reader;
  Reply reply;
  std::vector<std::string> seen;
  for (const char c : bytes) {
    reader.Feed(std::string_view(&c, 1));
    const auto got = reader.Next(reply);
    ASSERT_TRUE(got);
    if (*got) seen.push_back(std::string(reply.is_array() ? reply[0].text() : reply.text()));
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"abc", "next"}));
}

TEST(Reply, RefusesWhatIsTooMuch) {
  Reply reply;
  ReplyReader wide({.max_elements = 10});
  wide.Feed("*2\r\n*8\r\n:1\r\n");
  EXPECT_TRUE(wide.Next(reply).has_value());
  ReplyReader wider({.max_elements = 10});
  wider.Feed("*2\r\n*9\r\n");
  EXPECT_EQ(wider.Next(reply).error().kind, base::Kind::kTooLarge);
  ReplyReader huge({.max_bytes = 100});
  huge.Feed("$9000000000\r\n" + std::string(200, 'x'));
  EXPECT_EQ(huge.Next(reply).error().kind, base::Kind::kTooLarge);
  ReplyReader long_line({.max_bytes = 100});
  long_line.Feed("+" + std::string(200, 'x'));
  EXPECT_EQ(long_line.Next(reply).error().kind, base::Kind::kTooLarge);
  ReplyReader deep;
  std::string nested;
  for (int i = 0; i < 100; ++i) nested += "*1\r\n";
  deep.Feed(nested);
  EXPECT_EQ(deep.Next(reply).error().kind, base::Kind::kProtocol);
  ReplyReader noise;
  noise.Feed("HTTP/1.1 400 Bad Request\r\n");
  EXPECT_EQ(noise.Next(reply).error().kind, base::Kind::kProtocol);
}

// However the bytes arrive, too long a reply becomes an error and the next one is as it was sent.
TEST(Reply, StepsOverLongTexts) {
  const std::string x(1000, 'x');
  const std::string longs[] = {
      "$1000\r\n" + x + "\r\n", "*3\r\n$1\r\na\r\n$1000\r\n" + x + "\r\n*2\r\n:7\r\n$2\r\nbc\r\n",
      "*2\r\n$60\r\n" + x.substr(0, 60) + "\r\n$60\r\n" + x.substr(0, 60) + "\r\n",
      "*2\r\n$1000\r\n" + x + "\r\n$1000\r\n" + x + "\r\n"};
  for (const std::string& text : longs) {
    for (const std::size_t step :
         {std::size_t{1}, std::size_t{7}, std::size_t{500}, x.size() * 9}) {
      ReplyReader reader({.max_bytes = 100});
      const std::string all = text + "*2\r\n$100\r\n" + x.substr(0, 100) + "\r\n:5\r\n";
      std::vector<Reply> got;
      for (std::size_t at = 0; at < all.size(); at += step) {
        reader.Feed(std::string_view(all).substr(at, step));
        Reply reply;
        while (reader.Next(reply).value()) got.push_back(std::move(reply));
      }
      ASSERT_EQ(got.size(), 2U) << text.substr(0, 40) << " by " << step;
      EXPECT_TRUE(got[0].is_error());
      EXPECT_EQ(ServerError(got[0].text()).kind, base::Kind::kTooLarge);
      EXPECT_EQ(got[1][0].text(), x.substr(0, 100));
      EXPECT_EQ(got[1][1].integer(), 5);
      EXPECT_FALSE(reader.in_long_text());
    }
  }
}

TEST(Command, EqualsHiredis) {
  const std::vector<std::vector<std::string>> commands = {
      {"PING"}, {"SET", "", std::string("a\0\r\n", 4)}, {"SET", std::string(100'000, 'x'), "\xff"}};
  for (const auto& command : commands) {
    std::vector<Arg> args(command.begin(), command.end());
    std::vector<const char*> texts;
    std::vector<size_t> sizes;
    for (const std::string& arg : command) {
      texts.push_back(arg.data());
      sizes.push_back(arg.size());
    }
    char* formatted = nullptr;
    const int size = redisFormatCommandArgv(&formatted, static_cast<int>(command.size()),
                                            texts.data(), sizes.data());
    ASSERT_GT(size, 0);
    std::string out = "before";
    AppendCommand(out, args);
    EXPECT_EQ(out, "before" + std::string(formatted, static_cast<size_t>(size)));
    redisFreeCommand(formatted);
  }
}

TEST(Script, HasTheDigestOfItsText) {
  static_assert(Script("").sha() == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(Script("abc").sha(), "a9993e364706816aba3e25717850c26c9cd0d89d");
  // Lengths around the border of a block, where the padding grows by one.
  EXPECT_EQ(Script(std::string(55, 'a')).sha(), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  EXPECT_EQ(Script(std::string(56, 'a')).sha(), "c2db330f6083854c99d4b5bfb6e8f29f201be699");
  EXPECT_EQ(Script(std::string(64, 'a')).sha(), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
}

TEST(ServerErrors, HaveTheirKinds) {
  EXPECT_EQ(ServerError("NOAUTH Authentication required.").kind, base::Kind::kUnauthenticated);
  EXPECT_EQ(ServerError("OOM command not allowed").kind, base::Kind::kExhausted);
  EXPECT_EQ(ServerError("WRONGTYPE Operation").kind, base::Kind::kInvalidArgument);
  EXPECT_EQ(ServerError("MISCONF Redis is configured").kind, base::Kind::kUnavailable);
  EXPECT_EQ(ServerError("ERR something").message, "redis: ERR something");
  EXPECT_EQ(ClassifyRefusal("MOVED 1 a:1"), Refusal::kMoved);
  EXPECT_EQ(ClassifyRefusal("ASK 1 a:1"), Refusal::kAsk);
  EXPECT_EQ(ClassifyRefusal("READONLY You can't write"), Refusal::kReadOnly);
  EXPECT_EQ(ClassifyRefusal("ERR Error running script: -READONLY You"), Refusal::kReadOnly);
  EXPECT_EQ(ClassifyRefusal("LOADING Redis is loading"), Refusal::kLater);
  EXPECT_EQ(ClassifyRefusal("ERR MOVED"), Refusal::kFinal);
}

}  // namespace
}  // namespace components::redis
