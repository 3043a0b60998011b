// Finds frame headers in what a peer sends, ahead of nghttp2, which passes over some frames in
// silence: those it ignores cost it little, but a flood of them must be seen, and RFC 9113 wants
// errors for some.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace http {

class Http2Scanner {
 public:
  struct Head {
    uint32_t length = 0;
    uint8_t type = 0;
    uint8_t flags = 0;
    int32_t id = 0;
  };
  enum class Found : unsigned char {
    kNothing,  // all bytes are used up
    kHead,     // head() is new; its nine bytes end where `bytes` now begins
    kPayload,  // payload() holds the first bytes asked for by Want
  };

  /// A server's peer begins with the 24 bytes of the client preface.
  explicit Http2Scanner(bool server) : skip_(server ? 24 : 0) {}

  /// Moves `bytes` on to just behind the next find.
  Found Next(std::string_view& bytes) {
    for (;;) {
      if (want_ != 0) {
        if (!Gather(bytes, want_)) return Found::kNothing;
        skip_ -= want_;
        want_ = 0;
        have_ = 0;
        return Found::kPayload;
      }
      const auto skipped = std::min<std::size_t>(skip_, bytes.size());
      bytes.remove_prefix(skipped);
      skip_ -= static_cast<uint32_t>(skipped);
      if (skip_ != 0 || !Gather(bytes, 9)) return Found::kNothing;
      have_ = 0;
      head_.length = uint32_t{bytes_[0]} << 16 | uint32_t{bytes_[1]} << 8 | bytes_[2];
      head_.type = bytes_[3];
      head_.flags = bytes_[4];
      head_.id = static_cast<int32_t>(Number(5));
      skip_ = head_.length;
      return Found::kHead;
    }
  }
  const Head& head() const { return head_; }
  /// After kHead: have the payload's first `count` bytes (at most 8, no more than it has) shown.
  void Want(uint8_t count) {
    want_ = static_cast<uint8_t>(std::min<uint32_t>(count, head_.length));
  }
  /// The 31-bit number at the start of the payload.
  uint32_t number() const { return Number(0); }

 private:
  bool Gather(std::string_view& bytes, uint8_t count) {
    while (have_ < count && !bytes.empty()) {
      bytes_[have_++] = static_cast<uint8_t>(bytes.front());
      bytes.remove_prefix(1);
    }
    return have_ == count;
  }
  uint32_t Number(std::size_t at) const {
    return (uint32_t{bytes_[at]} << 24 | uint32_t{bytes_[at + 1]} << 16 |
            uint32_t{bytes_[at + 2]} << 8 | bytes_[at + 3]) &
           0x7fffffff;
  }

  Head head_;
  uint32_t skip_;
  std::array<uint8_t, 9> bytes_{};
  uint8_t have_ = 0;
  uint8_t want_ = 0;
};

}  // namespace http
