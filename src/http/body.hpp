// Bodies are pulled in chunks, by whoever needs them next. Not pulling is the back-pressure: a
// server connection stops reading its socket, an HTTP/2 stream gets no window. Nobody buffers a
// whole body unless the API needs the whole value, and then within a limit (ReadAll). Single loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "async/wait.hpp"
#include "async/waiter.hpp"
#include "base/result.hpp"
#include "http/headers.hpp"

namespace http {

class Body {
 public:
  enum class Poll : unsigned char {
    kChunk,    // `chunk` holds at least one byte
    kEnd,      // the body is complete; trailers() is final
    kPending,  // register with OnReady and try again when fired
    kError,    // error() says why; the body is over
  };
  virtual ~Body() = default;

  /// The next piece. Never waits. `chunk` stays valid until the next call on this body; asking for
  /// the next piece is what releases the last one (and its flow-control credit).
  virtual Poll TryRead(std::string_view& chunk) = 0;
  /// Fires `waiter` once when TryRead may have more to say; null withdraws. One waiter at a time.
  virtual void OnReady(async::Waiter* waiter) = 0;
  /// After kError.
  virtual base::Error error() const;
  /// After kEnd; null if there are none.
  virtual const Headers* trailers() const { return nullptr; }
  /// The whole body, if it has all arrived and lies in one piece; takes nothing. Valid until the
  /// next TryRead. An empty complete body gives an empty view. Lets a handler answer without
  /// waiting.
  virtual std::optional<std::string_view> Whole() { return std::nullopt; }
  /// The total length, if it is known before the end.
  virtual std::optional<uint64_t> length() const { return std::nullopt; }
  /// Who keeps what it has read says so first: how many bytes of this body that is by then. False
  /// if nobody may keep that many; then the body is over and error() says why.
  virtual bool Keep(uint64_t /*bytes*/) { return true; }
  /// Goes back to the first byte, for another try at sending it; pieces handed out before are no
  /// longer valid. False, and nothing changes, if what was read is not kept.
  virtual bool Rewind() { return false; }
};

/// A body that is all there. Owns its data unless made from a view that outlives it.
class StringBody final : public Body {
 public:
  StringBody() = default;
  explicit StringBody(std::string data) : owned_(std::move(data)), data_(owned_) {}
  static StringBody View(std::string_view data) {
    StringBody body;
    body.data_ = data;
    return body;
  }
  StringBody(StringBody&& other) noexcept
      : owned_(std::move(other.owned_)),
        data_(owned_.empty() ? other.data_ : std::string_view(owned_)),
        done_(other.done_) {}
  StringBody& operator=(StringBody&&) = delete;

  Poll TryRead(std::string_view& chunk) override {
    if (done_ || data_.empty()) return Poll::kEnd;
    chunk = data_;
    done_ = true;
    return Poll::kChunk;
  }
  void OnReady(async::Waiter*) override {}
  std::optional<std::string_view> Whole() override { return done_ ? std::string_view() : data_; }
  std::optional<uint64_t> length() const override { return data_.size(); }
  bool Rewind() override {
    done_ = false;
    return true;
  }

 private:
  std::string owned_;
  std::string_view data_;
  bool done_ = false;
};

/// A body written piece by piece by one coroutine and pulled by another, with a bounded buffer.
class PipeBody final : public Body {
 public:
  explicit PipeBody(std::size_t high_water = 64 * 1024) : high_water_(high_water) {}

  /// Appends a copy. Keep to `co_await Drain(context)` between writes so that the buffer stays
  /// small. Ignored after Close or Fail.
  void Write(std::string_view data);
  /// No more data; `trailers` are handed on.
  void Close(Headers trailers = {});
  /// The reader sees kError.
  void Fail(base::Error error);
  bool full() const { return buffered_.size() >= high_water_; }
  /// Waits until the buffer is below its mark. Fails with kCanceled when the reader has gone
  /// (Abandon), or by the context.
  async::Task<base::Status> Drain(const async::Context& context);
  /// The reader will not read on; wakes the writer.
  void Abandon();
  bool abandoned() const { return abandoned_; }

  Poll TryRead(std::string_view& chunk) override;
  void OnReady(async::Waiter* waiter) override { waiter_ = waiter; }
  base::Error error() const override;
  const Headers* trailers() const override;

 private:
  void Notify();
  const std::size_t high_water_;
  std::string buffered_;
  std::string handed_out_;
  bool closed_ = false;
  bool abandoned_ = false;
  std::optional<base::Error> error_;
  Headers trailers_;
  async::Waiter* waiter_ = nullptr;
  async::Event drained_;
};

/// `co_await NextChunk(body, context)`: the next piece, nothing at the end, or the body's error. On
/// kTimeout and kCanceled the body is untouched and may be read again.
class NextChunk final : public async::WaitBase, async::Waiter {
 public:
  using Outcome = base::Result<std::optional<std::string_view>>;
  NextChunk(Body& body, const async::Context& context);
  ~NextChunk();
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> self);
  Outcome await_resume();

 private:
  void Withdraw() override;
  void Fired();
  Body& body_;
  Body::Poll poll_ = Body::Poll::kPending;
  std::string_view chunk_;
  bool hooked_ = false;
};

/// Reads to the end into one string. kTooLarge ("stream too large") past `limit` bytes.
async::Task<base::Result<std::string>> ReadAll(Body& body, const async::Context& context,
                                               std::size_t limit);
/// The same when everything has already arrived: nullopt if it would have to wait, and then
/// `so_far` holds what was taken; pass it to the waiting form.
std::optional<base::Result<std::string>> TryReadAll(Body& body, std::size_t limit,
                                                    std::string& so_far);
async::Task<base::Result<std::string>> ReadRest(Body& body, const async::Context& context,
                                                std::size_t limit, std::string so_far);

}  // namespace http
