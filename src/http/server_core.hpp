// What the protocol halves of a server share (private to http/). server.cpp owns one per Server.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include "async/gate.hpp"
#include "async/wait.hpp"
#include "http/server.hpp"

namespace http {

/// A connection over TLS that may be told to end gracefully.
class TlsConnection {
 public:
  virtual void Renew() = 0;
  virtual const void* tag() const = 0;
  virtual const net::TlsContext* tls() const = 0;

 protected:
  ~TlsConnection() = default;
};

struct ServerCore {
  ServerCore(async::Loop& loop, Handler& handler, const ServerOptions& options)
      : loop(loop), handler(handler), options(options) {}

  async::Loop& loop;
  Handler& handler;
  const ServerOptions options;
  async::Gate connections;                             // one task a connection
  std::unordered_set<TlsConnection*> tls_connections;  // HTTP/2 only
  uint64_t tls_renewals = 0;                           // how often Server::RenewTls was called
  std::size_t in_flight = 0;                           // requests being handled, both protocols
  /// Set when draining begins: connections finish what they have and take nothing new.
  async::Event draining;
  /// Until then an idle HTTP/1.1 connection takes one more request; of use while draining.
  async::TimePoint last_request_by = async::kForever;
  /// Canceled at the same moment; for the waits of idle connections.
  async::CancelToken drain;
  /// Canceled when draining has run out of time: connections abort.
  async::CancelToken abort;
};

/// What there is to know of a connection; `tag` is the listener's.
ConnectionInfo Describe(const net::Stream& stream, const void* tag);

/// How an HTTP/1.1 connection becomes an HTTP/2 one (RFC 7540, section 3.2).
struct Http2Upgrade {
  RequestHead request;   // becomes stream 1
  std::string body;      // all of it
  std::string settings;  // the payload of the SETTINGS frame in HTTP2-Settings
  std::string early;     // what the peer has sent behind the request
  std::string answer;    // to be sent before anything else
};

/// Serves one connection until it ends; owns the stream. Runs inside `core.connections`.
async::Task<void> ServeHttp1(ServerCore& core, std::unique_ptr<net::Stream> stream,
                             const void* tag);
async::Task<void> ServeHttp2(ServerCore& core, std::unique_ptr<net::Stream> stream,
                             ConnectionInfo info, std::unique_ptr<Http2Upgrade> upgrade = nullptr);

}  // namespace http
