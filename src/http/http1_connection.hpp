// One HTTP/1.1 connection of a server: its buffers, its flushing and its failures (private to
// http/).
//
// The coroutine of http1_server.cpp owns it and reads heads from it; the exchange in progress reads
// the body from it and appends answers to it. Output is written when the coroutine has nothing more
// to do, or at the end of the loop's turn, so that what belongs together leaves in one system call.
// Loop's thread only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "async/turn.hpp"
#include "async/wait.hpp"
#include "http/read_buffer.hpp"
#include "http/server_core.hpp"

namespace http {

class Http1Exchange;

class Http1Connection final : public async::Turn {
 public:
  Http1Connection(ServerCore& core, std::unique_ptr<net::Stream> stream, const void* tag);
  ~Http1Connection();

  ServerCore& core;
  /// Null once given away.
  std::unique_ptr<net::Stream> stream;
  const ConnectionInfo info;
  ReadBuffer in;
  /// The request being read or handled; null while idle.
  std::unique_ptr<Http1Exchange> exchange;

  enum class Fill : unsigned char { kData, kWait, kEof, kBroken };
  /// Reads once into `in`. kWait: wait for an edge.
  Fill FillInput(std::size_t wanted);
  bool eof() const { return eof_; }

  /// Bytes of output not yet taken by the socket.
  std::size_t pending() const { return out_.size() - out_begin_; }
  /// To append to; follow with Flush or RequestTurn in the end.
  std::string& out() { return out_; }
  /// Sends what is pending and then `data` and `suffix`, copying only what the socket does not
  /// take.
  void SendDirect(std::string_view data, std::string_view suffix);
  /// Writes what the socket takes; the rest follows by itself.
  void Flush();
  /// Waits until everything is written or the connection is broken.
  async::Task<void> Flushed();
  /// Woken by progress of the output and by failure.
  async::Event& drained() { return drained_; }

  bool broken() const { return broken_; }
  /// Gives the connection up. Whoever waits learns of it at the end of the turn.
  void Break();
  /// True while the exchange's cancel token fires; the exchange must not go meanwhile.
  bool canceling() const { return canceling_; }

  /// While a request is handled: listens for the peer's end and wakes the reader of the body.
  void WatchPeer();
  void EndWatch();

  /// Gives the socket to another protocol, for good. Nothing may be pending.
  std::unique_ptr<net::Stream> TakeStream();

  /// Gives back all that an idle connection does not need. Nothing may be pending.
  void Rest();

 private:
  void OnTurn() override;
  void OnEdge();
  void OnWritable();
  void LookForEnd();
  void OutputEmpty();
  void OutputBlocked(bool progress);

  template <void (Http1Connection::*kMethod)()>
  struct Hook : async::Waiter {
    explicit Hook(Http1Connection* connection)
        : Waiter(
              [](async::Waiter* waiter) { (static_cast<Hook*>(waiter)->connection->*kMethod)(); }),
          connection(connection) {}
    Http1Connection* connection;
  };
  struct StallTimer : async::Timer {
    explicit StallTimer(Http1Connection* connection);
    Http1Connection* connection;
  };
  struct AbortHook : async::CancelHook {
    explicit AbortHook(Http1Connection* connection);
    Http1Connection* connection;
  };

  std::string out_;
  std::size_t out_begin_ = 0;
  bool broken_ = false;
  bool eof_ = false;
  bool left_ = false;  // the end of the peer's side was seen while its request was being served
  bool blocked_ = false;
  bool watching_ = false;
  bool canceling_ = false;
  async::Event drained_;
  Hook<&Http1Connection::OnEdge> edge_{this};
  Hook<&Http1Connection::OnWritable> writable_{this};
  StallTimer write_stall_{this};
  AbortHook abort_{this};
};

}  // namespace http
