#include "base/file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace base {
namespace {

TEST(ReadFile, OnlyRegularFiles) {
  char name[] = "/tmp/read-file-XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(name);
  std::ofstream(folder / "file") << "text";
  EXPECT_EQ(ReadFile(folder / "file").value(), "text");
  EXPECT_EQ(ReadFile(folder / "file", 3).error().kind, Kind::kTooLarge);
  EXPECT_EQ(ReadFile(folder / "none").error().kind, Kind::kNotFound);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);  // that nobody writes to
  for (const std::string& path :
       {(folder / "pipe").string(), folder.string(), std::string("/dev/zero")}) {
    const auto read = ReadFile(path);
    ASSERT_FALSE(read) << path;
    EXPECT_EQ(read.error().kind, Kind::kInvalidArgument);
    EXPECT_NE(read.error().message.find(path), std::string::npos) << read.error().message;
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace base
