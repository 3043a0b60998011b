#include <sys/mman.h>

#include <cstring>
#include <utility>
#include <vector>

#include "http/http2_memory.hpp"

namespace http {
namespace {

// Pages are mapped in blocks; a block goes when the thread does.
constexpr std::size_t kBlockPages = 64;
constexpr std::size_t kBlock = kBlockPages * Http2Page::kSize;

struct Pages {
  std::vector<void*> blocks;
  std::vector<void*> free;  // all zeros
  std::size_t taken = 0;
  bool over = false;  // the thread is ending
  ~Pages() {
    over = true;
    // A session that outlives its thread's pages would be a fault elsewhere; leave it its memory.
    if (taken != 0) return;
    for (void* block : blocks) munmap(block, kBlock);
  }
};
Pages& ThreadPages() {
  thread_local Pages pages;
  return pages;
}

bool AllZero(const void* page) {
  const char* const bytes = static_cast<const char*>(page);
  return bytes[0] == 0 && std::memcmp(bytes, bytes + 1, Http2Page::kSize - 1) == 0;
}

}  // namespace

void* Http2Page::Take() {
  Pages& pages = ThreadPages();
  if (pages.free.empty()) {
    void* const block =
        mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return nullptr;
    // One huge page for all of them would defeat the purpose.
    madvise(block, kBlock, MADV_NOHUGEPAGE);
    pages.blocks.push_back(block);
    for (std::size_t i = kBlockPages; i-- > 0;) {
      pages.free.push_back(static_cast<char*>(block) + i * kSize);
    }
  }
  void* const page = pages.free.back();
  pages.free.pop_back();
  ++pages.taken;
  return page;
}

void Http2Page::Give(void* page) {
  Pages& pages = ThreadPages();
  --pages.taken;
  if (pages.over) return;
  if (!AllZero(page)) std::memset(page, 0, kSize);
  pages.free.push_back(page);
}

void Http2Page::Trim(void* page) {
  if (AllZero(page)) madvise(page, kSize, MADV_DONTNEED);
}

}  // namespace http
