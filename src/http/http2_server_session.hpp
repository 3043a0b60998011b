// The server's HTTP/2 session: turns header blocks into Http2ServerStreams and hands these to the
// handler. Like its base, without a socket.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "http/http2_server_stream.hpp"
#include "http/http2_session.hpp"
#include "http/server_core.hpp"

namespace http {

class Http2ServerSession final : public Http2Session {
 public:
  /// Handlers run in `gate`, which must be closed and empty before the session goes.
  Http2ServerSession(ServerCore& core, const ConnectionInfo& info, async::Gate& gate, Owner& owner);
  ~Http2ServerSession() override;

  /// Before anything was fed: takes over a request, with its body, that came over HTTP/1.1.
  void Upgrade(RequestHead request, std::string_view body, std::string_view settings);
  /// First half of a graceful end: tells the peer to open no more streams, and pings, so that the
  /// second half can refuse those that were under way. Idempotent.
  void BeginDrain();
  /// Second half: names the last stream that will be served. Happens by itself when the ping
  /// returns.
  void FinishDrain();
  bool draining() const { return draining_; }
  /// The last GOAWAY is out or queued; when streams() is 0 the connection may close.
  bool drained() const { return last_goaway_; }

  /// Cuts streams that stall.
  void CheckStalls(async::TimePoint now);

  /// Bytes of responses that streams hold until the peer takes them.
  void CountUnsent(std::size_t bytes) { unsent_ += bytes; }
  void CountSent(std::size_t bytes) {
    unsent_ -= bytes;
    if (!parked_.empty() && unsent_ <= core_.options.max_unsent / 2) ResumeParked();
  }
  std::size_t unsent() const { return unsent_; }
  /// A peer that asks for more than it takes gets no more requests handled.
  bool full() const { return unsent_ != 0 && unsent_ >= core_.options.max_unsent; }
  /// Keeps a request for later if the connection is full; false if it may be handled now.
  bool Park(Http2ServerStream& stream);
  void Unpark(Http2ServerStream& stream);

  ServerCore& core() { return core_; }
  const ConnectionInfo& info() const { return info_; }

 private:
  friend class Http2ServerStream;
  void OnBeginHeaders(const nghttp2_frame& frame) override;
  void OnField(const nghttp2_frame& frame, std::string_view name, std::string_view value) override;
  void OnHeaders(const nghttp2_frame& frame) override;
  void OnGoAwaySent() override;
  void OnPong(uint64_t number) override;
  void OnRequestField(Http2ServerStream& stream, std::string_view name, std::string_view value);
  void ResumeParked();
  void Dispatch(Http2ServerStream& stream);
  async::Task<void> Handle(Http2ServerStream& stream);

  ServerCore& core_;
  const ConnectionInfo& info_;
  async::Gate& gate_;
  std::size_t unsent_ = 0;
  std::vector<Http2ServerStream*> parked_;  // oldest first
  std::string cookie_;                      // crumbs of the block being received
  bool draining_ = false;
  bool last_goaway_ = false;
};

}  // namespace http
