// For tests of components: compares a descriptor's page in docs/components with the descriptor.
// With UPDATE_DOCS=1 in the environment the page is written instead.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/file.hpp"
#include "base/source_dir.hpp"
#include "contracts/descriptor.hpp"

namespace contracts {

inline void ExpectDocsAreCurrent(const Descriptor& descriptor) {
  const std::string path = base::SourceDir() + "/docs/components/" + DescriptorFileName(descriptor);
  const std::string wanted = DescriptorMarkdown(descriptor);
  const char* update = std::getenv("UPDATE_DOCS");
  if (update && std::string_view(update) == "1") {
    std::ofstream(path, std::ios::binary) << wanted;
  }
  const base::Result<std::string> page = base::ReadFile(path);
  ASSERT_TRUE(page) << path << " is missing: run this test with UPDATE_DOCS=1";
  EXPECT_EQ(*page, wanted) << path << " is not current: run this test with UPDATE_DOCS=1";
}

}  // namespace contracts
