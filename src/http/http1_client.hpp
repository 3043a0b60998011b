// One HTTP/1.1 connection of a client, the pool of those to one origin, and the response body that
// is read from one (private to http/; used by client.cpp).
//
// A connection is owned by the pool while idle, by Send while it waits for the head of a response,
// and by the response's body after that. The request's body is pumped by callbacks meanwhile, so
// both directions go on side by side. Loop's thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/frame_pool.hpp"
#include "async/semaphore.hpp"
#include "http/client.hpp"
#include "http/http1_chunked.hpp"
#include "http/http1_parser.hpp"
#include "http/http1_writer.hpp"
#include "http/read_buffer.hpp"

namespace http {

class Http1ClientConnection;

/// The HTTP/1.1 connections to one origin. A permit is the right to use one; so there are never
/// more connections than permits.
class Http1Pool {
 public:
  explicit Http1Pool(const ClientOptions& options);
  ~Http1Pool();

  /// The idle connection used last, or null. The caller holds a permit and passes it on.
  std::unique_ptr<Http1ClientConnection> TakeIdle();
  /// Takes a connection back after a complete exchange; keeps it or closes it, frees its permit.
  void Put(std::unique_ptr<Http1ClientConnection> connection);
  /// Frees the permit of a connection that ended in use. May run whoever waits for it.
  void Release();
  /// Destroys an idle connection whose peer has closed it or talks out of turn.
  void DropIdle(Http1ClientConnection& connection);
  void CloseIdleSince(async::TimePoint time);
  /// Closes idle connections, and those in use when they come back.
  void Forget();
  /// No connection is kept from now on.
  void Retire();
  /// Cuts connections in use and lets go of them.
  void AbortAll();

  bool empty() const { return idle_.empty() && in_use_.empty(); }
  std::size_t connections() const { return idle_.size() + in_use_.size(); }
  std::size_t in_use() const { return in_use_.size(); }

  const ClientOptions& options;
  async::Semaphore permits;
  /// Pulsed when a connection in use ends, if set.
  async::Event* quiet = nullptr;

 private:
  friend class Http1ClientConnection;
  std::vector<std::unique_ptr<Http1ClientConnection>> idle_;  // oldest first
  std::vector<Http1ClientConnection*> in_use_;
  unsigned epoch_ = 0;  // connections of an earlier one are not kept
  bool retired_ = false;
};

/// A request made ready to send. `bytes` holds the head and what was there of the body; when that
/// is all of it (`complete`) the request can be sent again.
struct Http1Request {
  /// Up to here the first piece of a body is copied behind the head, so that the request is one
  /// write and can be repeated; larger pieces are sent from where they lie.
  static constexpr std::size_t kCopy = 16 * 1024;
  /// Fills an empty request from head and body, taking from the body what is there. Fails with the
  /// body's error.
  base::Status Prepare(const RequestHead& head, Body* body);

  std::string bytes;
  bool ready = false;
  bool complete = false;
  SendFraming framing = SendFraming::kNone;
  uint64_t left = 0;        // of a declared length
  std::string_view direct;  // a large first piece, not copied
};

class Http1ClientConnection {
 public:
  Http1ClientConnection(Http1Pool& pool, std::unique_ptr<net::Stream> stream);
  ~Http1ClientConnection();
  Http1ClientConnection(const Http1ClientConnection&) = delete;

  /// Sends `request` and goes on pumping `body`. `response` is where the head will go.
  void Begin(Http1Request request, Body* body, ResponseHead& response);
  /// Gives a complete request back, to be sent elsewhere. Empty if it cannot be repeated.
  std::optional<Http1Request> TakeRequest();

  enum class Step : unsigned char { kWait, kHead, kClosed, kBad };
  /// Goes on reading the head of the response; kWait: wait for a readable edge.
  Step ReadHead();
  /// Expects another head, after an interim response.
  void NextHead(ResponseHead& response);

  std::unique_ptr<net::Stream> stream;
  ReadBuffer in;
  HeadParser parser;

  enum class Fill : unsigned char { kData, kWait, kEof, kError };
  Fill FillInput(std::size_t wanted);
  /// Null once the pool has let go of the connection.
  Http1Pool* pool() const { return pool_; }
  bool received() const { return received_; }
  bool request_done() const { return request_done_; }
  bool send_failed() const { return send_failed_; }
  /// Why the request could not be sent on: its body failed.
  const std::optional<base::Error>& request_error() const { return request_error_; }
  /// Fires `waiter` at the next readable edge; null withdraws.
  void OnReadable(async::Waiter* waiter);
  /// Stops pulling the request's body.
  void StopRequest();

 private:
  friend class Http1Pool;
  template <void (Http1ClientConnection::*kMethod)()>
  struct Hook : async::Waiter {
    explicit Hook(Http1ClientConnection* connection)
        : Waiter(
              [](async::Waiter* waiter) { (static_cast<Hook*>(waiter)->connection->*kMethod)(); }),
          connection(connection) {}
    Http1ClientConnection* connection;
  };
  void Pump();
  void FailRequest(base::Error error);
  bool Flush();
  void Send(std::string_view data);
  void BodyReady();
  void Writable();
  void IdleEdge();
  void BeginUse();
  void Unlist();
  bool QuietlyIdle();

  Http1Pool* pool_;
  std::size_t place_ = 0;  // in the pool's list, while in use
  unsigned epoch_;
  bool in_use_ = false;
  async::TimePoint idle_since_;

  Http1Request request_;
  std::size_t sent_ = 0;
  Body* body_ = nullptr;
  bool body_hooked_ = false;
  bool request_done_ = false;
  bool send_failed_ = false;
  bool received_ = false;
  std::optional<base::Error> request_error_;
  Hook<&Http1ClientConnection::BodyReady> body_ready_{this};
  Hook<&Http1ClientConnection::Writable> writable_{this};
  Hook<&Http1ClientConnection::IdleEdge> idle_edge_{this};
};

class Http1ResponseBody final : public Body {
 public:
  /// The head has been read from `connection`; the rest follows from it. Puts the connection back
  /// to its pool as soon as the exchange is complete.
  Http1ResponseBody(std::unique_ptr<Http1ClientConnection> connection, const ResponseHead& head,
                    bool head_only);
  ~Http1ResponseBody() override;
  static void* operator new(std::size_t size) { return async::FramePool::Allocate(size); }
  static void operator delete(void* body, std::size_t size) { async::FramePool::Free(body, size); }

  Poll TryRead(std::string_view& chunk) override;
  void OnReady(async::Waiter* waiter) override;
  base::Error error() const override;
  const Headers* trailers() const override {
    return state_ == State::kEnd && !trailers_.empty() ? &trailers_ : nullptr;
  }
  std::optional<std::string_view> Whole() override;
  std::optional<uint64_t> length() const override { return length_; }

 private:
  enum class State : unsigned char { kLength, kChunked, kUntilClose, kEnd, kFailed };
  Poll End();
  Poll Fail(base::Kind kind, std::string_view message);
  void Give();

  std::unique_ptr<Http1ClientConnection> connection_;
  State state_ = State::kEnd;
  bool keep_alive_ = false;
  std::optional<uint64_t> length_;
  uint64_t left_ = 0;
  uint64_t received_ = 0;
  std::size_t lent_ = 0;
  ChunkDecoder decoder_;
  Headers trailers_;
  base::Kind kind_ = base::Kind::kUnavailable;
  std::string fault_;
};

}  // namespace http
