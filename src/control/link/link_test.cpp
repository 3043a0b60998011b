#include "control/link/link.hpp"

#include <gtest/gtest.h>

#include "async/loop_group.hpp"
#include "control/link/wire_writer.hpp"
#include "grpc/test_wire.hpp"

namespace control {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, GrowsToItsCapAndStartsOver) {
  async::LoopGroup loops(1);
  struct Body {
    static async::Task<void> Run() {
      Backoff backoff(milliseconds(4), milliseconds(8));
      EXPECT_EQ(backoff.next(), milliseconds(4));
      const async::TimePoint began = async::Loop::Current()->now();
      co_await backoff.Pause(async::Context());
      EXPECT_GE(async::Loop::Current()->now() - began, milliseconds(2));
      EXPECT_EQ(backoff.next(), milliseconds(6));
      co_await backoff.Pause(async::Context());
      co_await backoff.Pause(async::Context());
      EXPECT_EQ(backoff.next(), milliseconds(8));
      backoff.Reset();
      EXPECT_EQ(backoff.next(), milliseconds(4));
    }
  };
  loops.RunTaskOn(0, [] { return Body::Run(); });
}

TEST(Troubles, AreWorthALineWhenTheyAreNew) {
  async::LoopGroup loops(1);
  loops.RunOn(0, [] {
    Troubles troubles;
    EXPECT_FALSE(troubles.Over());
    EXPECT_TRUE(troubles.Worth("a"));
    EXPECT_FALSE(troubles.Worth("a"));
    EXPECT_TRUE(troubles.Worth("b"));
    EXPECT_TRUE(troubles.Over());
    EXPECT_FALSE(troubles.Over());
    EXPECT_TRUE(troubles.Worth("b"));
  });
}

TEST(SplitAddress, TakesHostAndPort) {
  const auto named = SplitAddress("dapr-placement-server.dapr-system:50005");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->host, "dapr-placement-server.dapr-system");
  EXPECT_EQ(named->port, 50005);
  EXPECT_EQ(SplitAddress("[::1]:1")->host, "[::1]");
  for (const char* wrong : {"", "host", "host:", ":1", "host:0", "host:65536", "host:x"}) {
    EXPECT_FALSE(SplitAddress(wrong)) << wrong;
  }
}

TEST(OriginsOf, AskForNamesOnly) {
  const std::vector<net::Address> one = {*net::Address::FromIp("127.0.0.1", 5)};
  EXPECT_EQ(OriginsOf({"placement", 5}, one, nullptr)[0].server_name, "placement");
  EXPECT_EQ(OriginsOf({"127.0.0.1", 5}, one, nullptr)[0].server_name, "");
}

TEST(WireWriter, WritesWhatGeneratedClassesWrite) {
  std::string out;
  wire::AddText(out, 1, "");
  wire::AddNumber(out, 2, 0);
  EXPECT_EQ(out, "");
  wire::AddText(out, 1, std::string(300, 'x'));
  wire::AddBytes(out, 16, "");
  wire::AddNumber(out, 3, 300);
  wire::AddPresent(out, 4, 0);
  EXPECT_EQ(out, grpc::test::Bytes(1, std::string(300, 'x')) + grpc::test::Bytes(16, "") +
                     grpc::test::Number(3, 300) + grpc::test::Number(4, 0));
}

}  // namespace
}  // namespace control
