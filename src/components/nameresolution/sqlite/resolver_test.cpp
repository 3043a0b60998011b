#include "components/nameresolution/sqlite/resolver.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <thread>

#include "async/loop_group.hpp"
#include "base/strings.hpp"
#include "components/sqlite/test_file.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::nameresolution::sqlite {
namespace {

using components::sqlite::TestFile;

using contracts::Endpoint;
using Endpoints = std::vector<Endpoint>;

/// A runtime's resolver with loops of its own.
class Peer {
 public:
  explicit Peer(const TestFile& file, std::vector<config::Properties::Entry> more = {}) {
    more.push_back({"connectionString", file.path()});
    const config::Properties properties("sqlite", std::move(more));
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      status = co_await resolver_->Init(call, {.name = "sqlite", .properties = properties});
    });
  }
  ~Peer() { Close(); }
  void Close() {
    if (!resolver_) return;
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      co_await resolver_->Close(call);
    });
    resolver_.reset();
  }
  base::Status Announce(std::string app_id, std::string address, uint16_t port) {
    base::Status result;
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      result = co_await resolver_->Announce(
          call, {.app_id = app_id, .address = address, .internal_port = port});
    });
    return result;
  }
  void Withdraw(std::string_view app_id) {
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      co_await resolver_->Withdraw(call, app_id, "");
    });
  }
  base::Result<Endpoints> Resolve(std::string_view app_id, int loop = 0) {
    base::Result<Endpoints> result;
    loops_.RunTaskOn(loop, [&]() -> async::Task<void> {
      const contracts::Call call;
      result = co_await resolver_->Resolve(call, app_id, "default", 50002);
    });
    return result;
  }
  base::Status Ping() {
    base::Status result;
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      result = co_await resolver_->Ping(call);
    });
    return result;
  }
  base::Status status;

 private:
  async::LoopGroup loops_{2};
  std::unique_ptr<Resolver> resolver_ = std::make_unique<Resolver>();
};

TEST(SqliteResolver, RuntimesFindEachOtherUntilTheyClose) {
  TestFile file;
  Peer a(file), b(file);
  ASSERT_TRUE(a.status) << a.status.error().message;
  ASSERT_TRUE(b.status);
  EXPECT_TRUE(a.Ping());
  ASSERT_TRUE(a.Announce("cart", "10.0.0.1", 50002));
  ASSERT_TRUE(a.Announce("shop", "fd00::1", 50012));
  EXPECT_EQ(b.Resolve("cart").value(), (Endpoints{{"10.0.0.1", 50002}}));
  EXPECT_EQ(b.Resolve("shop", 1).value(), (Endpoints{{"fd00::1", 50012}}));
  EXPECT_EQ(a.Resolve("cart").value(), (Endpoints{{"10.0.0.1", 50002}}));
  a.Close();
  const auto gone = b.Resolve("cart");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, base::Kind::kNotFound);
  EXPECT_EQ(gone.error().message, "no host found with the given ID");
}

TEST(SqliteResolver, AppsComeMoveAndGo) {
  TestFile file;
  Peer a(file), b(file);
  ASSERT_TRUE(a.Announce("cart", "10.0.0.1", 50002));
  ASSERT_TRUE(a.Announce("shop", "10.0.0.1", 50003));
  ASSERT_TRUE(a.Announce("cart", "10.0.0.1", 50004));
  EXPECT_EQ(b.Resolve("cart").value(), (Endpoints{{"10.0.0.1", 50004}}));
  a.Withdraw("cart");
  a.Withdraw("nobody");
  EXPECT_FALSE(b.Resolve("cart"));
  EXPECT_EQ(b.Resolve("shop").value(), (Endpoints{{"10.0.0.1", 50003}}));
}

TEST(SqliteResolver, RegistrationsAreRenewed) {
  TestFile file;
  // The shortest that is allowed: renewed every half second, dead after two.
  Peer a(file, {{"updateInterval", "2s"}}), b(file, {{"updateInterval", "2s"}});
  ASSERT_TRUE(a.Announce("cart", "10.0.0.1", 50002));
  const auto settings =
      ReadSettings(config::Properties("sqlite", {{"connectionString", file.path()}})).value();
  auto database = OpenDatabase(settings).value();
  ASSERT_EQ(database->Change("UPDATE hosts SET last_update = last_update - 100", {}).value(), 1);
  ASSERT_FALSE(b.Resolve("cart"));
  const auto limit = base::Clock::now() + std::chrono::seconds(20);
  while (!b.Resolve("cart") && base::Clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(b.Resolve("cart"));
}

TEST(SqliteResolver, ManyProcessesStartAtOnce) {
  TestFile file;
  std::vector<pid_t> children;
  for (uint16_t i = 1; i <= 4; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      // The exit code tells; the test's own state is the parent's business.
      Peer peer(file);
      if (!peer.status) _exit(1);
      for (uint16_t round = 0; round < 20; ++round) {
        const auto port = static_cast<uint16_t>(1000 * i + round + 1);
        if (!peer.Announce("cart", "10.0.0.1", port)) _exit(2);
        if (!peer.Resolve("cart")) _exit(3);
      }
      peer.Close();
      _exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
  Peer last(file);
  EXPECT_FALSE(last.Resolve("cart"));
}

TEST(SqliteResolver, WrongRowsAreSkipped) {
  TestFile file;
  Peer a(file);
  ASSERT_TRUE(a.Announce("cart", "10.0.0.1", 50002));
  const auto settings =
      ReadSettings(config::Properties("sqlite", {{"connectionString", file.path()}})).value();
  auto database = OpenDatabase(settings).value();
  ASSERT_TRUE(database->Change(
      "INSERT INTO hosts VALUES ('x', 'no address at all', 'cart', '', unixepoch())", {}));
  EXPECT_EQ(a.Resolve("cart").value(), (Endpoints{{"10.0.0.1", 50002}}));
}

TEST(SqliteResolver, ProblemsAtStart) {
  TestFile file;
  Peer wrong(file, {{"updateInterval", "1s"}});
  ASSERT_FALSE(wrong.status);
  EXPECT_NE(wrong.status.error().message.find("updateInterval"), std::string::npos);
  Peer fine(file);
  const auto nothing = fine.Announce("cart", "", 1);
  ASSERT_FALSE(nothing);
  EXPECT_NE(nothing.error().message.find("DAPR_HOST_IP"), std::string::npos);
}

TEST(SqliteResolverDocs, DocumentationIsCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

}  // namespace
}  // namespace components::nameresolution::sqlite
