// One HTTP/2 client connection with many streams (private to http/; used by client.cpp).
#pragma once

#include <memory>

#include "async/gate.hpp"
#include "async/wait.hpp"
#include "http/client.hpp"

namespace http {

/// Those who wait because every connection to an origin is full. Connections wake them in the order
/// in which they came, one for each place that becomes free, and all when a connection ends.
struct Http2Queue {
  async::Event room;
  std::size_t waiting = 0;
};

class Http2ClientConnection {
 public:
  virtual ~Http2ClientConnection() = default;
  /// Takes a connected stream (handshake done), sends the preface and starts reading in `gate`.
  /// `queue` may be null.
  static std::unique_ptr<Http2ClientConnection> Start(async::Gate& gate,
                                                      std::unique_ptr<net::Stream> stream,
                                                      const ClientOptions& options,
                                                      std::shared_ptr<Http2Queue> queue = nullptr);

  /// False once GOAWAY was seen, the connection failed or Shutdown was called.
  virtual bool usable() const = 0;
  virtual std::size_t streams() const = 0;
  /// How many more streams may be opened now (peer's and our limit).
  virtual std::size_t room() const = 0;
  /// Since when no stream is open; for the idle limit.
  virtual async::TimePoint idle_since() const = 0;

  struct Outcome {
    base::Result<Response> response;
    /// The peer certainly did not process the request (refused stream, GOAWAY below its id, never
    /// written) and its body is as it was or has been rewound: it may be sent again on another
    /// connection.
    bool unprocessed = false;
  };
  /// `head` must stay until the task ends.
  virtual async::Task<Outcome> Send(const async::Context& context, const RequestHead& head,
                                    Body* body, InterimObserver* interim) = 0;
  /// Finishes open streams (no new ones), then closes; or aborts now.
  virtual void Shutdown(bool abort) = 0;
  /// Set when the peer's SETTINGS have come, and with them its consent to the handshake, or the
  /// connection has ended.
  virtual async::Event& begun() = 0;
  /// Why the connection ended; for callers that saw it end.
  virtual base::Error end_reason() const = 0;
  /// What the TLS handshake was done with; null for plaintext.
  virtual const net::TlsContext* tls() const = 0;
  /// Set when the connection has ended and may be destroyed.
  virtual async::Event& closed() = 0;
};

}  // namespace http
