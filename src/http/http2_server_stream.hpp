// One request over HTTP/2: the Exchange that the handler sees and the Http2Stream that the session
// sees. Owned by the session; lives until nghttp2 has forgotten the stream and the handler has
// returned.
#pragma once

#include <optional>
#include <string>

#include "async/wait.hpp"
#include "http/exchange.hpp"
#include "http/http2_stream.hpp"

namespace http {

class Http2ServerSession;

class Http2ServerStream final : public Exchange, public Http2Stream {
 public:
  static void* operator new(std::size_t size) { return async::FramePool::Allocate(size); }
  static void operator delete(void* memory, std::size_t size) {
    async::FramePool::Free(memory, size);
  }

  explicit Http2ServerStream(Http2ServerSession& session);
  ~Http2ServerStream() override;

  Body& body() override { return reader_; }
  const ConnectionInfo& connection() const override;
  void Inform(const ResponseHead& head) override;
  void Respond(const ResponseHead& head, std::string_view body) override;
  void Start(const ResponseHead& head) override;
  void Write(std::string_view data) override;
  void Finish(const Headers* trailers) override;
  using Exchange::Finish;
  void Abort() override;
  bool congested() const override;
  async::Task<base::Status> Drain(const async::Context& context) override;

 private:
  friend class Http2ServerSession;

  /// The request body; asks for it first where the client waits for that.
  class Reader final : public Body {
   public:
    explicit Reader(Http2ServerStream& stream) : stream_(stream) {}
    Poll TryRead(std::string_view& chunk) override;
    void OnReady(async::Waiter* waiter) override { stream_.in_.OnReady(waiter); }
    base::Error error() const override { return stream_.in_.error(); }
    const Headers* trailers() const override { return stream_.in_.trailers(); }
    std::optional<std::string_view> Whole() override { return stream_.in_.Whole(); }
    std::optional<uint64_t> length() const override { return stream_.in_.length(); }

   private:
    Http2ServerStream& stream_;
  };

  Http2ServerSession& session() const;
  Piece NextPiece(std::size_t max) override;
  void CopyPiece(std::size_t size, std::string& out) override;
  bool Perform(uint8_t work) override;
  void NoteClosed(uint32_t error_code) override;
  void NoteEndSent() override;
  void NoteLost(const base::Error& error) override;

  void OnHead();
  /// The handler has returned.
  void OnHandled();
  /// Cuts the stream for a stall. `now` against the session's limits.
  void CheckStalls(async::TimePoint now);
  std::size_t unsent() const { return out_.size() - out_at_; }
  bool has_output() const { return unsent() != 0; }
  /// Nobody will take the rest of the response.
  void DropOutput();
  bool CanSend() const { return open_ && !finished_; }
  void SubmitHead(const ResponseHead& head, bool end, std::optional<std::size_t> length);
  /// True if all is said and the peer sends on.
  bool Overdue() const { return open_ && handled_ && end_sent_ && !cut_ && !remote_ended(); }
  /// Tells the peer to stop sending a request that has been answered (RFC 9113, section 8.1).
  void RefuseRest();

  Reader reader_{*this};
  std::string out_;
  std::size_t out_at_ = 0;
  std::unique_ptr<Headers> out_trailers_;
  std::optional<uint64_t> promised_;  // Content-Length of a streamed response
  async::Event drained_;
  async::TimePoint last_in_;
  async::TimePoint last_out_;
  bool parked_ = false;    // waits for the connection's output to drain before it is handled
  bool running_ = false;   // the handler has been called and has not returned
  bool handled_ = false;   // it has returned, or was never to be called
  bool bodyless_ = false;  // HEAD, 204, 304: no DATA frames
  bool end_sent_ = false;
  bool cut_ = false;  // reset, by either side, or lost
  bool grpc_ = false;
  bool expects_continue_ = false;
  bool too_large_ = false;
};

}  // namespace http
