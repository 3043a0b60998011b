#include "http/server.hpp"

#include <array>
#include <string_view>
#include <vector>

#include "http/server_core.hpp"

namespace http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum class Speaks : unsigned char { kHttp1, kHttp2, kNothing };

// Finds out by the first bytes, without taking them, which protocol a plaintext peer speaks.
async::Task<Speaks> Sniff(ServerCore& core, net::Stream& stream) {
  async::Context wait(core.loop.After(core.options.idle_timeout), &core.drain);
  bool begun = false;
  for (;;) {
    std::array<char, kPreface.size()> bytes;
    const net::IoResult result = stream.Peek(bytes);
    if (result.status == net::Io::kOk) {
      const std::string_view seen(bytes.data(), result.bytes);
      if (seen == kPreface || !kPreface.starts_with(seen)) {
        // The bytes are still there, and no edge will tell of them again.
        stream.watch().set_readable(true);
        co_return seen == kPreface ? Speaks::kHttp2 : Speaks::kHttp1;
      }
      if (!begun) {
        begun = true;
        wait = async::Context(core.loop.After(core.options.header_timeout), &core.drain);
      }
      if (stream.watch().hung_up()) co_return Speaks::kNothing;
      stream.watch().set_readable(false);
    } else if (result.status != net::Io::kWouldBlock) {
      co_return Speaks::kNothing;
    }
    if (co_await async::Readable(stream.watch(), wait) != async::Wake::kReady) {
      co_return Speaks::kNothing;
    }
  }
}

// Tells an HTTP/1 client in its own language that it came to the wrong port.
async::Task<void> RefuseHttp1(ServerCore& core, std::unique_ptr<net::Stream> stream) {
  // Whatever else it is would not understand an answer. Reading first makes the close orderly.
  std::array<char, 4096> dropped;
  const net::IoResult seen = stream->Read(dropped);
  if (seen.status != net::Io::kOk ||
      std::string_view(dropped.data(), seen.bytes).find(" HTTP/1") == std::string_view::npos) {
    co_return;
  }
  stream->Write(
      "HTTP/1.1 505 HTTP Version Not Supported\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "Content-Length: 37\r\n"
      "Connection: close\r\n\r\n"
      "this port speaks HTTP/2 (gRPC) only\r\n");
  stream->ShutdownWrite();
  const async::Context wait(core.loop.After(std::chrono::seconds(1)), &core.drain);
  while (core.loop.now() < wait.deadline) {
    const net::IoResult result = stream->Read(dropped);
    if (result.status == net::Io::kOk) {
      co_await async::Yield();
    } else if (result.status != net::Io::kWouldBlock ||
               co_await async::Readable(stream->watch(), wait) != async::Wake::kReady) {
      co_return;
    }
  }
}

async::Task<void> ServeOne(ServerCore& core, std::unique_ptr<net::Stream> stream,
                           std::shared_ptr<const net::TlsContext> tls, const void* tag) {
  Speaks speaks = Speaks::kNothing;
  if (tls) {
    const async::Context wait(core.loop.After(core.options.header_timeout), &core.drain);
    const uint64_t renewals = core.tls_renewals;
    const net::TlsContext* const used = tls.get();
    const base::Status done = co_await stream->AcceptTls(wait, std::move(tls));
    if (!done) {
      if (core.options.on_tls_failure) {
        core.options.on_tls_failure(stream->peer(), done.error(), tag);
      }
      co_return;
    }
    // Whom this handshake trusted may not be trusted any more.
    if (renewals != core.tls_renewals &&
        (!core.options.current_tls || core.options.current_tls(tag).get() != used)) {
      co_return;
    }
    const std::string& alpn = stream->tls_peer().alpn;
    // A client that names no protocol is taken for what the port is for.
    const bool http2 = alpn == "h2" || (alpn.empty() && !core.options.allow_http1);
    speaks = http2 ? Speaks::kHttp2 : Speaks::kHttp1;
  } else if (core.options.allow_http2) {
    speaks = co_await Sniff(core, *stream);
  } else {
    speaks = Speaks::kHttp1;
  }
  if (speaks == Speaks::kNothing) co_return;
  // A task of its own, so that this one's frame does not live as long as the connection.
  async::Gate& gate = core.connections;
  if (speaks == Speaks::kHttp2 && core.options.allow_http2) {
    ConnectionInfo info = Describe(*stream, tag);
    gate.Spawn(ServeHttp2(core, std::move(stream), std::move(info)));
  } else if (core.options.allow_http1) {
    gate.Spawn(ServeHttp1(core, std::move(stream), tag));
  } else {
    gate.Spawn(RefuseHttp1(core, std::move(stream)));
  }
}

class ServerImpl final : public Server {
 public:
  ServerImpl(async::Loop& loop, Handler& handler, const ServerOptions& options)
      : core_(loop, handler, options) {}

  void Serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<const net::TlsContext> tls,
             const void* tag) override {
    if (core_.draining.is_set()) return;
    core_.connections.Spawn(ServeOne(core_, std::move(stream), std::move(tls), tag));
  }
  void RenewTls(const std::function<bool(const void* tag)>& which) override {
    ++core_.tls_renewals;
    std::vector<TlsConnection*> picked;
    for (TlsConnection* connection : core_.tls_connections) {
      if (!which(connection->tag())) continue;
      const auto& current = core_.options.current_tls;
      if (!current || current(connection->tag()).get() != connection->tls()) {
        picked.push_back(connection);
      }
    }
    // One that is told may end, but not others.
    for (TlsConnection* connection : picked) connection->Renew();
  }
  std::size_t connections() const override { return core_.connections.size(); }
  std::size_t requests_in_flight() const override { return core_.in_flight; }

  async::Task<void> Drain(const async::Context& context) override {
    core_.last_request_by = core_.loop.After(core_.options.last_request_time);
    core_.draining.Set();
    core_.drain.Cancel();
    if (co_await core_.connections.Close(context)) co_return;
    core_.abort.Cancel();
    // Whoever is left has been cut off and is on its way out.
    const async::Context forever;
    co_await core_.connections.Close(forever);
  }

 private:
  ServerCore core_;
};

}  // namespace

ConnectionInfo Describe(const net::Stream& stream, const void* tag) {
  ConnectionInfo info;
  info.local = stream.local();
  info.peer = stream.peer();
  info.tls = stream.is_tls();
  if (info.tls) info.tls_peer = stream.tls_peer();
  info.listener_tag = tag;
  return info;
}

std::unique_ptr<Server> MakeServer(async::Loop& loop, Handler& handler,
                                   const ServerOptions& options) {
  return std::make_unique<ServerImpl>(loop, handler, options);
}

}  // namespace http
