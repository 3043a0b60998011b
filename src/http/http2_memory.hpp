// nghttp2's allocator. Of an idle server session's memory, a third would be the buffer in which it
// packs the frame it is sending; all of a thread pack into one instead.
//
// That is sound because a server's packed frame never has to outlive one call of
// Http2Session::TakeOutput, which copies each frame and stops only between header blocks (see
// there). Further buffers, for header blocks of several frames, are a session's own. A client's
// buffer holds the connection preface from the start, so clients do not share.
#pragma once

#include <nghttp2/nghttp2.h>

namespace http {

class Http2Memory {
 public:
  explicit Http2Memory(bool server);
  Http2Memory(const Http2Memory&) = delete;
  Http2Memory& operator=(const Http2Memory&) = delete;

  /// For nghttp2_session_..._new3; a server's first frame buffer, asked for before Created, is the
  /// shared one.
  nghttp2_mem* table() { return &table_; }
  void Created() { creating_ = false; }

 private:
  static void* Allocate(std::size_t size, void* self);
  static void Free(void* memory, void* self);
  static void* AllocateZeroed(std::size_t count, std::size_t size, void* self);
  static void* Reallocate(void* memory, std::size_t size, void* self);

  nghttp2_mem table_;
  void* shared_ = nullptr;
  bool creating_;
};

}  // namespace http
