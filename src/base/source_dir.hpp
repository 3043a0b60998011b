// For tests: where the source tree is. Found from the running binary and not compiled in, so that
// the compiler cache serves every clone.
#pragma once

#include <filesystem>
#include <string>

namespace base {

/// The root of the source tree that the running binary was built in; the empty string if the binary
/// lies elsewhere. Thread safe.
inline std::string SourceDir() {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe", error);
  while (folder.has_relative_path()) {
    folder = folder.parent_path();
    if (std::filesystem::exists(folder / "CMakePresets.json", error)) return folder.string();
  }
  return {};
}

}  // namespace base
