// What the protocol halves of a server share (private to http/). server.cpp owns one per Server.
#pragma once

#include <cstddef>
#include <memory>

#include "async/gate.hpp"
#include "async/wait.hpp"
#include "http/server.hpp"

namespace http {

struct ServerCore {
  ServerCore(async::Loop& loop, Handler& handler, const ServerOptions& options)
      : loop(loop), handler(handler), options(options) {}

  async::Loop& loop;
  Handler& handler;
  const ServerOptions options;
  async::Gate connections;    // one task a connection
  std::size_t in_flight = 0;  // requests being handled, both protocols
  /// Set when draining begins: connections finish what they have and take nothing new.
  async::Event draining;
  /// Canceled at the same moment; for the waits of idle connections.
  async::CancelToken drain;
  /// Canceled when draining has run out of time: connections abort.
  async::CancelToken abort;
};

/// What there is to know of a connection; `tag` is the listener's.
ConnectionInfo Describe(const net::Stream& stream, const void* tag);

/// Serves one connection until it ends; owns the stream. Runs inside `core.connections`.
async::Task<void> ServeHttp1(ServerCore& core, std::unique_ptr<net::Stream> stream,
                             const void* tag);
async::Task<void> ServeHttp2(ServerCore& core, std::unique_ptr<net::Stream> stream,
                             ConnectionInfo info);

}  // namespace http
