// Memory of coroutine frames: per-thread free lists by size class, so that a request's dozen frames
// cost no trip to the allocator. A frame may be freed on another thread than it came from; it then
// joins that thread's list. Lists are bounded, so idle memory returns to the allocator.
#pragma once

#include <cstddef>

namespace async {

class FramePool {
 public:
  static void* Allocate(std::size_t size);
  static void Free(void* frame, std::size_t size) noexcept;
};

}  // namespace async
