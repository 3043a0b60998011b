// The server side of one request: what a handler sees, the same over HTTP/1.1 and HTTP/2.
//
// Sending never waits: output goes to the connection's buffer and from there to the socket. A
// handler that streams calls `co_await exchange.Drain(context)` between chunks; that is the
// back-pressure toward whoever feeds it. Single loop: a connection and all its exchanges live and
// die on one loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "async/task.hpp"
#include "async/waiter.hpp"
#include "base/result.hpp"
#include "http/body.hpp"
#include "http/message.hpp"
#include "net/address.hpp"
#include "net/stream.hpp"

namespace http {

/// What is known of the connection a request came in by. Lives as long as the connection.
struct ConnectionInfo {
  net::Address local;
  net::Address peer;
  bool tls = false;
  net::TlsPeer tls_peer;
  /// What the listener was registered with; the owner's to interpret (which listener, which app).
  const void* listener_tag = nullptr;
};

/// What a request holds of its body, counted against a limit that it shares with other requests.
class BodyAccount {
 public:
  /// The request holds, or will hold, `bytes` of its body; `whole`: nothing more of it is on its
  /// way. False if that is more than the limit leaves: then nothing changes, and the request must
  /// be refused with `refusal`.
  virtual bool Hold(uint64_t bytes, bool whole) = 0;
  /// Set once Hold has said no; null before.
  virtual const base::Error* refusal() const = 0;

 protected:
  ~BodyAccount() = default;
};

class Exchange {
 public:
  virtual ~Exchange() = default;

  RequestHead& request() { return request_; }
  const RequestHead& request() const { return request_; }
  virtual Body& body() = 0;
  virtual const ConnectionInfo& connection() const = 0;
  /// The URI name (SPIFFE id) of the client's verified certificate; "" without one, so always
  /// without TLS. Lives as long as the connection.
  std::string_view peer_identity() const { return connection().tls_peer.uri_san; }
  /// Canceled when the peer resets the stream, the connection breaks, or an HTTP/1.1 peer ends its
  /// side while it waits. (What is sent after that still reaches a peer that only half-closed.)
  async::CancelToken& cancel() { return cancel_; }

  /// Keeps something that the request needs until it is over; null lets it go before.
  void Keep(std::shared_ptr<const void> what) { kept_ = std::move(what); }

  /// Who wants to know how much of a body without a declared length a handler collects; null:
  /// nobody. Not owned.
  BodyAccount* account() const { return account_; }
  void SetAccount(BodyAccount* account) { account_ = account; }

  /// Sends an interim response (100 to 199, not 101). Ignored once Start was called.
  virtual void Inform(const ResponseHead& head) = 0;
  /// A whole response. The engine adds Date, framing and connection fields. `body` is copied as
  /// needed. For HEAD the engine sends the length and drops the body.
  virtual void Respond(const ResponseHead& head, std::string_view body) = 0;
  /// Begins a streamed response. A Content-Length in `head` is kept and enforced; otherwise the
  /// body is chunked (or framed by HTTP/2).
  virtual void Start(const ResponseHead& head) = 0;
  virtual void Write(std::string_view data) = 0;
  /// Ends the response; trailers are sent where the protocol and the request allow.
  virtual void Finish(const Headers* trailers = nullptr) = 0;
  /// Cuts the response so that the peer can tell it is incomplete: RST_STREAM, or a closed
  /// connection.
  virtual void Abort() = 0;

  bool started() const { return started_; }
  bool finished() const { return finished_; }
  /// True while more output should wait for Drain.
  virtual bool congested() const = 0;
  /// Waits until the peer has taken enough. kCanceled if the peer is gone.
  virtual async::Task<base::Status> Drain(const async::Context& context) = 0;
  /// Bytes of response body handed over so far.
  uint64_t sent() const { return sent_; }

 protected:
  RequestHead request_;
  async::CancelToken cancel_;
  std::shared_ptr<const void> kept_;
  BodyAccount* account_ = nullptr;
  bool started_ = false;
  bool finished_ = false;
  uint64_t sent_ = 0;
};

/// Serves requests; one object for all loops, so it must not hold per-request state.
class Handler {
 public:
  virtual ~Handler() = default;
  /// A chance to answer at once, without a coroutine: true if the exchange is finished.
  virtual bool TryHandle(Exchange&) { return false; }
  /// Must finish or abort the exchange before it returns; the engine answers 500 or aborts
  /// otherwise. The exchange outlives the task. A body not read to its end is discarded or the
  /// connection closed.
  virtual async::Task<void> Handle(Exchange& exchange) = 0;
};

}  // namespace http
