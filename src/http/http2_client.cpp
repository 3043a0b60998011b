// One HTTP/2 connection of a client: Http2ClientConnection.
#include "http/http2_client.hpp"

#include <chrono>
#include <memory>
#include <utility>

#include "http/http2_client_session.hpp"
#include "http/http2_connection.hpp"

namespace http {
namespace {

constexpr std::chrono::milliseconds kClocksApart(5);

class ClientConnection final : public Http2ClientConnection, public Http2Connection {
 public:
  ClientConnection(std::unique_ptr<net::Stream> stream, const ClientOptions& options,
                   std::shared_ptr<Http2Queue> queue)
      : Http2Connection(std::move(stream), TimesOf(options)),
        session_(loop(), *this, options, Http2Connection::stream().peer().ToString()),
        queue_(std::move(queue)) {}

  void Open(async::Gate& gate) {
    Begin(session_);
    if (!gate.Spawn(Guard(*this, gate))) Shutdown(true);
  }

  bool usable() const override {
    return !leaving_ && !ended() && !session_.lost() && !session_.going_away() &&
           !session_.finished();
  }
  std::size_t streams() const override { return session_.open_streams(); }
  std::size_t room() const override { return leaving_ ? 0 : session_.room(); }
  async::TimePoint idle_since() const override { return session_.idle_since(); }

  async::Task<Outcome> Send(const async::Context& context, const RequestHead& head, Body* body,
                            InterimObserver* interim) override {
    if (!usable()) {
      co_return Outcome{base::Fail(base::Kind::kUnavailable, session_.Describe("is closing")),
                        true};
    }
    if (session_.room() == 0) {
      co_return Outcome{
          base::Fail(base::Kind::kUnavailable, session_.Describe("has no stream left")), true};
    }
    auto stream = std::make_unique<Http2ClientStream>(session_, body, interim);
    WatchPeer();
    if (!session_.Submit(*stream, head)) {
      leaving_ = true;
      const bool touched = stream->body_touched();
      stream.reset();
      co_return Outcome{
          base::Fail(base::Kind::kUnavailable, session_.Describe("has used up its streams")),
          !touched || body->Rewind()};
    }
    // From here on the connection may go; the stream stays.
    const async::Wake wake = co_await stream->answered().Wait(context);
    if (wake == async::Wake::kTimeout) {
      co_return Outcome{base::Fail(base::Kind::kTimeout, "no response in time"), false};
    }
    if (wake == async::Wake::kCanceled) {
      co_return Outcome{base::Fail(base::Kind::kCanceled, "the request was canceled"), false};
    }
    if (stream->failure()) {
      const bool unprocessed = stream->unprocessed() && (!stream->body_touched() || body->Rewind());
      base::Error failure = *stream->failure();
      // A server that was told of the deadline may end the call by itself, and a little earlier
      // than this clock does.
      if (failure.kind == base::Kind::kCanceled &&
          context.deadline <= async::Clock::now() + kClocksApart) {
        failure.kind = base::Kind::kTimeout;
      }
      co_return Outcome{base::Fail(std::move(failure)), unprocessed};
    }
    Response response{std::move(stream->head()), nullptr};
    response.body = std::move(stream);
    co_return Outcome{std::move(response), false};
  }

  void Shutdown(bool abort) override {
    leaving_ = true;
    if (abort) {
      EndSoon(base::Error(base::Kind::kCanceled, session_.Describe("was shut down")));
    } else {
      RequestTurn();
    }
  }
  async::Event& begun() override { return begun_; }
  base::Error end_reason() const override {
    if (fault()) return *fault();
    return base::Error(base::Kind::kUnavailable, session_.Describe("was closed"));
  }
  const net::TlsContext* tls() const override { return Http2Connection::stream().tls_context(); }
  async::Event& closed() override { return closed_; }

 private:
  static Times TimesOf(const ClientOptions& options) {
    return {.keepalive_interval = options.keepalive_interval,
            .keepalive_timeout = options.keepalive_timeout,
            .keepalive_without_streams = false};
  }

  /// Stands for the connection in the gate, so that closing the gate ends it.
  static async::Task<void> Guard(ClientConnection& connection, async::Gate& gate) {
    const async::Context context = gate.context();
    if (co_await connection.closed_.Wait(context) == async::Wake::kReady) co_return;
    connection.Shutdown(true);
    co_await connection.closed_.Wait(async::Context());
  }

  async::TimePoint Check(async::TimePoint) override { return async::kForever; }

  void OnSettled() override {
    if (!begun_.is_set() && session_.greeted()) begun_.Set();
    if (queue_) {
      // Each takes a place, here or elsewhere, or gives up.
      for (auto left = queue_->waiting; left != 0 && usable() && room() != 0; --left) {
        queue_->room.PulseOne();
      }
    }
    if (!leaving_ || session_.open_streams() != 0) return;
    session_.Leave();
    CloseWhenFlushed();
  }

  void OnEnded() override {
    const auto queue = std::move(queue_);
    begun_.Set();
    closed_.Set();  // *this may be gone
    if (queue) queue->room.Pulse();
  }

  Http2ClientSession session_;
  std::shared_ptr<Http2Queue> queue_;
  async::Event begun_;
  async::Event closed_;
  bool leaving_ = false;
};

}  // namespace

std::unique_ptr<Http2ClientConnection> Http2ClientConnection::Start(
    async::Gate& gate, std::unique_ptr<net::Stream> stream, const ClientOptions& options,
    std::shared_ptr<Http2Queue> queue) {
  auto connection =
      std::make_unique<ClientConnection>(std::move(stream), options, std::move(queue));
  connection->Open(gate);
  return connection;
}

}  // namespace http
