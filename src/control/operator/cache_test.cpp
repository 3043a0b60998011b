#include "control/operator/cache.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.hpp"

namespace control {
namespace {

class Cache : public testing::Test {
 protected:
  Cache() {
    char pattern[] = "/tmp/resources-cache-XXXXXX";
    directory_ = mkdtemp(pattern);
  }
  ~Cache() override { std::filesystem::remove_all(directory_); }
  ResourceCache Open(std::string app_id = "app", std::string configuration = "c") const {
    return {directory_ + "/made", "shop", std::move(app_id), std::move(configuration)};
  }
  static ResourceSet Set() {
    ResourceSet set;
    for (const ResourceKind kind : kResourceKinds) {
      set.Put(kind,
              *ReadManifest(kind, R"({"metadata":{"name":"n1"},"spec":{"a":"s3cret \u0026"}})"));
      set.Put(kind, *ReadManifest(kind, R"({"metadata":{"name":"n2"},"spec":{"b":1}})"));
    }
    return set;
  }
  static int Mode(const std::string& path) {
    struct stat entry{};
    EXPECT_EQ(stat(path.c_str(), &entry), 0) << path;
    return entry.st_mode & 07777;
  }
  std::string directory_;
};

TEST_F(Cache, GivesBackWhatItWasGiven) {
  const ResourceCache cache = Open();
  ASSERT_TRUE(cache.enabled());
  const auto none = cache.Load();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, base::Kind::kNotFound);
  for (int round = 0; round < 2; ++round) {
    const auto stored = cache.Store(Set());
    ASSERT_TRUE(stored) << stored.error().message;
  }
  const auto loaded = cache.Load();
  ASSERT_TRUE(loaded) << loaded.error().message;
  for (const ResourceKind kind : kResourceKinds) {
    ASSERT_EQ(loaded->of(kind).size(), 2u);
    EXPECT_EQ(loaded->of(kind).at("n1").json, Set().of(kind).at("n1").json);
  }
  ASSERT_TRUE(cache.Store(ResourceSet()));
  EXPECT_TRUE(cache.Load()->of(ResourceKind::kComponent).empty());
  EXPECT_FALSE(ResourceCache("", "shop", "app", "").enabled());
}

TEST_F(Cache, IsForThisUserAlone) {
  const ResourceCache cache = Open();
  ASSERT_TRUE(cache.Store(Set()));
  EXPECT_EQ(cache.file(), directory_ + "/made/shop/app.resources");
  EXPECT_EQ(Mode(cache.file()), 0600);
  EXPECT_EQ(Mode(directory_ + "/made/shop"), 0700);
  // Nothing else is left beside it.
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/made/shop")) {
    files += entry.exists();
  }
  EXPECT_EQ(files, 1);

  chmod(cache.file().c_str(), 0640);
  EXPECT_EQ(cache.Load().error().kind, base::Kind::kInvalidArgument);
  chmod((directory_ + "/made/shop").c_str(), 0750);
  EXPECT_EQ(cache.Load().error().kind, base::Kind::kPermissionDenied);
  EXPECT_EQ(cache.Store(Set()).error().kind, base::Kind::kPermissionDenied);
}

TEST_F(Cache, ALinkIsNotFollowed) {
  ASSERT_TRUE(Open().Store(Set()));
  std::filesystem::rename(directory_ + "/made/shop", directory_ + "/elsewhere");
  std::filesystem::create_directory_symlink(directory_ + "/elsewhere", directory_ + "/made/shop");
  EXPECT_FALSE(Open().Load());
  EXPECT_FALSE(Open().Store(Set()));
}

TEST_F(Cache, WhatIsNotWholeOrNotOursIsRefused) {
  const ResourceCache cache = Open();
  ASSERT_TRUE(cache.Store(Set()));
  EXPECT_EQ(Open("app", "another").Load().error().kind, base::Kind::kInvalidArgument);
  const std::string whole = base::ReadFile(cache.file()).value();
  const auto write = [&](std::string_view text) {
    std::ofstream(cache.file(), std::ios::trunc) << text;
  };
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, whole.size() / 2, whole.size() - 2, whole.size() - 1}) {
    write(whole.substr(0, size));
    const auto loaded = cache.Load();
    ASSERT_FALSE(loaded) << size;
    EXPECT_EQ(loaded.error().message.find("s3cret"), std::string::npos);
  }
  write(whole);
  EXPECT_TRUE(cache.Load());
}

TEST_F(Cache, NamesStayInTheFolder) {
  EXPECT_EQ(ResourceCache("/d", "..", "../../x", "").file(), "/d/_../_.._.._x.resources");
}

TEST_F(Cache, AnUnwritablePlaceIsAnErrorThatNamesIt) {
  const ResourceCache cache("/proc/none", "shop", "app", "");
  const auto stored = cache.Store(Set());
  ASSERT_FALSE(stored);
  EXPECT_NE(stored.error().message.find("/proc/none"), std::string::npos);
}

}  // namespace
}  // namespace control
