#include "grpc/message.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace grpc {
namespace {

// Feeds `stream` in pieces of `step` bytes and collects what comes out.
base::Result<std::vector<std::string>> Cut(std::string_view stream, std::size_t step,
                                           std::size_t limit = 1000, bool gzip = false) {
  FrameParser parser(limit, gzip);
  std::vector<std::string> messages;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    std::string_view piece = stream.substr(at, step);
    while (true) {
      auto message = parser.Next(piece);
      if (!message) return std::unexpected(message.error());
      if (*message) messages.push_back(std::move(**message));
      if (piece.empty() && !*message) break;
    }
  }
  return messages;
}

TEST(FrameParser, CutsMessagesHoweverTheStreamIsSplit) {
  std::string stream;
  const std::vector<std::string> messages = {"", "a", std::string(300, 'x'), "", "end"};
  for (const std::string& message : messages) AppendFrame(message, false, stream);
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    auto cut = Cut(stream, step);
    ASSERT_TRUE(cut) << step;
    EXPECT_EQ(*cut, messages) << step;
  }
}

TEST(FrameParser, RefusesBadFlagsAndSizes) {
  EXPECT_EQ(Cut(std::string("\x02\0\0\0\1x", 6), 6).error().kind, base::Kind::kInternal);
  EXPECT_EQ(Cut(std::string("\x01\0\0\0\1x", 6), 6).error().kind, base::Kind::kUnimplemented);
  const auto large = Cut(std::string("\0\0\0\x03\xe9", 5), 5);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().kind, base::Kind::kTooLarge);
  EXPECT_EQ(large.error().message, "grpc: received message larger than max (1001 vs. 1000)");
}

TEST(FrameParser, GzipMessagesAreUnpackedWithinTheLimit) {
  std::string stream;
  AppendFrame(std::string(900, 'a'), true, stream);
  AppendFrame("plain", false, stream);
  auto cut = Cut(stream, 7, 1000, true);
  ASSERT_TRUE(cut) << cut.error().message;
  EXPECT_EQ(*cut, (std::vector<std::string>{std::string(900, 'a'), "plain"}));

  std::string bomb;
  AppendFrame(std::string(1'000'000, 'a'), true, bomb);
  const auto refused = Cut(bomb, bomb.size(), 5000, true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, base::Kind::kTooLarge);

  std::string junk("\x01\0\0\0\4abcd", 9);
  EXPECT_EQ(Cut(junk, 9, 1000, true).error().kind, base::Kind::kInternal);
}

TEST(Gunzip, TruncatedInputIsAnErrorNotAHang) {
  const std::string packed = Gzip("hello, hello, hello");
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(Gunzip(packed.substr(0, size), 1000)) << size;
  }
  EXPECT_EQ(Gunzip(packed, 1000).value(), "hello, hello, hello");
}

}  // namespace
}  // namespace grpc
