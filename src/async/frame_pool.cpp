#include "async/frame_pool.hpp"

#include <array>
#include <cstdint>
#include <new>

namespace async {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
// A recycled frame would hide a use after free from the sanitizer.
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif
#else
constexpr bool kPooled = true;
#endif

constexpr std::size_t kStep = 128;
constexpr std::size_t kClasses = 16;  // up to 2 KiB
constexpr uint32_t kMaxPerClass = 64;

struct Node {
  Node* next;
};
struct Lists {
  std::array<Node*, kClasses> head{};
  std::array<uint32_t, kClasses> count{};
  bool alive = true;
  ~Lists() {
    alive = false;
    for (Node*& list : head) {
      while (list) {
        Node* node = list;
        list = node->next;
        ::operator delete(node);
      }
    }
  }
};
thread_local Lists lists;

}  // namespace

void* FramePool::Allocate(std::size_t size) {
  const std::size_t index = (size - 1) / kStep;
  if (kPooled && index < kClasses) {
    if (Node* node = lists.head[index]) {
      lists.head[index] = node->next;
      --lists.count[index];
      return node;
    }
    return ::operator new((index + 1) * kStep);
  }
  return ::operator new(size);
}

void FramePool::Free(void* frame, std::size_t size) noexcept {
  const std::size_t index = (size - 1) / kStep;
  if (kPooled && index < kClasses && lists.alive && lists.count[index] < kMaxPerClass) {
    auto* node = static_cast<Node*>(frame);
    node->next = lists.head[index];
    lists.head[index] = node;
    ++lists.count[index];
    return;
  }
  ::operator delete(frame);
}

}  // namespace async
