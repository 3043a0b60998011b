// The HTTP/2 byte engine of one connection, without a socket: bytes in (Feed), bytes out
// (TakeOutput), users' code in between (RunWork). Owns the nghttp2 session and all that guards it:
// rate limits, window credit, the lists of streams.
//
// nghttp2 must not be entered again from its own callbacks. So callbacks only note what happened on
// the stream and queue it; handlers, readers and waiting callers run in RunWork. Single loop.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "async/loop.hpp"
#include "base/error.hpp"
#include "http/http2_fields.hpp"
#include "http/http2_memory.hpp"
#include "http/http2_rate.hpp"
#include "http/http2_scanner.hpp"
#include "http/http2_stream.hpp"

namespace http {

class Http2Session {
 public:
  /// Whoever moves the bytes.
  class Owner {
   public:
    /// There is output or work: call TakeOutput and RunWork before long.
    virtual void Wake() = 0;

   protected:
    ~Owner() = default;
  };
  struct Limits {
    std::size_t max_header_bytes = 8 * 1024;
    uint32_t stream_window = 256 * 1024;
    uint32_t connection_window = 1024 * 1024;
    uint32_t max_concurrent_streams = 1000;  // that the peer may open
    uint32_t max_control_per_second = 200;   // SETTINGS, PING
    uint32_t max_resets_per_second = 200;
  };

  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;
  virtual ~Http2Session();

  /// Takes bytes received. Faults of the peer end up as GOAWAY or RST_STREAM in the output.
  void Feed(std::string_view bytes);
  /// Appends output to `out` until it holds `limit` bytes or a little more. True if there may be
  /// more.
  bool TakeOutput(std::string& out, std::size_t limit);
  /// Runs what Feed and TakeOutput have made ready. May resume coroutines.
  void RunWork();
  bool has_work() const { return work_head_ != nullptr; }
  bool wants_write() const { return held_ || nghttp2_session_want_write(session_) != 0; }
  /// GOAWAY is sent and nothing is left to do: the connection should be closed.
  bool finished() const {
    return broken_ || (!nghttp2_session_want_read(session_) && !wants_write());
  }
  /// Ends the connection by GOAWAY; streams die with it.
  void Terminate(uint32_t error_code);
  /// Tells every stream that the connection is gone. Nothing goes to nghttp2 after this.
  void Lose(const base::Error& error);
  bool lost() const { return lost_; }

  /// Sends PING. Its acknowledgement calls OnPong with the same number.
  void Ping(uint64_t number);
  /// Since when a header block is open; for the header timeout.
  std::optional<async::TimePoint> header_since() const { return header_since_; }
  bool settings_acknowledged() const { return settings_acknowledged_; }
  /// The peer's first SETTINGS frame has come.
  bool greeted() const { return greeted_; }
  /// Stream objects, of which users may hold some longer than nghttp2.
  std::size_t streams() const { return stream_count_; }
  std::size_t open_streams() const { return open_count_; }
  /// Since when there has been no stream.
  async::TimePoint idle_since() const { return idle_since_; }
  /// To be called now and then: gives back what an idle session does not need.
  void Rest();
  /// Bytes of received bodies that nobody has taken yet.
  std::size_t kept() const { return kept_; }

  // For streams and their bodies.
  async::Loop& loop() const { return loop_; }
  void Kept(std::size_t bytes);
  /// `reopen`: the stream's window, too, grows again.
  void Consumed(int32_t id, std::size_t bytes, bool reopen);
  /// Has nghttp2 ask NextPiece again.
  void Resume(Http2Stream& stream);
  void Reset(int32_t id, uint32_t error_code);
  void Wake() { owner_.Wake(); }
  nghttp2_session* handle() { return session_; }
  nghttp2_data_provider Provider(Http2Stream& stream) const;
  void Unlink(Http2Stream& stream);
  void QueueWork(Http2Stream& stream);
  void UnqueueWork(Http2Stream& stream);

 protected:
  Http2Session(async::Loop& loop, Owner& owner, const Limits& limits, bool server);
  void Link(Http2Stream& stream, int32_t id);
  /// Makes stream 1 of a request that came over HTTP/1.1; `settings` is the peer's, valid.
  void UpgradeStream(Http2Stream& stream, std::string_view settings, bool head_request);
  Http2Stream* StreamOf(int32_t id) const;
  /// Counts a field against the limit. False if the list is over it and the field is to be dropped.
  bool CountField(std::size_t bytes);
  template <class F>
  void ForEachStream(F function) {
    for (Http2Stream *stream = all_head_, *next; stream; stream = next) {
      next = stream->next_;
      function(*stream);
    }
  }

  // Called by nghttp2: must note and return.
  virtual void OnBeginHeaders(const nghttp2_frame& frame) = 0;
  virtual void OnField(const nghttp2_frame& frame, std::string_view name,
                       std::string_view value) = 0;
  virtual void OnHeaders(const nghttp2_frame& frame) = 0;
  virtual void OnGoAway(const nghttp2_goaway&) {}
  virtual void OnGoAwaySent() {}
  virtual void OnPong(uint64_t) {}

  async::Loop& loop_;
  Owner& owner_;
  const Limits limits_;
  bool header_too_large_ = false;  // of the block being received

 private:
  friend struct Http2Callbacks;
  // The last few streams that ended in one way.
  struct RecentIds {
    std::array<int32_t, 16> ids{};
    int32_t floor = 0;  // the highest of those forgotten
    uint8_t next = 0;
    void Add(int32_t id);
    bool Has(int32_t id) const;
  };
  void Close(Http2Stream& stream);
  void OnResetSent(int32_t id, uint32_t error_code);
  /// Hands bytes to nghttp2.
  void Receive(std::string_view bytes);
  /// Takes the output there is, to be sent ahead of any other.
  void HoldOutput();
  /// True if CheckFrame must know what the frames before it did.
  bool NeedsState(const Http2Scanner::Head& head) const;
  void CheckFrame(const Http2Scanner::Head& head);
  void CheckPayload(const Http2Scanner::Head& head, uint32_t number);
  /// The error for a frame on a stream that nghttp2 does not know any more; NGHTTP2_NO_ERROR = let
  /// nghttp2 ignore it.
  uint32_t FaultOfClosed(int32_t id) const;

  Http2Memory memory_;
  nghttp2_session* session_ = nullptr;
  std::string* sink_ = nullptr;        // where send callbacks append
  std::unique_ptr<std::string> held_;  // output from before a GOAWAY that was received
  Http2Stream* work_head_ = nullptr;
  Http2Stream* work_tail_ = nullptr;
  Http2Stream* all_head_ = nullptr;
  std::size_t stream_count_ = 0;
  std::size_t open_count_ = 0;
  std::size_t header_bytes_ = 0;
  std::size_t kept_ = 0;
  std::size_t owed_ = 0;  // connection window not given back yet
  async::TimePoint idle_since_;
  bool rested_ = true;  // since the last stream
  std::optional<async::TimePoint> header_since_;
  Http2Scanner scanner_;
  Http2Rate control_;
  Http2Rate cheap_;  // frames that cost us little but the peer nothing
  Http2Rate resets_;
  RecentIds reset_ids_;  // reset by us: frames the peer sent before it knew are no fault of it
  RecentIds closed_ids_;
  int32_t last_peer_id_ = 0;
  const bool server_;
  bool greeted_ = false;
  bool settings_acknowledged_ = false;
  bool terminated_ = false;
  bool broken_ = false;
  bool lost_ = false;
};

}  // namespace http
