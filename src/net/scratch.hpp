// Scratch: the buffer that the clients of backends read into.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace net {

/// At least `bytes` of the calling thread's buffer, which all connections of the thread share: what
/// is in it is gone at the next call and across any wait.
inline std::span<char> Scratch(std::size_t bytes) {
  thread_local std::vector<char> buffer;
  if (buffer.size() < bytes) buffer.resize(bytes);
  return std::span(buffer).first(bytes);
}

}  // namespace net
