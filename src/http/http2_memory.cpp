#include "http/http2_memory.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

namespace http {
namespace {

// A frame header, the pad length and a payload: what nghttp2 asks for.
constexpr std::size_t kFrameBuffer = 9 + 1 + 16 * 1024;

void* ThreadBuffer() {
  thread_local const auto buffer = std::make_unique<std::array<char, kFrameBuffer>>();
  return buffer->data();
}

}  // namespace

Http2Memory::Http2Memory(bool server)
    : table_{this, Allocate, Free, AllocateZeroed, Reallocate}, creating_(server) {}

void* Http2Memory::Allocate(std::size_t size, void*) {
  return std::malloc(size);
}

void Http2Memory::Free(void* memory, void* self) {
  auto* mine = static_cast<Http2Memory*>(self);
  if (!memory || memory == mine->shared_) return;
  if (memory != mine->page_) return std::free(memory);
  Http2Page::Give(std::exchange(mine->page_, nullptr));
}

void* Http2Memory::AllocateZeroed(std::size_t count, std::size_t size, void* self) {
  auto* mine = static_cast<Http2Memory*>(self);
  if (mine->creating_ && !mine->page_ && size != 0 && Http2Page::kSize % size == 0 &&
      count == Http2Page::kSize / size) {
    mine->page_ = Http2Page::Take();
    if (mine->page_) return mine->page_;
  }
  return std::calloc(count, size);
}

void* Http2Memory::Reallocate(void* memory, std::size_t size, void* self) {
  auto* mine = static_cast<Http2Memory*>(self);
  if (!memory && mine->creating_ && !mine->shared_ && size == kFrameBuffer) {
    return mine->shared_ = ThreadBuffer();
  }
  if (memory && memory == mine->page_) {
    void* own = std::malloc(size);
    if (!own) return nullptr;
    std::memcpy(own, memory, std::min(size, Http2Page::kSize));
    Http2Page::Give(std::exchange(mine->page_, nullptr));
    return own;
  }
  if (memory && memory == mine->shared_) {
    // To grow it is to leave it.
    void* own = std::malloc(size);
    if (!own) return nullptr;
    std::memcpy(own, memory, std::min(size, kFrameBuffer));
    mine->shared_ = nullptr;
    return own;
  }
  return std::realloc(memory, size);
}

}  // namespace http
