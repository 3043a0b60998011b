#include "base/path.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/file.hpp"

namespace base {
namespace {

TEST(CleanPath, Table) {
  const std::pair<std::string_view, std::string_view> cases[] = {{"", "."},
                                                                 {".", "."},
                                                                 {"/", "/"},
                                                                 {"//", "/"},
                                                                 {"a/", "a"},
                                                                 {"a//b", "a/b"},
                                                                 {"./a", "a"},
                                                                 {"a/./b", "a/b"},
                                                                 {"a/../b", "b"},
                                                                 {"a/..", "."},
                                                                 {"/..", "/"},
                                                                 {"/../a", "/a"},
                                                                 {"../a", "../a"},
                                                                 {"../../a", "../../a"},
                                                                 {"a/../../b", "../b"},
                                                                 {"/a/b/../../c", "/c"},
                                                                 {"/a/b/..", "/a"},
                                                                 {"...", "..."},
                                                                 {"/a/.../b", "/a/.../b"},
                                                                 {"..a/b", "..a/b"},
                                                                 {"../a/..", ".."},
                                                                 {"/a/./", "/a"},
                                                                 {"a/b/../..", "."}};
  for (auto [in, out] : cases) EXPECT_EQ(CleanPath(in), out) << in;
}

TEST(NormalizeMethod, Table) {
  const std::pair<std::string_view, std::string_view> cases[] = {{"", ""},
                                                                 {"op1", "op1"},
                                                                 {"/op1", "/op1"},
                                                                 {"//op1", "/op1"},
                                                                 {"a/../op1", "op1"},
                                                                 {"op1/", "op1"},
                                                                 {"a/b", "a/b"},
                                                                 {"%31", "%31"},
                                                                 {"../op1", "op1"},
                                                                 {"../../op1", "op1"},
                                                                 {"..", ""},
                                                                 {"a/./b", "a/b"},
                                                                 {"/", "/"},
                                                                 {".hidden", ".hidden"},
                                                                 {"a//b/", "a/b"},
                                                                 {"/../x", "/x"},
                                                                 {"a b", "a b"},
                                                                 {"\xc3\xa4", "\xc3\xa4"},
                                                                 {"a/../../../b", "b"}};
  for (auto [in, out] : cases) EXPECT_EQ(NormalizeMethod(in).value(), out) << in;
}

TEST(NormalizeMethod, ForbiddenCharacters) {
  for (std::string_view bad :
       {std::string_view("a#b"), std::string_view("a?b"), std::string_view("a\0b", 3),
        std::string_view("a\nb"), std::string_view("a\x7f")}) {
    const auto got = NormalizeMethod(bad);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, Kind::kInvalidArgument);
  }
  EXPECT_EQ(NormalizeMethod("op?x").error().message,
            "method contains forbidden character: \"op?x\"");
}

TEST(ReadFile, ReadsAndNamesTheFailure) {
  const std::string path = testing::TempDir() + "read_file_test_" + std::to_string(::getpid());
  const std::string content(40000, 'x');
  std::ofstream(path, std::ios::binary) << content;
  EXPECT_EQ(ReadFile(path).value(), content);
  EXPECT_EQ(ReadFile(path, 100).error().kind, Kind::kTooLarge);
  ::unlink(path.c_str());
  const auto missing = ReadFile(path);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, Kind::kNotFound);
  EXPECT_NE(missing.error().message.find(path), std::string::npos);
  EXPECT_FALSE(ReadFile(testing::TempDir()));
}

}  // namespace
}  // namespace base
