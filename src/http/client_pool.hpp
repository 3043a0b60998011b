// What a client keeps for one origin: its connections of either protocol (private to http/; used by
// client.cpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "http/client.hpp"
#include "http/http1_client.hpp"
#include "http/http2_client.hpp"

namespace http {

struct OriginHash {
  std::size_t operator()(const Origin& origin) const {
    const std::hash<std::string_view> hash;
    const std::string_view address(reinterpret_cast<const char*>(origin.address.data()),
                                   origin.address.size());
    return hash(address) ^ (hash(origin.server_name) * 3) ^
           static_cast<std::size_t>(origin.protocol);
  }
};

// Everything that belongs to one origin. Goes when nothing of it is in use.
struct ClientPool {
  ClientPool(const Origin& origin, const ClientOptions& options) : origin(origin), http1(options) {}
  bool unused() const { return users == 0 && !dialing && http1.empty() && http2.empty(); }

  struct Http2 {
    std::unique_ptr<Http2ClientConnection> connection;
    std::size_t users = 0;  // calls of Send, and the dial
    bool ready = false;     // dialed; for requests
  };

  const Origin origin;
  std::size_t users = 0;  // calls of Send
  Http1Pool http1;
  std::vector<std::unique_ptr<Http2>> http2;
  const std::shared_ptr<Http2Queue> queue = std::make_shared<Http2Queue>();
  // One dial at a time serves all who wait for it.
  bool dialing = false;
  uint64_t dials = 0;
  std::optional<base::Error> dial_error;
  async::Event dialed;
};

struct InUse {
  explicit InUse(std::size_t& count, async::Event* quiet = nullptr) : count(count), quiet(quiet) {
    ++count;
  }
  ~InUse() {
    --count;
    if (quiet) quiet->Pulse();
  }
  InUse(const InUse&) = delete;
  std::size_t& count;
  async::Event* quiet;
};

// The right to one connection until a connection takes it over.
class Http1Permit {
 public:
  explicit Http1Permit(Http1Pool& pool) : pool_(&pool) {}
  Http1Permit(const Http1Permit&) = delete;
  ~Http1Permit() {
    if (pool_) pool_->Release();
  }
  void PassOn() { pool_ = nullptr; }

 private:
  Http1Pool* pool_;
};

/// Why a wait for `what` (some text before the address) ended without result.
base::Error EndOfWait(async::Wake wake, std::string_view what, const Origin& origin);

/// Why a closing client sends nothing.
base::Error ClientClosing();

/// What a connection to the origin is to be made with now; null for plaintext.
base::Result<std::shared_ptr<const net::TlsContext>> TlsOf(const Origin& origin);

/// Connects and, with `tls`, does the handshake; both until `until` and `closing` is canceled.
/// Failures to get a connection are kUnreachable, or kTimeout if the context's own deadline has
/// passed.
async::Task<base::Result<std::unique_ptr<net::Stream>>> Connect(
    const async::Context& context, const Origin& origin, std::shared_ptr<const net::TlsContext> tls,
    async::TimePoint until, async::CancelToken& closing);

}  // namespace http
