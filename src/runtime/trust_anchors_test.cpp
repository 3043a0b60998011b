#include "runtime/trust_anchors.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "net/test_certs.hpp"
#include "net/test_streams.hpp"

namespace runtime {
namespace {

using net::testing::TestCa;
using std::chrono::milliseconds;

const std::string& One() {
  static const std::string kPem = TestCa("one").pem();
  return kPem;
}
const std::string& Two() {
  static const std::string kPem = TestCa("two").pem();
  return kPem;
}

std::shared_ptr<TrustAnchors> Anchors(milliseconds linger = milliseconds(50)) {
  return TrustAnchors::Make(*async::Loop::Current(), telemetry::Log("test"), linger);
}

// Until the snapshot is as `wanted` says.
async::Task<bool> Comes(TrustAnchors& anchors,
                        std::function<bool(const TrustAnchors::Snapshot&)> wanted) {
  const async::Context context = net::testing::Soon();
  while (!wanted(*anchors.Current())) {
    if (co_await anchors.changed().Wait(context) != async::Wake::kReady) co_return false;
  }
  co_return true;
}

TEST(TrustAnchors, ANewSetIsThereAtOnce) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    const auto anchors = Anchors();
    EXPECT_EQ(anchors->Current()->pem, "");
    EXPECT_TRUE(anchors->Publish(One(), "env"));
    EXPECT_EQ(anchors->Current()->pem, One());
    const uint64_t version = anchors->Current()->version;
    EXPECT_TRUE(anchors->Publish("a comment\n" + One() + One(), "env"));
    EXPECT_EQ(anchors->Current()->version, version) << "the same set";
    EXPECT_TRUE(anchors->Publish(One() + Two(), "file"));
    EXPECT_EQ(anchors->Current()->pem, anchors->Current()->lasting);
    EXPECT_NE(anchors->Current()->version, version);
    EXPECT_EQ(anchors->Current()->source, "file");
    EXPECT_EQ(anchors->Current()->removals, 0U);
    co_await anchors->Close();
  });
}

TEST(TrustAnchors, OneThatIsAboutToGoChangesNothingYet) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    for (const std::string* stays : {&One(), &Two()}) {
      const auto anchors = Anchors(milliseconds(60'000));
      EXPECT_TRUE(anchors->Publish(One() + Two(), "file"));
      const std::string before = anchors->Current()->pem;
      EXPECT_TRUE(anchors->Publish(*stays, "file"));
      EXPECT_EQ(anchors->Current()->pem, before);
      EXPECT_EQ(anchors->Current()->lasting, *stays);
      co_await anchors->Close();
    }
  });
}

TEST(TrustAnchors, WhatIsNoListChangesNothing) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    const auto anchors = Anchors();
    EXPECT_TRUE(anchors->Publish(One(), "env"));
    for (const std::string& bad : {std::string(), std::string("x"), Two().substr(0, 300)}) {
      const auto status = anchors->Publish(bad, "the map");
      EXPECT_FALSE(status);
      if (!status) EXPECT_NE(status.error().message.find("from the map"), std::string::npos);
    }
    EXPECT_EQ(anchors->Current()->pem, One());
    co_await anchors->Close();
  });
}

TEST(TrustAnchors, WhatIsRemovedLingers) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    const auto anchors = Anchors(milliseconds(80));
    EXPECT_TRUE(anchors->Publish(One(), "env"));
    EXPECT_TRUE(anchors->Publish(Two(), "file"));
    const auto both = anchors->Current();
    EXPECT_EQ(both->lasting, Two());
    EXPECT_EQ(both->pem, std::min(One(), Two()) + std::max(One(), Two()));
    EXPECT_TRUE(co_await Comes(*anchors, [](const auto& now) { return now.removals == 1; }));
    EXPECT_EQ(anchors->Current()->pem, Two());
    co_await anchors->Close();
  });
}

TEST(TrustAnchors, WhatComesBackInTimeStays) {
  net::testing::RunOnLoop([]() -> async::Task<void> {
    const auto anchors = Anchors(milliseconds(50));
    EXPECT_TRUE(anchors->Publish(One() + Two(), "env"));
    EXPECT_TRUE(anchors->Publish(Two(), "env"));
    EXPECT_TRUE(anchors->Publish(Two() + One(), "env"));
    const async::Context context = net::testing::Soon();
    co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(120)));
    EXPECT_EQ(anchors->Current()->removals, 0U);
    EXPECT_EQ(anchors->Current()->pem, anchors->Current()->lasting);
    co_await anchors->Close();
  });
}

async::Task<void> FollowAFile(const std::filesystem::path& folder) {
  const std::string path = (folder / "ca.crt").string();
  const auto write = [&](const std::string& text) {
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
  };
  const auto anchors = Anchors();
  EXPECT_FALSE(anchors->Follow(path)) << "it does not exist";
  write(One());
  EXPECT_TRUE(anchors->Follow(path));
  EXPECT_EQ(anchors->Current()->pem, One());
  EXPECT_EQ(anchors->Current()->source, path);
  const async::Context context = net::testing::Soon();
  co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(20)));
  write(One() + Two());
  EXPECT_TRUE(co_await Comes(
      *anchors, [](const auto& now) { return now.pem.size() == One().size() + Two().size(); }));
  write("broken");
  std::filesystem::remove(path);
  write(Two());
  EXPECT_TRUE(co_await Comes(*anchors, [](const auto& now) { return now.pem == Two(); }));
  co_await anchors->Close();
}

TEST(TrustAnchors, FollowsAFile) {
  std::string name = (std::filesystem::temp_directory_path() / "anchorsXXXXXX").string();
  const std::filesystem::path folder = mkdtemp(name.data());
  net::testing::RunOnLoop([&] { return FollowAFile(folder); });
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace runtime
