#include "components/nameresolution/sqlite/hosts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/strings.hpp"
#include "components/sqlite/test_file.hpp"

namespace components::nameresolution::sqlite {
namespace {

using components::sqlite::TestFile;

using Strings = std::vector<std::string>;

Settings For(const TestFile& file) {
  return ReadSettings(config::Properties("sqlite", {{"connectionString", file.path()}})).value();
}

class HostsTest : public testing::Test {
 protected:
  HostsTest() : settings_(For(file_)) {
    auto opened = Hosts::Open(settings_);
    EXPECT_TRUE(opened) << opened.error().message;
    hosts_ = *std::move(opened);
    raw_ = OpenDatabase(settings_).value();
  }
  std::vector<Database::Row> Rows(const std::string& sql) { return raw_->Query(sql, {}).value(); }
  void Age(std::string_view address, int seconds) {
    ASSERT_EQ(raw_->Change("UPDATE hosts SET last_update = last_update - ?1 WHERE address = ?2",
                           {int64_t{seconds}, address})
                  .value(),
              1);
  }
  Strings Find(std::string_view app_id) {
    Strings found = hosts_->Find(app_id, "", 16).value();
    std::ranges::sort(found);
    return found;
  }

  TestFile file_;
  Settings settings_;
  std::unique_ptr<Hosts> hosts_;
  std::unique_ptr<Database> raw_;
};

TEST_F(HostsTest, TheLayoutIsThatOfTheGoRuntime) {
  std::string columns;
  for (const auto& row : Rows("PRAGMA table_info(hosts)")) {
    base::StrAppend(columns, row[1], " ", row[2], row[3] == "1" ? " not null" : "",
                    row[5] == "1" ? " key" : "", "\n");
  }
  EXPECT_EQ(columns,
            "registration_id TEXT not null key\naddress TEXT not null\napp_id TEXT not null\n"
            "namespace TEXT not null\nlast_update INTEGER not null\n");
  EXPECT_EQ(Rows("SELECT value FROM metadata WHERE key = 'nr-migrations'"),
            (std::vector<Database::Row>{{"1"}}));
  EXPECT_EQ(
      Rows("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'hosts' AND name "
           "NOT LIKE 'sqlite_%' ORDER BY name"),
      (std::vector<Database::Row>{{"hosts_address_idx"}, {"hosts_last_update_idx"}}));
}

TEST_F(HostsTest, RowsAreAsTheGoRuntimeWritesThem) {
  ASSERT_TRUE(hosts_->Register({"id-1", "10.0.0.1:50002", "cart"}));
  EXPECT_EQ(Rows("SELECT registration_id, address, app_id, namespace, typeof(last_update), "
                 "abs(unixepoch() - last_update) < 5 FROM hosts"),
            (std::vector<Database::Row>{{"id-1", "10.0.0.1:50002", "cart", "", "integer", "1"}}));
}

TEST_F(HostsTest, FindsOnlyFreshRowsOfTheApp) {
  ASSERT_TRUE(hosts_->Register({"1", "10.0.0.1:1", "cart"}));
  ASSERT_TRUE(hosts_->Register({"2", "10.0.0.2:1", "cart"}));
  ASSERT_TRUE(hosts_->Register({"3", "10.0.0.3:1", "Cart"}));
  EXPECT_EQ(Find("cart"), (Strings{"10.0.0.1:1", "10.0.0.2:1"}));
  Age("10.0.0.1:1", 6);
  EXPECT_EQ(Find("cart"), (Strings{"10.0.0.2:1"}));
  EXPECT_EQ(Find("nobody"), Strings{});
  EXPECT_EQ(hosts_->Find("cart", "", 0).value(), Strings{});
}

TEST_F(HostsTest, TheOrderIsRandom) {
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(hosts_->Register({base::StrCat(i), base::StrCat("10.0.0.", i, ":1"), "cart"}));
  }
  std::set<std::string> first;
  for (int i = 0; i < 100; ++i) first.insert(hosts_->Find("cart", "", 1).value().front());
  EXPECT_GT(first.size(), 3u);
}

TEST_F(HostsTest, ANamespaceCountsWhereOneIsStored) {
  ASSERT_TRUE(raw_->Change(
      "INSERT INTO hosts VALUES ('x', '10.0.0.9:1', 'cart', 'blue', unixepoch())", {}));
  ASSERT_TRUE(hosts_->Register({"1", "10.0.0.1:1", "cart"}));
  EXPECT_EQ(hosts_->Find("cart", "green", 9).value(), (Strings{"10.0.0.1:1"}));
  EXPECT_EQ(hosts_->Find("cart", "blue", 9).value().size(), 2u);
}

TEST_F(HostsTest, AnAddressHasOneOwner) {
  ASSERT_TRUE(hosts_->Register({"old", "10.0.0.1:1", "cart"}));
  ASSERT_TRUE(hosts_->Register({"new", "10.0.0.1:1", "shop"}));
  EXPECT_EQ(Find("cart"), Strings{});
  EXPECT_EQ(Find("shop"), (Strings{"10.0.0.1:1"}));
  EXPECT_EQ(hosts_->Renew({{"old", "10.0.0.1:1", "cart"}}).value(), (Strings{"10.0.0.1:1"}));
  EXPECT_EQ(Find("shop"), (Strings{"10.0.0.1:1"}));
  // Not the old one's row either.
  ASSERT_TRUE(hosts_->Remove({{"old", "10.0.0.1:1", "cart"}}));
  EXPECT_EQ(Find("shop"), (Strings{"10.0.0.1:1"}));
  // Once the other has gone, the address is free again.
  Age("10.0.0.1:1", 60);
  EXPECT_EQ(hosts_->Renew({{"old", "10.0.0.1:1", "cart"}}).value(), Strings{});
  EXPECT_EQ(Find("cart"), (Strings{"10.0.0.1:1"}));
}

TEST_F(HostsTest, RenewingKeepsRowsAliveAndBringsThemBack) {
  const Host host{"1", "10.0.0.1:1", "cart"};
  ASSERT_TRUE(hosts_->Register(host));
  Age(host.address, 60);
  EXPECT_EQ(Find("cart"), Strings{});
  EXPECT_EQ(hosts_->Renew({host}).value(), Strings{});
  EXPECT_EQ(Find("cart"), (Strings{host.address}));
  ASSERT_TRUE(raw_->Exec("DELETE FROM hosts"));
  EXPECT_EQ(hosts_->Renew({host}).value(), Strings{});
  EXPECT_EQ(Find("cart"), (Strings{host.address}));
  ASSERT_TRUE(hosts_->Remove({host}));
  EXPECT_EQ(Rows("SELECT * FROM hosts").size(), 0u);
}

TEST_F(HostsTest, CleanupLeavesTheLivingAndTheSleeping) {
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(hosts_->Register({base::StrCat(i), base::StrCat("10.0.0.", i, ":1"), "cart"}));
  }
  Age("10.0.0.2:1", 60);
  Age("10.0.0.3:1", 4000);
  EXPECT_EQ(hosts_->Cleanup().value(), 1);
  EXPECT_EQ(Rows("SELECT address FROM hosts ORDER BY address"),
            (std::vector<Database::Row>{{"10.0.0.1:1"}, {"10.0.0.2:1"}}));
  // One process per interval does the work.
  Age("10.0.0.2:1", 4000);
  EXPECT_EQ(hosts_->Cleanup().value(), 0);
}

TEST_F(HostsTest, AStateStoreMayShareTheFile) {
  ASSERT_TRUE(raw_->Exec("INSERT INTO metadata VALUES ('migrations', '7')"));
  EXPECT_TRUE(Hosts::Open(settings_));
}

TEST_F(HostsTest, OtherTablesAreRefused) {
  ASSERT_TRUE(raw_->Exec("UPDATE metadata SET value = '2' WHERE key = 'nr-migrations'"));
  auto opened = Hosts::Open(settings_);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("newer runtime"), std::string::npos);
  ASSERT_TRUE(
      raw_->Exec("UPDATE metadata SET value = '1' WHERE key = 'nr-migrations';"
                 "DROP TABLE hosts; CREATE TABLE hosts (x)"));
  opened = Hosts::Open(settings_);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("tableName"), std::string::npos) << opened.error().message;
}

TEST_F(HostsTest, WaitsForAnotherProcess) {
  // Another connection holds the file for a while, as another process would.
  ASSERT_TRUE(raw_->Exec("BEGIN IMMEDIATE"));
  const auto held = hosts_->Register({"1", "10.0.0.1:1", "cart"});
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().kind, base::Kind::kUnavailable);
  EXPECT_NE(held.error().message.find("busyTimeout"), std::string::npos);
  std::thread other([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_TRUE(raw_->Exec("COMMIT"));
  });
  EXPECT_TRUE(hosts_->Register({"1", "10.0.0.1:1", "cart"}));
  other.join();
}

TEST(HostsOpen, ProblemsNameTheFile) {
  const auto settings =
      ReadSettings(config::Properties("sqlite", {{"connectionString", "/nowhere/at/all.db"}}))
          .value();
  const auto opened = Hosts::Open(settings);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("/nowhere/at/all.db"), std::string::npos);
}

}  // namespace
}  // namespace components::nameresolution::sqlite
