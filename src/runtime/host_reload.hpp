// What the two kinds of reload, of one app and of many, have in common. Main thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/host.hpp"

namespace runtime {

inline constexpr std::string_view kBeingWritten = " is still being written";

/// The first of the files of which only a part may have been read; empty if there is none.
inline std::string FirstUnfinished(const Host::Unfinished& unfinished,
                                   const std::vector<std::string>& files) {
  if (!unfinished) return {};
  for (const std::string& file : files) {
    if (unfinished(file)) return file;
  }
  return {};
}

}  // namespace runtime
