// One request and its answer over HTTP/1.1 (private to http/). Recycled: idle connections own none.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/exchange.hpp"
#include "http/http1_chunked.hpp"
#include "http/http1_connection.hpp"
#include "http/http1_parser.hpp"
#include "http/http1_writer.hpp"

namespace http {

class Http1Exchange final : public Exchange {
 public:
  /// From the thread's free list or new, ready to read a head.
  static std::unique_ptr<Http1Exchange> Make(Http1Connection& connection);
  static void Recycle(std::unique_ptr<Http1Exchange> exchange);

  /// Gets ready for the next head.
  void Reset();
  /// Takes what it can of the head from the connection's input.
  ParseState TakeHead();
  const HeadParser& parser() const { return parser_; }
  /// The head is complete; the handler comes next.
  void Begin();

  Body& body() override { return body_; }
  const ConnectionInfo& connection() const override { return connection_->info; }
  void Inform(const ResponseHead& head) override;
  void Respond(const ResponseHead& head, std::string_view body) override;
  void Start(const ResponseHead& head) override;
  void Write(std::string_view data) override;
  void Finish(const Headers* trailers) override;
  void Abort() override;
  bool congested() const override {
    return connection_->pending() > connection_->core.options.write_high_water;
  }
  async::Task<base::Status> Drain(const async::Context& context) override;

  /// A plain-text answer of the engine's own, after which the connection closes.
  void Refuse(int status, std::string_view detail);

  /// While set, the connection's coroutine will flush; otherwise the end of the turn does.
  void set_flushed_by_caller(bool value) { flushed_by_caller_ = value; }
  bool close() const { return close_; }
  bool aborted() const { return aborted_; }
  /// The end of the response is marked by the connection's end, so an orderly end would lie.
  bool close_delimited() const { return framing_ == SendFraming::kClose; }

  bool body_done() const { return body_.done(); }
  bool body_failed() const { return body_.failed(); }
  bool body_timed_out() const { return body_.timed_out(); }
  /// Wakes a reader of the body; false if none waits.
  bool WakeReader() { return body_.Wake(); }
  bool chunk_lent() const { return body_.lent(); }
  void StopReading() { body_.OnReady(nullptr); }
  /// Takes body bytes that are here already and drops them; for short bodies nobody read.
  bool DiscardReceived();
  /// The connection broke: tells everybody.
  void PeerGone();

 private:
  class RequestBody final : public Body {
   public:
    explicit RequestBody(Http1Exchange& owner) : owner_(owner), stall_(this) {}
    void Clear() { state_ = State::kEnd; }
    void Begin(const Framing& framing);
    Poll TryRead(std::string_view& chunk) override;
    void OnReady(async::Waiter* waiter) override;
    base::Error error() const override;
    const Headers* trailers() const override {
      return state_ == State::kEnd && !trailers_.empty() ? &trailers_ : nullptr;
    }
    std::optional<std::string_view> Whole() override;
    std::optional<uint64_t> length() const override;

    bool done() const { return state_ == State::kEnd; }
    bool failed() const { return state_ == State::kFailed; }
    bool timed_out() const { return failed() && kind_ == base::Kind::kTimeout; }
    bool lent() const { return lent_ > 0 || shown_; }
    bool Wake();
    void Fail(base::Kind kind, std::string_view message);
    /// True if what is left of the body cannot or should not be read to keep the connection.
    bool Hopeless() const;

   private:
    enum class State : unsigned char { kLength, kChunked, kEnd, kFailed };
    struct StallTimer : async::Timer {
      explicit StallTimer(RequestBody* body);
      RequestBody* body;
    };
    void Release();
    Poll End();

    Http1Exchange& owner_;
    State state_ = State::kEnd;
    bool expect_ = false;  // the peer waits for 100 before it sends
    uint64_t total_ = 0;
    uint64_t left_ = 0;
    uint64_t received_ = 0;
    std::size_t lent_ = 0;  // bytes of the input that the reader still looks at
    bool shown_ = false;    // the reader looks at all of it through Whole
    ChunkDecoder decoder_;
    Headers trailers_;
    base::Kind kind_ = base::Kind::kProtocol;
    std::string_view fault_;
    async::Waiter* waiter_ = nullptr;
    StallTimer stall_;

    friend class Http1Exchange;
  };

  Http1Exchange() : body_(*this) {}
  std::string& out() { return connection_->out(); }
  SendOptions Options(const ResponseHead& head);
  void SendBody(std::string_view data, std::string_view suffix);
  void Sent();

  Http1Connection* connection_ = nullptr;
  HeadParser parser_;
  RequestBody body_;
  SendFraming framing_ = SendFraming::kNone;
  uint64_t left_ = 0;  // of a declared length
  bool head_only_ = false;
  bool no_body_ = false;
  bool close_ = false;
  bool aborted_ = false;
  bool flushed_by_caller_ = false;
};

}  // namespace http
