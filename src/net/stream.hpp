// Stream: one connected byte stream (TCP, Unix socket, or TLS over either) on one loop.
//
// Stands between the kernel and http/. Its operations never wait: they move what they can and say
// whether to wait for an edge of `watch()`. So a connection that is idle owns no buffer and no
// frame beyond its own, and a protocol layer is free to be a coroutine or a callback. Own loop's
// thread only.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "async/loop.hpp"
#include "async/task.hpp"
#include "async/wait.hpp"
#include "base/result.hpp"
#include "net/address.hpp"
#include "net/socket.hpp"

// OpenSSL's connection type, kept out of this header on purpose.
struct ssl_st;

namespace net {

class TlsContext;

enum class Io : unsigned char {
  kOk,          // `bytes` > 0 were moved
  kWouldBlock,  // wait for the edge, then try again
  kEof,         // the peer has ended its side (reads only)
  kError,       // the stream is broken; `error_number` is the errno or 0 for TLS faults
};
struct IoResult {
  Io status = Io::kError;
  std::size_t bytes = 0;
  int error_number = 0;
};

/// What TLS established; empty strings where it did not.
struct TlsPeer {
  std::string alpn;           // "h2", "http/1.1" or ""
  std::string uri_san;        // the only URI subject alternative name of the peer's certificate
  std::string version;        // "TLSv1.3"
  bool several_uris = false;  // the certificate has more of them
  bool resumed = false;       // an earlier session was taken up
};

class Stream {
 public:
  /// Takes a connected, non-blocking socket and registers it with `loop` (current thread). Sets
  /// TCP_NODELAY. kExhausted if the loop cannot watch one more.
  static base::Result<std::unique_ptr<Stream>> Open(async::Loop& loop, Socket socket);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Runs the TLS handshake in the given role. Fails with kTimeout at the context's deadline, with
  /// kUnauthenticated if the peer's certificate is refused, else kProtocol or kUnavailable; the
  /// message names the peer's address. Server side: `context` decides certificate and client
  /// checks. Client side: `server_name` is sent as SNI unless it is empty or an IP address.
  async::Task<base::Status> AcceptTls(const async::Context& context,
                                      std::shared_ptr<const TlsContext> tls);
  async::Task<base::Status> ConnectTls(const async::Context& context,
                                       std::shared_ptr<const TlsContext> tls,
                                       const std::string& server_name);

  /// Moves up to the buffer's size. kOk with a short count means that the socket was drained; the
  /// watch is told, so that `async::Readable` waits.
  IoResult Read(std::span<char> buffer);
  /// Looks at received bytes without taking them (plain streams only; protocol sniffing). A short
  /// look tells the watch like a short read, so that `async::Readable` waits for more bytes;
  /// whoever has seen enough goes on with Read at once, not with a wait.
  IoResult Peek(std::span<char> buffer);
  /// Writes from the pieces in order. May write less than all: then wait for `async::Writable` and
  /// offer the rest again, all of it or more, from the byte after the last one written (with TLS
  /// some of it may be encrypted already).
  IoResult Write(std::span<const iovec> pieces);
  IoResult Write(std::string_view data) {
    const iovec piece{const_cast<char*>(data.data()), data.size()};
    return Write(std::span(&piece, 1));
  }

  /// Ends our side (FIN, or close_notify and FIN); reading goes on.
  void ShutdownWrite();
  /// Ends both sides now; waits in flight are woken and see kEof or kError. Safe to call twice.
  void Abort();
  /// Makes the coming close send RST instead of FIN.
  void SetResetOnClose();

  async::FdWatch& watch() { return watch_; }
  const Address& local() const { return local_; }
  const Address& peer() const { return peer_; }
  bool is_tls() const { return ssl_ != nullptr; }
  const TlsPeer& tls_peer() const { return tls_peer_; }
  /// Why TLS broke after the handshake (a peer's alert, a bad record); "" if it did not.
  std::string tls_fault() const;
  /// That fault is the peer's refusal of our certificate. In TLS 1.3 a server judges it when the
  /// client's side of the handshake is done already.
  bool tls_certificate_refused() const;
  /// What the handshake was begun with; null without one.
  const TlsContext* tls_context() const { return tls_.get(); }

 private:
  Stream() = default;
  friend async::Task<base::Result<std::unique_ptr<Stream>>> Dial(const async::Context& context,
                                                                 const Address& address);

  static base::Result<std::unique_ptr<Stream>> Register(async::Loop& loop, Socket socket);
  void LearnAddresses();
  base::Status BeginTls(bool server);
  async::Task<base::Status> Handshake(const async::Context& context, bool server);
  IoResult ReadTls(std::span<char> buffer);
  IoResult WriteTls(std::span<const iovec> pieces);
  IoResult TlsFailure(int result);
  void SendCloseNotify();
  void FreeTls();

  Socket socket_;
  async::FdWatch watch_;
  ssl_st* ssl_ = nullptr;
  std::shared_ptr<const TlsContext> tls_;
  std::string tls_server_name_;  // clients, until the handshake begins
  TlsPeer tls_peer_;
  Address local_;
  Address peer_;
  bool aborted_ = false;
  bool tls_broken_ = false;  // a fatal TLS fault: nothing more may be sent
};

/// Connects to `address`. kUnreachable (refused, no route; message names the address) or
/// kTimeout/kCanceled by the context. Sets TCP_NODELAY.
async::Task<base::Result<std::unique_ptr<Stream>>> Dial(const async::Context& context,
                                                        const Address& address);

}  // namespace net
