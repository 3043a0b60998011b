// docs/flags.md is what the flag table says. UPDATE_DOCS=1 in the environment writes the page
// instead.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/file.hpp"
#include "base/source_dir.hpp"
#include "config/flag_table.hpp"

namespace config {
namespace {

TEST(Docs, TheFlagsPageIsCurrent) {
  const std::string path = base::SourceDir() + "/docs/flags.md";
  const char* update = std::getenv("UPDATE_DOCS");
  if (update && std::string_view(update) == "1") {
    std::ofstream(path, std::ios::binary) << FlagsMarkdown();
  }
  const base::Result<std::string> page = base::ReadFile(path);
  ASSERT_TRUE(page) << path << " is missing: run this test with UPDATE_DOCS=1";
  EXPECT_EQ(*page, FlagsMarkdown()) << path << " is not current: run this test with UPDATE_DOCS=1";
}

}  // namespace
}  // namespace config
