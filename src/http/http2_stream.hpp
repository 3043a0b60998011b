// What a stream of either side is to its session: a place in two lists, a received body, and a
// source of DATA frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "http/http2_body.hpp"

namespace http {

class Http2Session;

class Http2Stream {
 public:
  /// What there is to do for a stream once nghttp2 has returned.
  enum Work : uint8_t {
    kHead = 1,    // the head of the message is complete
    kBody = 2,    // data or the end arrived
    kRoom = 4,    // output was taken
    kClosed = 8,  // nghttp2 has forgotten the stream
    kCheck = 16,  // see whether it can go
  };

  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;
  virtual ~Http2Stream();

  int32_t id() const { return id_; }
  Http2Body& in() { return in_; }
  /// nghttp2 knows the stream and its connection lives.
  bool open() const { return open_; }
  bool remote_ended() const { return in_.ended(); }

 protected:
  friend class Http2Session;
  friend struct Http2Callbacks;
  explicit Http2Stream(Http2Session& session) : session_(&session) {}

  /// One DATA frame's worth of output, at most `max` bytes. Called by nghttp2: must not call out.
  struct Piece {
    std::size_t size = 0;
    bool wait = false;  // nothing now; ask again after Session::Resume
    bool end = false;   // the last piece
    const Headers* trailers = nullptr;
  };
  virtual Piece NextPiece(std::size_t max) = 0;
  /// Appends the `size` bytes that NextPiece has promised.
  virtual void CopyPiece(std::size_t size, std::string& out) = 0;
  /// Does `work` (bits of Work) with nghttp2 out of the way; may run users' code. True if the
  /// object is done with and the session should delete it.
  virtual bool Perform(uint8_t work) = 0;
  /// The error nghttp2 closed the stream with; kClosed follows.
  virtual void NoteClosed(uint32_t error_code) = 0;
  /// A header block of ours has been written out.
  virtual void NoteHeadSent() {}
  /// Our END_STREAM has been written out.
  virtual void NoteEndSent() {}
  /// The connection has ended under the stream; kClosed follows.
  virtual void NoteLost(const base::Error& error) = 0;

  /// Puts the stream where RunWork finds it.
  void Queue(uint8_t work);

  Http2Session* session_;  // null once the session has gone
  int32_t id_ = 0;
  bool open_ = false;
  bool deferred_ = false;  // NextPiece has said `wait`
  Http2Body in_;

 private:
  uint8_t work_ = 0;
  bool queued_ = false;
  // Among those with work, and among all of the session.
  Http2Stream* work_next_ = nullptr;
  Http2Stream* work_prev_ = nullptr;
  Http2Stream* next_ = nullptr;
  Http2Stream* prev_ = nullptr;
};

}  // namespace http
