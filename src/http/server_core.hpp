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
  async::Gate connections;   // one task a connection
  std::size_t in_flight = 0;  // requests being handled, both protocols
  /// Set when draining begins: connections finish what they have and take nothing new.
  async::Event draining;
  /// Canceled when draining has run out of time: connections abort.
  async::CancelToken abort;
};

/// Serves one connection until it ends; owns the stream. Runs inside `core.connections`.
async::Task<void> ServeHttp1(ServerCore& core, std::unique_ptr<net::Stream> stream,
                             ConnectionInfo info);
async::Task<void> ServeHttp2(ServerCore& core, std::unique_ptr<net::Stream> stream,
                             ConnectionInfo info);

}  // namespace http
