#include "net/address.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "net/local_ip.hpp"

namespace net {
namespace {

Address Ip(std::string_view ip, uint16_t port = 0) {
  return *Address::FromIp(ip, port);
}

TEST(Address, PrintsWhatItParsed) {
  EXPECT_EQ(Ip("127.0.0.1", 80).ToString(), "127.0.0.1:80");
  EXPECT_EQ(Ip("[::1]", 443).ToString(), "[::1]:443");
  EXPECT_EQ(Ip("2001:DB8::1", 1).ip(), "2001:db8::1");
  EXPECT_EQ(Address::FromUnixPath("/tmp/x.sock")->ToString(), "unix:/tmp/x.sock");
  EXPECT_EQ(Address::FromUnixPath("@name")->ToString(), "unix:@name");
  EXPECT_EQ(Address().ToString(), "");
}

TEST(Address, RefusesNamesAndLongPaths) {
  for (const char* bad :
       {"", "localhost", "1.2.3", "1.2.3.4.5", "::1::", "127.0.0.1%lo", "[1.2.3.4"}) {
    EXPECT_EQ(Address::FromIp(bad, 1).error().kind, base::Kind::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(Address::FromUnixPath(""));
  EXPECT_TRUE(Address::FromUnixPath(std::string(107, 'x')));
  EXPECT_FALSE(Address::FromUnixPath(std::string(108, 'x')));
}

TEST(Address, ComparesByMeaning) {
  EXPECT_EQ(Ip("127.0.0.1", 80), Ip("127.0.0.1", 80));
  EXPECT_FALSE(Ip("127.0.0.1", 80) == Ip("127.0.0.1", 81));
  EXPECT_FALSE(Ip("::1", 80) == Ip("::2", 80));
  EXPECT_EQ(Ip("::ffff:1.2.3.4", 80), Ip("1.2.3.4", 80));  // how a dual-stack listener says it
  EXPECT_EQ(*Address::FromUnixPath("/a"), *Address::FromUnixPath("/a"));
  EXPECT_FALSE(*Address::FromUnixPath("/a") == *Address::FromUnixPath("/b"));
}

TEST(LocalIp, RanksAddressesByReach) {
  const char* const best_first[] = {"8.8.8.8", "2a00::1",     "192.168.1.1",
                                    "fd00::1", "169.254.1.1", "127.0.0.1"};
  for (size_t i = 1; i < std::size(best_first); ++i) {
    EXPECT_GT(AddressRank(Ip(best_first[i - 1])), AddressRank(Ip(best_first[i]))) << best_first[i];
  }
  EXPECT_EQ(AddressRank(Ip("100.64.0.1")), AddressRank(Ip("10.0.0.1")));
  EXPECT_EQ(AddressRank(Ip("172.31.0.1")), AddressRank(Ip("10.0.0.1")));
  EXPECT_EQ(AddressRank(Ip("172.32.0.1")), AddressRank(Ip("8.8.8.8")));
  for (const char* useless : {"0.0.0.0", "127.1.2.3", "224.0.0.1", "::", "::1", "ff02::1"}) {
    EXPECT_EQ(AddressRank(Ip(useless)), 0) << useless;
  }
}

TEST(LocalIp, IsAnAddressOthersCanUse) {
  const auto ip = LocalIp();
  if (!ip) {
    EXPECT_EQ(ip.error().kind, base::Kind::kUnavailable);  // a sandbox without a network
    return;
  }
  EXPECT_GT(AddressRank(Ip(*ip)), 0);
}

}  // namespace
}  // namespace net
