// The client side: one pool of connections a loop and origin, over HTTP/1.1 or HTTP/2.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "async/gate.hpp"
#include "async/task.hpp"
#include "base/result.hpp"
#include "http/body.hpp"
#include "http/message.hpp"
#include "net/address.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"

namespace http {

/// Where requests go. Two origins that compare equal share connections.
struct Origin {
  net::Address address;
  Protocol protocol = Protocol::kHttp1;
  std::shared_ptr<const net::TlsContext> tls;  // null = plaintext, unless tls_source is set
  /// Asked for a context whenever a connection is made; connections stay when it changes.
  std::shared_ptr<const net::TlsSource> tls_source;
  std::string server_name;  // SNI; empty = none
  bool secure() const { return tls != nullptr || tls_source != nullptr; }
  bool operator==(const Origin&) const = default;
};

struct ClientOptions {
  std::size_t max_connections = 1024;      // HTTP/1.1, per origin; more requests wait
  std::size_t max_idle_connections = 256;  // HTTP/1.1, per origin
  std::chrono::milliseconds idle_timeout{90'000};
  std::chrono::milliseconds dial_timeout{5'000};
  std::size_t max_header_bytes = 64 * 1024;
  // HTTP/2
  std::size_t max_streams_per_connection = 1000;         // and no more than the peer allows
  std::chrono::milliseconds keepalive_interval{30'000};  // ping when streams are open; 0 = off
  std::chrono::milliseconds keepalive_timeout{10'000};
  uint32_t stream_window = 256 * 1024;
  uint32_t connection_window = 1024 * 1024;
};

/// A response whose body is still to be pulled. Dropping it early resets the stream or closes the
/// connection, and stops the request body being pulled.
struct Response {
  ResponseHead head;
  std::unique_ptr<Body> body;
};

/// Told of interim responses (1xx).
class InterimObserver {
 public:
  virtual ~InterimObserver() = default;
  virtual void OnInterim(const ResponseHead& head) = 0;
};

class Client {
 public:
  virtual ~Client() = default;

  /// Sends a request and waits for the head of the response. `head.authority` becomes Host or
  /// :authority. `body` may be null; it is pulled on this loop until its end or until the Response
  /// is dropped, and must live that long. A response may come before the request body is all sent
  /// (and, over HTTP/2, both go on side by side).
  ///
  /// A request that failed on a reused connection before any byte of the response came, and whose
  /// body was not yet touched, is sent once more on a fresh connection. So is one that an HTTP/2
  /// peer certainly did not process, also if its body can be rewound. A connection over TLS counts
  /// as made when the peer has begun to speak HTTP/2, for only then it has accepted our
  /// certificate. Errors: kUnreachable (no connection could be made, nothing was sent),
  /// kUnavailable (the connection broke), kTimeout, kCanceled, kUnauthenticated (a certificate was
  /// refused, nothing was sent), kProtocol,
  virtual async::Task<base::Result<Response>> Send(const async::Context& context,
                                                   const Origin& origin, RequestHead head,
                                                   Body* body,
                                                   InterimObserver* interim = nullptr) = 0;

  /// Closes idle connections to an origin that has gone, and others when their requests end.
  virtual void Forget(const Origin& origin) = 0;
  /// The same for those connections to the origins that `which` picks which were not made with
  /// what their `tls_source` gives now. Dials that are under way count as connections.
  virtual void RenewTls(const std::function<bool(const Origin&)>& which) = 0;
  /// Number of open connections, for tests and metrics.
  virtual std::size_t connections() const = 0;
  /// Finishes or, at the context's end, aborts what is in flight. Must be awaited before
  /// destruction.
  virtual async::Task<void> Close(const async::Context& context) = 0;
};

/// One per loop; used on that loop only.
std::unique_ptr<Client> MakeClient(async::Loop& loop, const ClientOptions& options = {});

}  // namespace http
