// The messages of CallLocalStream: how a body travels between two runtimes. Every gRPC message of
// the stream has an optional head (field 1, first message only) and an optional payload (field 2)
// with bytes of the body and a sequence number. Bodies are passed on in views: what lies in one
// piece is not copied.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "async/wait.hpp"
#include "base/result.hpp"
#include "http/body.hpp"
#include "http/exchange.hpp"

namespace blocks::invoke {

/// Bytes of a body in one message that we send. Receivers take any size within their message limit.
inline constexpr std::size_t kPayloadSize = 32 * 1024;

// --- writing -----------------------------------------------------------------------------------

/// Opens a gRPC message at the end of `out`; returns the position EndMessage needs.
std::size_t BeginMessage(std::string& out);
void EndMessage(std::string& out, std::size_t start);
/// Appends the payload field of an open message.
void AppendPayload(std::string& out, std::string_view data, uint64_t seq);
/// Appends a whole message with a payload of `size` bytes, except for these bytes: they follow.
void AppendPayloadHeader(std::string& out, std::size_t size, uint64_t seq);

/// A request stream as http::Client pulls it: the first message, made by the caller, then the body.
class FramedBody final : public http::Body {
 public:
  /// `source` may be null: then the first message is all. `next_seq` numbers its first piece.
  FramedBody(std::string first, http::Body* source, uint64_t next_seq)
      : buffer_(std::move(first)), source_(source), seq_(next_seq) {}

  Poll TryRead(std::string_view& chunk) override;
  void OnReady(async::Waiter* waiter) override {
    if (source_) source_->OnReady(waiter);
  }
  base::Error error() const override;
  std::optional<uint64_t> length() const override;
  /// Only the first message is kept.
  bool Rewind() override {
    first_ = first_ || !source_;
    return first_;
  }

 private:
  std::string buffer_;
  http::Body* source_;
  uint64_t seq_;
  std::string_view data_;     // of the source's chunk, not yet framed
  std::string_view current_;  // framed, its header handed out
  bool first_ = true;
};

// --- reading -----------------------------------------------------------------------------------

/// Cuts gRPC messages out of a body. A message that lies within one chunk is handed out as a view.
class MessageSource {
 public:
  enum class Poll : unsigned char { kMessage, kEnd, kPending, kError };

  MessageSource(http::Body& body, std::size_t max_message, bool gzip);
  /// The next message, valid until the next call.
  Poll Next(std::string_view& message);
  void OnReady(async::Waiter* waiter) { body_.OnReady(waiter); }
  /// After kError.
  base::Error error() const;
  /// True if all of the body has arrived and been handed out: no message follows.
  bool exhausted() const { return whole_ && started_ && rest_.empty() && !partial_; }
  /// Who is told of what is held of the body; null: nobody. Not owned.
  void set_account(http::BodyAccount* account) { account_ = account; }
  /// The reader keeps `bytes` of what it has got. False if that is too much; then error() says so.
  bool Keep(uint64_t bytes);
  /// True if all of the body had arrived when it was first looked at.
  bool whole() const { return whole_; }

 private:
  Poll Fail(base::Kind kind, std::string message);
  Poll Deliver(std::string_view frame, std::string_view& message);
  bool Hold(uint64_t bytes);

  http::Body& body_;
  const std::size_t max_message_;
  const bool gzip_;
  const bool whole_;
  bool started_ = false;   // the body has been asked for its first chunk
  bool partial_ = false;   // buffer_ holds the beginning of a message
  std::string_view rest_;  // of the current chunk
  std::string buffer_;
  std::string inflated_;
  std::optional<base::Error> error_;
  http::BodyAccount* account_ = nullptr;
  uint64_t kept_ = 0;
};

/// `co_await NextMessage(source, context)`: the next message, nothing at the end, or an error.
class NextMessage final : public async::WaitBase, async::Waiter {
 public:
  using Outcome = base::Result<std::optional<std::string_view>>;
  NextMessage(MessageSource& source, const async::Context& context);
  ~NextMessage() { Withdraw(); }
  bool await_ready() {
    poll_ = source_.Next(message_);
    return poll_ != MessageSource::Poll::kPending;
  }
  bool await_suspend(std::coroutine_handle<> self);
  Outcome await_resume();

 private:
  void Withdraw() override;
  void Fired();
  MessageSource& source_;
  MessageSource::Poll poll_ = MessageSource::Poll::kPending;
  std::string_view message_;
  bool hooked_ = false;
};

/// One message of either direction, taken apart. Views into the message.
struct StreamMessage {
  std::optional<std::string_view> head;
  std::optional<std::string_view> data;
  uint64_t seq = 0;
};
/// kInternal on malformed input.
base::Result<StreamMessage> ParseStreamMessage(std::string_view message);

/// The body that a sequence of messages carries, from the second message on. The source must
/// outlive it. What the end of the stream means is the derived class's.
class PayloadBody : public http::Body {
 public:
  /// `first` is the payload of the first message (it may be empty) and stays valid until the
  /// source's next call. `check_seq`: a number out of order is an error.
  PayloadBody(MessageSource& source, std::string_view first, uint64_t next_seq, bool check_seq)
      : source_(source), first_(first), next_seq_(next_seq), check_seq_(check_seq) {}

  Poll TryRead(std::string_view& chunk) override;
  void OnReady(async::Waiter* waiter) override { source_.OnReady(waiter); }
  base::Error error() const override;
  std::optional<std::string_view> Whole() override;
  std::optional<uint64_t> length() const override;
  bool Keep(uint64_t bytes) override;

  /// Declares the length; a body of another length is then an error.
  void set_length(uint64_t length) { length_ = length; }

 protected:
  /// The stream has ended cleanly as far as framing goes. An error here becomes the body's.
  virtual base::Status AtEnd() { return {}; }

 private:
  Poll Fail(base::Error error);
  MessageSource& source_;
  std::string_view first_;
  uint64_t next_seq_;
  const bool check_seq_;
  bool ended_ = false;
  uint64_t received_ = 0;
  std::optional<uint64_t> length_;
  std::optional<base::Error> error_;
};

/// A body that is all there, with trailers. `data` is the part of `storage` that is the body.
class BufferBody final : public http::Body {
 public:
  BufferBody() = default;
  explicit BufferBody(std::string storage) : BufferBody(std::move(storage), 0, std::string::npos) {}
  BufferBody(std::string storage, std::size_t begin, std::size_t size)
      : storage_(std::move(storage)), data_(std::string_view(storage_).substr(begin, size)) {}
  BufferBody(const BufferBody&) = delete;
  BufferBody& operator=(const BufferBody&) = delete;

  Poll TryRead(std::string_view& chunk) override {
    if (done_ || data_.empty()) return Poll::kEnd;
    chunk = data_;
    done_ = true;
    return Poll::kChunk;
  }
  void OnReady(async::Waiter*) override {}
  std::optional<std::string_view> Whole() override { return done_ ? std::string_view() : data_; }
  std::optional<uint64_t> length() const override { return data_.size(); }
  const http::Headers* trailers() const override {
    return trailers_.empty() ? nullptr : &trailers_;
  }
  void set_trailers(http::Headers trailers) { trailers_ = std::move(trailers); }
  bool Rewind() override {
    done_ = false;
    return true;
  }

 private:
  const std::string storage_;
  std::string_view data_;
  http::Headers trailers_;
  bool done_ = false;
};

}  // namespace blocks::invoke
