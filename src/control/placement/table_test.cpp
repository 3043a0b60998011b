#include "control/placement/table.hpp"

#include <gtest/gtest.h>

#include "control/placement/blake2b.hpp"
#include "control/placement/protocol.hpp"
#include "grpc/test_wire.hpp"

namespace control {
namespace {

using grpc::test::Bytes;
using grpc::test::Number;

// The expected numbers are those of Python's hashlib.blake2b.
TEST(Blake2b, HashesAsOthersDo) {
  EXPECT_EQ(Blake2bPrefix(""), 0x3590142f7026a78u);
  EXPECT_EQ(Blake2bPrefix("abc"), 0xd4d1c983fa580bau);
  EXPECT_EQ(Blake2bPrefix(std::string(128, 'x')), 0x55d1152eea912b08u);
  EXPECT_EQ(Blake2bPrefix(std::string(300, 'y')), 0xbb787036b20312beu);
}

PlacementTable ThreeHosts() {
  PlacementTable::Hosts hosts;
  hosts["cart"] = {{"10.0.0.1:50002", "a"}, {"10.0.0.2:50002", "b"}, {"10.0.0.3:50002", "c"}};
  return PlacementTable(7, 100, std::move(hosts));
}

TEST(PlacementTable, FindsTheHostThatEveryOtherRuntimeFinds) {
  const PlacementTable table = ThreeHosts();
  EXPECT_EQ(table.Find("cart", "a")->name, "10.0.0.2:50002");
  EXPECT_EQ(table.Find("cart", "b")->name, "10.0.0.1:50002");
  EXPECT_EQ(table.Find("cart", "cart-7")->name, "10.0.0.3:50002");
  EXPECT_EQ(table.Find("cart", "cart-7")->app_id, "c");
  // Beyond the last place on the ring.
  EXPECT_EQ(table.Find("cart", "id3")->name, "10.0.0.3:50002");
}

TEST(PlacementTable, SpreadsActorsOverHosts) {
  const PlacementTable table = ThreeHosts();
  int counts[3] = {};
  for (int i = 0; i < 1000; ++i) {
    ++counts[table.Find("cart", std::to_string(i)) - table.OfType("cart").data()];
  }
  EXPECT_EQ(counts[0], 345);
  EXPECT_EQ(counts[1], 346);
  EXPECT_EQ(counts[2], 309);
}

TEST(PlacementTable, KnowsNothingOfOtherTypes) {
  const PlacementTable table = ThreeHosts();
  EXPECT_EQ(table.Find("order", "a"), nullptr);
  EXPECT_TRUE(table.OfType("order").empty());
  EXPECT_EQ(table.types(), (std::vector<std::string>{"cart"}));
}

// === messages ===

std::string Entry(std::string_view key, std::string_view value) {
  return Bytes(1, key) + Bytes(2, value);
}

TEST(PlacementProtocol, ReadsAnUpdate) {
  const std::string two = Bytes(3, Entry("b:1", Bytes(1, "b:1") + Bytes(5, "shop"))) +
                          Bytes(3, Entry("a:1", Bytes(1, "a:1") + Bytes(5, "cart")));
  const std::string tables =
      Bytes(1, Entry("T", two)) + Bytes(1, Entry("U", "")) + Bytes(2, "9") + Number(4, 100);
  const auto order = ReadOrder(Bytes(1, tables) + Bytes(2, "update") + Number(3, 12));
  ASSERT_TRUE(order);
  EXPECT_EQ(order->operation, PlacementOperation::kUpdate);
  EXPECT_EQ(order->version, 12u);
  const std::vector<PlacementHost> expected = {{"a:1", "cart"}, {"b:1", "shop"}};
  EXPECT_EQ(order->table->OfType("T"), expected);
  EXPECT_EQ(order->table->version(), 12u);
  EXPECT_EQ(order->table->Find("U", "x"), nullptr);
  EXPECT_NE(order->table->Find("T", "x"), nullptr);
}

TEST(PlacementProtocol, TakesTheVersionOfTheTablesWhereThereIsNoOther) {
  const auto order = ReadOrder(Bytes(1, Bytes(2, "31")) + Bytes(2, "lock"));
  ASSERT_TRUE(order);
  EXPECT_EQ(order->operation, PlacementOperation::kLock);
  EXPECT_EQ(order->version, 31u);
}

TEST(PlacementProtocol, RefusesMalformedOrders) {
  for (const std::string& bytes :
       {std::string("\x0a\x05x"), Bytes(1, "\x0a\x05x"), Bytes(1, Bytes(1, "\x0a\x05x")),
        Bytes(1, Bytes(1, Entry("T", "\x1a\x05x"))), Bytes(1, Number(4, 1u << 30))}) {
    EXPECT_FALSE(ReadOrder(bytes)) << testing::PrintToString(bytes);
  }
  const auto unknown = ReadOrder(Bytes(2, "dance"));
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->operation, PlacementOperation::kUnknown);
}

TEST(PlacementProtocol, WritesReportsAndAnswers) {
  const PlacementReport report{"10.0.0.1:50002", "cart", "shop", {"A", "B"}};
  EXPECT_EQ(WriteReport(report), Bytes(1, "10.0.0.1:50002") + Bytes(4, "A") + Bytes(4, "B") +
                                     Bytes(5, "cart") + Number(7, 20) + Bytes(8, "shop") +
                                     Number(9, 1));
  EXPECT_EQ(WriteAnswer(report, PlacementOperation::kUnlock, 0),
            Bytes(5, "cart") + Bytes(8, "shop") + Number(9, 4) + Number(10, 0));
}

}  // namespace
}  // namespace control
