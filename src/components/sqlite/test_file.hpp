// For tests: a database file of their own that goes away with them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

namespace components::sqlite {

class TestFile {
 public:
  TestFile() {
    static std::atomic<int> number{0};
    path_ = std::filesystem::path(testing::TempDir()) /
            ("sqlite-" + std::to_string(getpid()) + "-" + std::to_string(++number) + ".db");
  }
  ~TestFile() {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
      std::filesystem::remove(path_.string() + suffix);
    }
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace components::sqlite
