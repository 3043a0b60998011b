#include "grpc/status.hpp"

#include <gtest/gtest.h>

namespace grpc {
namespace {

TEST(Status, MessagesSurviveTheirEncoding) {
  for (const std::string text : {"plain", "50% off", "tab\tnew\nline", "\xc3\xa9t\xc3\xa9", ""}) {
    const std::string encoded = EncodeMessage(text);
    for (const char c : encoded) EXPECT_TRUE(c >= 0x20 && c <= 0x7e) << text;
    EXPECT_EQ(DecodeMessage(encoded), text);
  }
  EXPECT_EQ(EncodeMessage("a%b"), "a%25b");
}

TEST(Status, BadEscapesAreKept) {
  EXPECT_EQ(DecodeMessage("100%"), "100%");
  EXPECT_EQ(DecodeMessage("%zz%4"), "%zz%4");
  EXPECT_EQ(DecodeMessage("%41"), "A");
}

TEST(Status, TravelsInTrailers) {
  http::Headers trailers;
  AppendStatus({Code::kNotFound, "no caf\xc3\xa9", std::string("\x08\x05\x12\x00", 4)}, trailers);
  EXPECT_EQ(trailers.Get("grpc-status"), "5");
  EXPECT_EQ(trailers.Get("grpc-message"), "no caf%C3%A9");
  Status back;
  ASSERT_TRUE(ParseStatus(trailers, back));
  EXPECT_EQ(back.code, Code::kNotFound);
  EXPECT_EQ(back.message, "no caf\xc3\xa9");
  EXPECT_EQ(back.details, std::string("\x08\x05\x12\x00", 4));
}

TEST(Status, UnreadableCodesBecomeUnknown) {
  for (const char* text : {"", "abc", "-1", "5x", "99999999999"}) {
    http::Headers trailers;
    trailers.Add("grpc-status", text);
    Status status;
    ASSERT_TRUE(ParseStatus(trailers, status));
    EXPECT_EQ(status.code, Code::kUnknown) << text;
  }
  http::Headers none;
  Status status;
  EXPECT_FALSE(ParseStatus(none, status));
}

TEST(Timeout, ParsesUnitsAndRefusesTheRest) {
  using std::chrono::nanoseconds;
  struct Case {
    const char* text;
    nanoseconds value;
  };
  for (const Case& c :
       {Case{"1H", std::chrono::hours(1)}, Case{"2M", std::chrono::minutes(2)},
        Case{"3S", std::chrono::seconds(3)}, Case{"4m", std::chrono::milliseconds(4)},
        Case{"5u", std::chrono::microseconds(5)}, Case{"6n", nanoseconds(6)},
        Case{"99999999m", std::chrono::milliseconds(99'999'999)}}) {
    nanoseconds value{};
    ASSERT_TRUE(ParseTimeout(c.text, value)) << c.text;
    EXPECT_EQ(value, c.value) << c.text;
  }
  for (const char* text : {"", "5", "S", "-1S", "1x", "1.5S", "123456789S", " 1S"}) {
    nanoseconds value{};
    EXPECT_FALSE(ParseTimeout(text, value)) << text;
  }
  // The largest value must not wrap around into the past.
  nanoseconds value{};
  ASSERT_TRUE(ParseTimeout("99999999H", value));
  EXPECT_GT(value, std::chrono::hours(1'000'000));
}

TEST(Timeout, FormatsWithAtMostEightDigitsRoundedUp) {
  EXPECT_EQ(FormatTimeout(std::chrono::nanoseconds(5)), "5n");
  EXPECT_EQ(FormatTimeout(std::chrono::seconds(1)), "1000000u");
  EXPECT_EQ(FormatTimeout(std::chrono::nanoseconds(100'000'001)), "100001u");
  EXPECT_EQ(FormatTimeout(std::chrono::nanoseconds(-3)), "1n");
}

TEST(Codes, KindsAndCodesAgree) {
  for (int i = 1; i <= 16; ++i) {
    const Code code = static_cast<Code>(i);
    const Code back = CodeOfKind(KindOfCode(code));
    // Codes without a kind of their own fall back to a coarser one.
    const bool coarse =
        code == Code::kUnknown || code == Code::kOutOfRange || code == Code::kDataLoss;
    if (!coarse) EXPECT_EQ(back, code) << CodeName(code);
  }
  EXPECT_EQ(RpcErrorText(Code::kUnavailable, "x"), "rpc error: code = Unavailable desc = x");
}

}  // namespace
}  // namespace grpc
