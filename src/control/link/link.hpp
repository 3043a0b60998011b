// Parts of a connection that is kept up: where the service is, pauses between
// attempts, and troubles that are told once instead of at every attempt. Single
// loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/gate.hpp"
#include "async/task.hpp"
#include "base/result.hpp"
#include "grpc/status.hpp"
#include "http/client.hpp"

namespace grpc {
class ClientStream;
}

namespace control {

/// Where a service is now and with which TLS it is to be spoken to; asked
/// before each connection, so that names are looked up anew and a renewed
/// certificate is used. May be empty.
using Locate =
    std::function<async::Task<base::Result<std::vector<http::Origin>>>(const async::Context&)>;

struct HostPort {
  std::string host;
  uint16_t port = 0;
};
/// "host:port". The error says what is wrong with the address, not whose it is.
base::Result<HostPort> SplitAddress(std::string_view address);

/// Origins of the addresses that a host name stands for, over HTTP/2; `tls` may
/// be null.
std::vector<http::Origin> OriginsOf(const HostPort& place,
                                    const std::vector<net::Address>& addresses,
                                    std::shared_ptr<const net::TlsSource> tls);

/// Pauses that grow by half each time, with jitter, up to a cap.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most)
      : first_(first), most_(most), next_(first) {}
  /// About how long the next pause is.
  std::chrono::milliseconds next() const { return next_; }
  std::chrono::milliseconds most() const { return most_; }
  /// Waits, or until the context ends; the next pause is a longer one.
  async::Task<void> Pause(const async::Context& context);
  void Reset() { next_ = first_; }

 private:
  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds most_;
  std::chrono::milliseconds next_;
};

/// Which troubles are worth a line: a new one, and one that goes on each
/// minute.
class Troubles {
 public:
  bool Worth(std::string_view what);
  /// All is well. True if there was something.
  bool Over();

 private:
  std::string last_;
  async::TimePoint told_{};
};

/// Opens a stream that has no end of its own; the peer must answer within
/// `patience`. A deadline in the context would go along with the call, and the
/// peer would end the stream by it.
async::Task<base::Status> OpenWithin(grpc::ClientStream& stream, const async::Context& context,
                                     async::Duration patience);

/// What ended a stream, as an error; `who` for the case that it ended in good
/// order.
base::Error StreamEnd(const grpc::Status& status, std::string_view who);

/// Ends sessions: all when the gate closes, the current one whenever it must
/// begin anew.
class Interrupt {
 public:
  explicit Interrupt(async::Gate& gate) : at_close_(*this) { at_close_.HookInto(gate.token()); }
  /// Ends the waits of the sessions that have a token. Those that take one
  /// later are not meant.
  void Fire() { std::exchange(token_, std::make_shared<async::CancelToken>())->Cancel(); }
  /// A session keeps it for as long as it makes contexts with it.
  const std::shared_ptr<async::CancelToken>& token() const { return token_; }

 private:
  struct AtClose final : async::CancelHook {
    explicit AtClose(Interrupt& interrupt)
        : async::CancelHook(
              [](async::CancelHook* hook) { static_cast<AtClose*>(hook)->interrupt.Fire(); }),
          interrupt(interrupt) {}
    Interrupt& interrupt;
  };
  std::shared_ptr<async::CancelToken> token_ = std::make_shared<async::CancelToken>();
  AtClose at_close_;
};

}  // namespace control
