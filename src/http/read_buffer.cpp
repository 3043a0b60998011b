#include "http/read_buffer.hpp"

#include <array>
#include <utility>
#include <vector>

namespace http {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
// A recycled block would hide a use after release from the sanitizer.
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif
#else
constexpr bool kPooled = true;
#endif

constexpr std::size_t kMaxBlocks = 16;
constexpr std::size_t kMaxStrings = 32;
constexpr std::size_t kMaxStringBytes = 16 * 1024;

struct Pools {
  std::array<std::vector<char*>, 2> blocks;
  std::vector<std::string> strings;
  ~Pools() {
    for (auto& list : blocks) {
      for (char* block : list) delete[] block;
      list.clear();
    }
  }
};
thread_local Pools pools;

}  // namespace

char* BlockPool::Take(std::size_t size) {
  if (kPooled && (size == kSmall || size == kLarge)) {
    auto& list = pools.blocks[size == kLarge];
    if (!list.empty()) {
      char* block = list.back();
      list.pop_back();
      return block;
    }
  }
  return new char[size];
}

void BlockPool::Give(char* block, std::size_t size) {
  if (kPooled && (size == kSmall || size == kLarge)) {
    auto& list = pools.blocks[size == kLarge];
    const std::size_t most = size == kLarge ? kMaxBlocks / 4 : kMaxBlocks;
    if (list.size() < most) {
      list.push_back(block);
      return;
    }
  }
  delete[] block;
}

std::string StringPool::Take() {
  if (pools.strings.empty()) return {};
  std::string text = std::move(pools.strings.back());
  pools.strings.pop_back();
  return text;
}

void StringPool::Give(std::string text) {
  if (!kPooled || text.capacity() < 64 || text.capacity() > kMaxStringBytes ||
      pools.strings.size() >= kMaxStrings) {
    return;
  }
  text.clear();
  pools.strings.push_back(std::move(text));
}

std::span<char> ReadBuffer::Room(std::size_t wanted) {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (capacity_ < wanted) {
      Free();
      block_ = BlockPool::Take(wanted);
      capacity_ = wanted;
    }
  } else if (end_ == capacity_) {
    if (begin_ > 0) {
      std::memmove(block_, block_ + begin_, end_ - begin_);
    } else {
      const std::size_t larger = capacity_ < BlockPool::kLarge ? BlockPool::kLarge : capacity_ * 2;
      char* block = BlockPool::Take(larger);
      std::memcpy(block, block_, end_);
      BlockPool::Give(block_, capacity_);
      block_ = block;
      capacity_ = larger;
    }
    end_ -= begin_;
    begin_ = 0;
  }
  return {block_ + end_, capacity_ - end_};
}

void ReadBuffer::Free() {
  if (!block_) return;
  BlockPool::Give(std::exchange(block_, nullptr), capacity_);
  capacity_ = begin_ = end_ = 0;
}

}  // namespace http
