// The server's HTTP/2 session: turns header blocks into Http2ServerStreams and hands these to the
// handler. Like its base, without a socket.
#pragma once

#include <cstdint>
#include <string>

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
  void Dispatch(Http2ServerStream& stream);
  async::Task<void> Handle(Http2ServerStream& stream);

  ServerCore& core_;
  const ConnectionInfo& info_;
  async::Gate& gate_;
  std::string cookie_;  // crumbs of the block being received
  bool draining_ = false;
  bool last_goaway_ = false;
};

}  // namespace http
