// Moves bytes between a net::Stream and an Http2Session, and keeps the connection's time:
// keepalive, stalls, the last goodbye. Runs on callbacks, so an idle connection has no coroutine
// frame and no buffer: reads go through a buffer of the thread, and writes leave from one.
//
// Life: open -> (GOAWAY sent, our side shut: lingering) -> ended. Single loop.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "async/turn.hpp"
#include "async/waiter.hpp"
#include "http/http2_session.hpp"
#include "net/stream.hpp"

namespace http {

class Http2Connection : public async::Turn, public Http2Session::Owner {
 public:
  struct Times {
    std::chrono::milliseconds keepalive_interval{0};  // 0 = no pings
    std::chrono::milliseconds keepalive_timeout{0};
    bool keepalive_without_streams = true;
    std::chrono::milliseconds greeting_timeout{10'000};  // to the peer's first SETTINGS
    std::chrono::milliseconds settings_timeout{10'000};  // to its acknowledgement of ours
    std::chrono::milliseconds header_timeout{10'000};
    std::chrono::milliseconds write_stall_timeout{60'000};  // of the socket
  };

  void Wake() final { RequestTurn(); }
  /// Ends the connection in this turn's end, without goodbye.
  void EndSoon(base::Error error);
  bool ended() const { return state_ == State::kEnded; }
  net::Stream& stream() { return *stream_; }
  const net::Stream& stream() const { return *stream_; }
  /// Everything went out and nothing waits for the socket.
  bool flushed() const { return unsent_.empty() && !session_->wants_write(); }

 protected:
  /// `session` is the derived class's and not yet made; Begin gives it.
  Http2Connection(std::unique_ptr<net::Stream> stream, const Times& times);
  ~Http2Connection() = default;

  /// `first` is sent before anything of HTTP/2.
  void Begin(Http2Session& session, std::string first = {});
  /// Has Check run no later than at `time`.
  void CheckBy(async::TimePoint time);
  /// A stream is being opened: the peer must show signs of life while it is.
  void WatchPeer() {
    if (times_.keepalive_interval.count() > 0) CheckBy(loop().After(times_.keepalive_interval));
  }
  /// The derived class's own deadlines: does what is due at `now` and returns the next, or
  /// kForever.
  virtual async::TimePoint Check(async::TimePoint now) = 0;
  /// The last call: users have been told, the socket is closed. May destroy *this.
  virtual void OnEnded() = 0;
  /// After a turn's work; where a derived class decides that it has finished.
  virtual void OnSettled() {}
  /// Why the connection ended; null if in order.
  const base::Error* fault() const { return fault_.get(); }
  /// Says goodbye where the protocol has not: closes once what is queued has been written.
  void CloseWhenFlushed() { close_when_flushed_ = true; }

 private:
  enum class State : unsigned char { kOpen, kLingering, kEnded };

  struct Readiness : async::Waiter {
    Readiness(Http2Connection* connection, Fire fire) : Waiter(fire), connection(connection) {}
    Http2Connection* connection;
  };
  struct Deadline : async::Timer {
    explicit Deadline(Http2Connection* connection);
    Http2Connection* connection;
  };

  void OnTurn() override;
  void ReadSome();
  base::Error ReadError() const;
  void DiscardInput();
  /// True if the socket took everything there was.
  bool WriteSome();
  void Linger();
  void End();
  void OnDeadline();

  std::unique_ptr<net::Stream> stream_;
  Http2Session* session_ = nullptr;
  const Times times_;
  std::string unsent_;  // what the socket did not take
  std::size_t unsent_at_ = 0;
  std::unique_ptr<base::Error> fault_;
  async::TimePoint began_;
  async::TimePoint last_read_;
  async::TimePoint last_write_;
  async::TimePoint ping_sent_ = async::kForever;
  async::TimePoint armed_for_ = async::kForever;
  async::TimePoint linger_until_ = async::kForever;
  Readiness readable_;
  Readiness writable_;
  Deadline deadline_;
  State state_ = State::kOpen;
  bool read_on_ = false;  // more may be readable; go on next turn
  bool close_when_flushed_ = false;
  std::size_t discarded_ = 0;
};

}  // namespace http
