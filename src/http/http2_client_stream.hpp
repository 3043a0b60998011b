// One request over an HTTP/2 client connection: the waiting caller, the request body being pulled,
// and the response body. The caller owns it, first in Send's frame and then as Response::body;
// destroying it before the end resets the stream. It may outlive its session.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/wait.hpp"
#include "http/client.hpp"
#include "http/http2_stream.hpp"

namespace http {

class Http2ClientSession;

class Http2ClientStream final : public Body, public Http2Stream {
 public:
  static void* operator new(std::size_t size) { return async::FramePool::Allocate(size); }
  static void operator delete(void* memory, std::size_t size) {
    async::FramePool::Free(memory, size);
  }

  /// `body` and `interim` may be null and must outlive the stream.
  Http2ClientStream(Http2ClientSession& session, Body* body, InterimObserver* interim);
  ~Http2ClientStream() override;

  /// Set when head() or failure() says how the request went.
  async::Event& answered() { return answered_; }
  ResponseHead& head() { return head_; }
  const std::optional<base::Error>& failure() const { return failure_; }
  /// The peer certainly did nothing.
  bool unprocessed() const { return refused_; }
  /// Something of the request body has been taken.
  bool body_touched() const { return body_touched_; }

  /// The response's body.
  Poll TryRead(std::string_view& chunk) override { return in_.TryRead(chunk); }
  void OnReady(async::Waiter* waiter) override { in_.OnReady(waiter); }
  base::Error error() const override { return in_.error(); }
  const Headers* trailers() const override { return in_.trailers(); }
  std::optional<std::string_view> Whole() override { return in_.Whole(); }
  std::optional<uint64_t> length() const override { return in_.length(); }

 private:
  friend class Http2ClientSession;
  struct BodyReady : async::Waiter {
    explicit BodyReady(Http2ClientStream* stream);
    Http2ClientStream* stream;
  };

  Piece NextPiece(std::size_t max) override;
  void CopyPiece(std::size_t size, std::string& out) override;
  bool Perform(uint8_t work) override;
  void NoteClosed(uint32_t error_code) override;
  void NoteHeadSent() override { head_written_ = true; }
  void NoteEndSent() override { end_sent_ = true; }
  void NoteLost(const base::Error& error) override;

  /// Takes what the request body has, as far as one DATA frame needs it. Runs the body's code.
  void Pull();
  /// Lets go of the request body.
  void DropBody();
  void Fail(base::Error error);
  /// Nothing to send but the head.
  bool EmptyRequest() const { return !body_ && unsent() == 0 && !body_trailers_; }
  std::size_t unsent() const { return copied_.size() - copied_at_ + view_.size(); }

  Body* body_;
  InterimObserver* const interim_;
  BodyReady body_ready_{this};
  bool waiting_for_body_ = false;
  bool body_touched_ = false;
  bool end_sent_ = false;
  bool final_ = false;  // head() is the final head
  bool refused_ = false;
  bool head_written_ = false;
  std::unique_ptr<Headers> body_trailers_;
  std::string copied_;  // small pieces of the request body, gathered
  std::size_t copied_at_ = 0;
  std::string_view view_;  // a large piece, still the body's
  ResponseHead head_;
  std::vector<ResponseHead> interims_;
  std::optional<base::Error> failure_;
  async::Event answered_;
  bool* gone_ = nullptr;  // told when *this is destroyed under Perform
};

}  // namespace http
