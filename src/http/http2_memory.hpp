// nghttp2's allocator, which makes an idle server session small.
//
// The buffer in which a session packs the frame it is sending would be the largest part; all
// sessions of a thread pack into one instead. That is sound because a server's packed frame never
// has to outlive one call of Http2Session::TakeOutput, which copies each frame and stops only
// between header blocks (see there). Further buffers, for header blocks of several frames, are a
// session's own. A client's buffer holds the connection preface from the start, so clients do not
// share.
//
// The next largest is the table of streams. It gets a page of its own (Http2Page) whose memory goes
// back to the kernel while there is no stream in it.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>

namespace http {

/// Pages of zeros, kept per thread. Only pages that were written to take memory.
class Http2Page {
 public:
  static constexpr std::size_t kSize = 4096;
  /// Null if there is no more.
  static void* Take();
  /// On the thread that took it.
  static void Give(void* page);
  /// Gives the memory of `page` back if it holds nothing but zeros.
  static void Trim(void* page);
};

class Http2Memory {
 public:
  explicit Http2Memory(bool server);
  Http2Memory(const Http2Memory&) = delete;
  Http2Memory& operator=(const Http2Memory&) = delete;

  /// For nghttp2_session_..._new3; a server's first frame buffer and table of streams, asked for
  /// before Created, are the shared one and the page.
  nghttp2_mem* table() { return &table_; }
  void Created() { creating_ = false; }
  /// Call when there is no stream and there has been one.
  void Trim() {
    if (page_) Http2Page::Trim(page_);
  }

 private:
  static void* Allocate(std::size_t size, void* self);
  static void Free(void* memory, void* self);
  static void* AllocateZeroed(std::size_t count, std::size_t size, void* self);
  static void* Reallocate(void* memory, std::size_t size, void* self);

  nghttp2_mem table_;
  void* shared_ = nullptr;
  void* page_ = nullptr;
  bool creating_;
};

}  // namespace http
