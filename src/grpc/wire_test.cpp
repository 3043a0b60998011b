#include "grpc/wire.hpp"

#include <gtest/gtest.h>

#include "grpc/test_wire.hpp"

namespace grpc::wire {
namespace {

using test::Bytes;
using test::Fixed;
using test::Number;

TEST(WireReader, ReadsEveryKind) {
  const std::string message = Number(1, UINT64_MAX) + Bytes(536870911, "ab") +
                              Fixed(3, 4, 0x80000001) + Fixed(4, 8, 0x8000000000000001);
  Reader in(message);
  ASSERT_TRUE(in.Next());
  EXPECT_TRUE(in.Is(1, Type::kVarint));
  EXPECT_EQ(in.number(), UINT64_MAX);
  ASSERT_TRUE(in.Next());
  EXPECT_TRUE(in.Is(536870911, Type::kBytes));
  EXPECT_EQ(in.bytes(), "ab");
  ASSERT_TRUE(in.Next());
  EXPECT_TRUE(in.Is(3, Type::kFixed32));
  EXPECT_EQ(in.number(), 0x80000001u);
  ASSERT_TRUE(in.Next());
  EXPECT_TRUE(in.Is(4, Type::kFixed64));
  EXPECT_EQ(in.number(), 0x8000000000000001u);
  EXPECT_FALSE(in.Next());
  EXPECT_TRUE(in.ok());
}

TEST(WireReader, RefusesMalformedInput) {
  const std::string cases[] = {
      "\x08",                                          // no value
      "\x0a\x02x",                                     // shorter than it says
      "\x0d\x01\x02\x03",                              // three of four bytes
      std::string("\x00\x01", 2),                      // field 0
      "\x0b",                                          // a group
      "\x0f",                                          // a kind that does not exist
      "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",  // more than 64 bits
      "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
      "\xff\xff\xff\xff\xff\x01",  // tag beyond 32 bits
      "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
  };
  for (const std::string& bytes : cases) {
    Reader in(bytes);
    EXPECT_FALSE(in.Next()) << testing::PrintToString(bytes);
    EXPECT_FALSE(in.ok()) << testing::PrintToString(bytes);
    EXPECT_FALSE(in.Next());
  }
}

}  // namespace
}  // namespace grpc::wire
