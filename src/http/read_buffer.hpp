// The receive buffer of an HTTP/1.1 connection. It takes a block from a pool of its thread when
// there is something to read and gives it back when it is empty, so that an idle connection holds
// none.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace http {

/// Blocks for reading, kept per thread, bounded in number.
class BlockPool {
 public:
  static constexpr std::size_t kSmall = 16 * 1024;  // heads and small bodies
  static constexpr std::size_t kLarge = 64 * 1024;  // long bodies
  static char* Take(std::size_t size);
  static void Give(char* block, std::size_t size);
};

/// Output strings with their capacity kept, per thread, bounded in number and size.
class StringPool {
 public:
  static std::string Take();
  static void Give(std::string text);
};

class ReadBuffer {
 public:
  ReadBuffer() = default;
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;
  ~ReadBuffer() { Free(); }

  std::string_view view() const { return {block_ + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  void Consume(std::size_t count) { begin_ += count; }

  /// Room to read into: at least one byte. Moves what is held to the front or into a larger block
  /// when there is none; so views are void after it. An empty buffer takes a block of at least
  /// `wanted` bytes (BlockPool::kSmall or kLarge).
  std::span<char> Room(std::size_t wanted = BlockPool::kSmall);
  /// Room behind what is held, without moving it; may be empty.
  std::span<char> Tail() { return {block_ + end_, capacity_ - end_}; }
  void Commit(std::size_t count) { end_ += count; }
  /// Gives the block back if it holds nothing.
  void Release() {
    if (empty()) Free();
  }

 private:
  void Free();
  char* block_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace http
