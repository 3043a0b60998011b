#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "base/hex.hpp"
#include "base/quantity.hpp"

namespace base {
namespace {

TEST(Base64, KnownVectors) {
  const std::pair<std::string_view, std::string_view> cases[] = {{"", ""},
                                                                 {"f", "Zg=="},
                                                                 {"fo", "Zm8="},
                                                                 {"foo", "Zm9v"},
                                                                 {"foob", "Zm9vYg=="},
                                                                 {"fooba", "Zm9vYmE="},
                                                                 {"foobar", "Zm9vYmFy"},
                                                                 {"\xfb\xff", "+/8="}};
  for (auto [bytes, text] : cases) {
    EXPECT_EQ(Base64Encode(bytes), text);
    EXPECT_EQ(Base64Decode(text), bytes);
    std::string raw(text);
    while (raw.ends_with('=')) raw.pop_back();
    EXPECT_EQ(Base64EncodeRaw(bytes), raw);
    EXPECT_EQ(Base64DecodeRaw(raw), bytes);
  }
  EXPECT_EQ(Base64UrlEncode("\xfb\xff"), "-_8=");
  EXPECT_EQ(Base64UrlEncodeRaw("\xfb\xff"), "-_8");
  EXPECT_EQ(Base64UrlDecode("-_8="), "\xfb\xff");
  EXPECT_EQ(Base64UrlDecodeRaw("-_8"), "\xfb\xff");
}

TEST(Base64, StrictDecoding) {
  for (std::string_view bad :
       {"Zg", "Zg=", "Zg===", "Z", "Zm9v\n", "Zm 9v", "Zh==", "====", "-_8=", "Zm=v"}) {
    EXPECT_FALSE(Base64Decode(bad)) << bad;
  }
  for (std::string_view bad : {"Zg==", "Z", "Zh"}) EXPECT_FALSE(Base64DecodeRaw(bad)) << bad;
}

TEST(Hex, BothWays) {
  EXPECT_EQ(HexEncode(std::string_view("\x00\xffz", 3)), "00ff7a");
  EXPECT_EQ(HexDecode("00FF7a"), std::string("\x00\xffz", 3));
  EXPECT_FALSE(HexDecode("0"));
  EXPECT_FALSE(HexDecode("0g"));
}

TEST(Quantity, Values) {
  const std::pair<std::string_view, int64_t> good[] = {{"0", 0},
                                                       {"4Mi", 4 << 20},
                                                       {"4Ki", 4096},
                                                       {"1k", 1000},
                                                       {"1.5Gi", 1610612736},
                                                       {"1.5k", 1500},
                                                       {"1000m", 1},
                                                       {"-2Ki", -2048},
                                                       {"1e3", 1000},
                                                       {"1E3", 1000},
                                                       {"1E", 1'000'000'000'000'000'000},
                                                       {"+5", 5},
                                                       {"2.", 2},
                                                       {".5Ki", 512},
                                                       {"0m", 0},
                                                       {"9223372036854775807", INT64_MAX},
                                                       {"-9223372036854775808", INT64_MIN},
                                                       {"0e30", 0}};
  for (auto [text, value] : good) {
    const auto got = ParseQuantity(text);
    ASSERT_TRUE(got) << text << ": " << got.error().message;
    EXPECT_EQ(*got, value) << text;
  }
  for (std::string_view bad :
       {"", "Mi", "4MB", "100m", "1.5", "4 Mi", "1..5", "9223372036854775808", "8Ei", "1e30", "--1",
        "1K", "0.1Ki", "99999999999999999999999999999999999999Ei"}) {
    EXPECT_FALSE(ParseQuantity(bad)) << bad;
  }
  EXPECT_NE(ParseQuantity("4MB").error().message.find("4MB"), std::string::npos);
}

}  // namespace
}  // namespace base
