// The receiving side of one HTTP/2 stream's body. What has arrived is kept until it is asked for;
// what was handed out is credited to the peer's window when the next piece is asked for. So a
// stream holds at most one window, and a reader that stops stops its peer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "http/body.hpp"

namespace http {

class Http2Session;

class Http2Body final : public Body {
 public:
  Http2Body() = default;
  Http2Body(const Http2Body&) = delete;
  Http2Body& operator=(const Http2Body&) = delete;
  ~Http2Body() override { Discard(); }

  // For the session.
  void Bind(Http2Session* session, int32_t id) {
    session_ = session;
    id_ = id;
  }
  /// The whole body, which came by another way than DATA frames and so opens no window.
  void Preload(std::string_view data);
  void set_length(uint64_t length) { length_ = length; }
  /// Data from the wire; dropped and credited at once after Discard.
  void Append(std::string_view data);
  void AddTrailer(std::string_view name, std::string_view value);
  void End() { ended_ = true; }
  /// The stream was cut. Ignored after End; what arrived before can still be read.
  void Fail(const base::Error& error);
  /// Wakes the reader, if one waits. Runs its code.
  void Notify();
  /// Nobody will read: drops what is here and whatever comes. The stream's window is not opened any
  /// more, so what comes is one window at most.
  void Discard();
  /// The connection has gone; no more credit to give.
  void Unbind() { session_ = nullptr; }

  bool ended() const { return ended_; }
  bool discarded() const { return discarded_; }
  /// Bytes that came after Discard.
  std::size_t unwanted() const { return unwanted_; }
  /// The reader has asked and found nothing.
  bool awaited() const { return waiter_ != nullptr; }
  std::size_t buffered() const { return arrived_.size() + handed_.size(); }

  Poll TryRead(std::string_view& chunk) override;
  void OnReady(async::Waiter* waiter) override { waiter_ = waiter; }
  base::Error error() const override;
  const Headers* trailers() const override { return trailers_.get(); }
  std::optional<std::string_view> Whole() override;
  std::optional<uint64_t> length() const override { return length_; }

 private:
  void Credit(std::size_t bytes);

  Http2Session* session_ = nullptr;
  async::Waiter* waiter_ = nullptr;
  std::string arrived_;
  std::string handed_;  // what the reader is looking at
  std::unique_ptr<Headers> trailers_;
  std::unique_ptr<base::Error> error_;
  std::optional<uint64_t> length_;
  std::size_t unwanted_ = 0;
  std::size_t preloaded_ = 0;  // bytes still to be taken that are not the windows'
  int32_t id_ = 0;
  bool ended_ = false;
  bool discarded_ = false;
  bool taken_ = false;  // a piece has been handed out
};

}  // namespace http
