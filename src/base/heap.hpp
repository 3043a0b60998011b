// The C library's heap, where its defaults cost system calls.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace base {

/// Prepares the calling thread's heap for about `bytes` (at most 100 KiB) of small allocations. The
/// heap of every thread but the first one grows a page at a time, each with a system call of its
/// own; asked once for more, it keeps what is given back. Takes no memory: pages come when touched.
inline void PrepareHeap(std::size_t bytes) {
  void* volatile block = std::malloc(bytes);  // volatile: the pair must not be optimised away
  std::free(block);
}

}  // namespace base
