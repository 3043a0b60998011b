#include "daprd/give_back.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

// Set by the linker: the first byte of the file's image and the first after its code. Between them
// is nothing that is ever written, relocations included.
extern "C" const char __executable_start;
extern "C" const char etext;

namespace daprd {

void GiveBackStartupPages() {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(&__executable_start) & ~(page - 1);
  const auto end = reinterpret_cast<std::uintptr_t>(&etext) & ~(page - 1);
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  malloc_trim(0);
}

}  // namespace daprd
