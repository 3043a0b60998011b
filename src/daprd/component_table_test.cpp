#include "daprd/component_table.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/file.hpp"
#include "base/source_dir.hpp"
#include "base/strings.hpp"

namespace daprd {
namespace {

std::string Text() {
  return base::ReadFile(base::SourceDir() + "/src/daprd/component_table.cpp").value();
}

TEST(ComponentTable, IsSortedAndUnique) {
  std::set<std::pair<std::string, std::string>> seen;
  std::string previous;
  for (const contracts::Descriptor* descriptor : ComponentRegistry().all()) {
    ASSERT_FALSE(descriptor->versions.empty()) << descriptor->type;
    const std::string key = descriptor->type + "/" + descriptor->versions.front();
    EXPECT_LT(previous, key);
    previous = key;
    std::vector<std::string> names = descriptor->aliases;
    names.push_back(descriptor->type);
    for (const std::string& name : names) {
      for (const std::string& version : descriptor->versions) {
        EXPECT_TRUE(seen.emplace(base::ToLower(name), base::ToLower(version)).second)
            << name << "/" << version << " is claimed twice";
      }
    }
  }
}

// The registry sorts for itself; people read the source.
TEST(ComponentTable, TheSourceIsSorted) {
  std::vector<std::string> rows;
  for (const std::string& line : base::Split(Text(), '\n')) {
    const std::string_view trimmed = base::Trim(line);
    if (trimmed.starts_with('&') && trimmed.ends_with("::Descriptor(),"))
      rows.emplace_back(trimmed);
  }
  EXPECT_EQ(rows.size(), ComponentRegistry().all().size());
  EXPECT_TRUE(std::ranges::is_sorted(rows));
}

TEST(ComponentTable, EveryTypeCanBeMade) {
  for (const contracts::Descriptor* descriptor : ComponentRegistry().all()) {
    const bool made =
        std::visit([](auto make) { return make && make() != nullptr; }, descriptor->factory);
    EXPECT_TRUE(made) << descriptor->type;
    const std::string kind = descriptor->type.substr(0, descriptor->type.find('.'));
    const std::string kinds[] = {"state", "secretstores", "nameresolution", "pubsub"};
    EXPECT_EQ(kind, kinds[descriptor->factory.index()]);
  }
}

TEST(ComponentTable, EveryTypeHasItsPageAndEveryPageItsType) {
  std::set<std::string> wanted;
  for (const contracts::Descriptor* descriptor : ComponentRegistry().all()) {
    wanted.insert(contracts::DescriptorFileName(*descriptor));
  }
  std::set<std::string> pages;
  const std::filesystem::path folder =
      std::filesystem::path(base::SourceDir()) / "docs" / "components";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name != "README.md") pages.insert(name);
  }
  EXPECT_EQ(pages, wanted);
}

TEST(ComponentTable, Finds) {
  for (const char* type :
       {"state.in-memory", "state.redis", "state.sqlite", "state.sqlite3", "secretstores.local.env",
        "secretstores.local.file", "pubsub.in-memory", "pubsub.kafka", "pubsub.redis",
        "nameresolution.mdns", "nameresolution.kubernetes", "nameresolution.sqlite",
        "nameresolution.nameformat"}) {
    EXPECT_TRUE(ComponentRegistry().Find(type, "v1")) << type;
  }
  for (const char* type : {"state.postgresql", "state.postgres"}) {
    const auto standard = ComponentRegistry().Find(type, "");
    const auto second = ComponentRegistry().Find(type, "v2");
    ASSERT_TRUE(standard && second) << type;
    EXPECT_EQ((*standard)->versions.front(), "v1");
    EXPECT_EQ((*second)->versions.front(), "v2");
  }
  EXPECT_FALSE(ComponentRegistry().Find("nameresolution.structured", "v1"));
}

TEST(ComponentTable, TheListIsInColumns) {
  const std::vector<std::string> lines = base::Split(ListComponents(), '\n');
  ASSERT_EQ(lines.size(),
            ComponentRegistry().all().size() + 2);  // a heading, and nothing after the end
  EXPECT_TRUE(lines.back().empty());
  const std::size_t versions = lines.front().find("VERSIONS");
  const std::size_t status = lines.front().find("STATUS");
  ASSERT_NE(status, std::string::npos);
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    const contracts::Descriptor& descriptor = *ComponentRegistry().all()[i - 1];
    EXPECT_TRUE(lines[i].starts_with(descriptor.type + " ")) << lines[i];
    EXPECT_TRUE(lines[i].substr(versions).starts_with(descriptor.versions.front())) << lines[i];
    EXPECT_EQ(lines[i].substr(status), contracts::StabilityName(descriptor.status));
  }
}

}  // namespace
}  // namespace daprd
