// The server engine of one loop: takes accepted streams, speaks HTTP/1.1 or HTTP/2 on each (by
// ALPN, by the HTTP/2 preface, else HTTP/1.1) and hands requests to a Handler.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "async/task.hpp"
#include "http/exchange.hpp"
#include "net/stream.hpp"

namespace http {

/// Limits and timeouts of DESIGN.md, section 5. Sizes in bytes.
struct ServerOptions {
  bool allow_http1 = true;
  bool allow_http2 = true;
  std::size_t max_header_bytes = 8 * 1024;  // request line and fields, or HTTP/2 header list
  std::chrono::milliseconds header_timeout{10'000};  // from the first byte of a request to its head
  std::chrono::milliseconds idle_timeout{180'000};   // no request in progress
  std::chrono::milliseconds last_request_time{250};  // draining: for what is on its way to us
  std::chrono::milliseconds body_stall_timeout{
      60'000};  // the peer sends no byte of a body being read
  std::chrono::milliseconds write_stall_timeout{60'000};  // the peer takes no byte of a response
  std::size_t write_high_water = 256 * 1024;
  // HTTP/2
  uint32_t max_concurrent_streams = 1000;
  std::size_t max_unsent = 4 * 1024 * 1024;  // of all streams; with more, new requests wait
  uint32_t stream_window = 256 * 1024;
  uint32_t connection_window = 1024 * 1024;
  uint32_t max_resets_per_second = 200;   // peer's RST_STREAM (rapid reset), bursts of 10 x
  uint32_t max_control_per_second = 200;  // SETTINGS and PING, bursts of 10 x
  std::chrono::milliseconds keepalive_interval{10'000};  // our pings; 0 = off
  std::chrono::milliseconds keepalive_timeout{5'000};
  /// Told of handshakes that failed, whoever is to blame; on the loop. May be empty.
  std::function<void(const net::Address& peer, const base::Error& error, const void* tag)>
      on_tls_failure;
  /// What a handshake at the listener with that tag would use now: at a RenewTls, connections that
  /// used the same stay, and so do handshakes that are under way. Without it all end. On the loop.
  std::function<std::shared_ptr<const net::TlsContext>(const void* tag)> current_tls;
};

class Server {
 public:
  virtual ~Server() = default;
  /// Serves `stream` to its end in the background. `tls` non-null: handshakes first. `tag` shows up
  /// as ConnectionInfo::listener_tag.
  virtual void Serve(std::unique_ptr<net::Stream> stream,
                     std::shared_ptr<const net::TlsContext> tls, const void* tag) = 0;
  /// Ends gracefully every HTTP/2 connection over TLS whose tag `which` picks and that was not made
  /// with what is current: requests in flight finish, new ones need a new connection and so a new
  /// handshake.
  virtual void RenewTls(const std::function<bool(const void* tag)>& which) = 0;
  virtual std::size_t connections() const = 0;
  virtual std::size_t requests_in_flight() const = 0;
  /// Graceful end: HTTP/1.1 answers carry `Connection: close`, connections that stay idle for
  /// last_request_time close, HTTP/2 gets GOAWAY; returns when all are done, and aborts the rest
  /// when the context ends.
  virtual async::Task<void> Drain(const async::Context& context) = 0;
};

/// One per loop and handler; used on that loop only. `handler` must outlive it.
std::unique_ptr<Server> MakeServer(async::Loop& loop, Handler& handler,
                                   const ServerOptions& options = {});

}  // namespace http
