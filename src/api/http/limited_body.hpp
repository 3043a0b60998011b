// A request body that may not be longer than a limit: past it reading fails, as Dapr's own limit
// does.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/body.hpp"

namespace api {

class LimitedBody final : public http::Body {
 public:
  /// `body` outlives this object.
  LimitedBody(http::Body& body, std::size_t limit) : body_(body), left_(limit) {}

  Poll TryRead(std::string_view& chunk) override {
    if (exceeded_) return Poll::kError;
    const Poll poll = body_.TryRead(chunk);
    if (poll != Poll::kChunk) return poll;
    if (chunk.size() > left_) {
      exceeded_ = true;
      return Poll::kError;
    }
    left_ -= chunk.size();
    return poll;
  }
  void OnReady(async::Waiter* waiter) override { body_.OnReady(waiter); }
  base::Error error() const override {
    return exceeded_ ? base::Error(base::Kind::kTooLarge, "stream too large") : body_.error();
  }
  const http::Headers* trailers() const override { return body_.trailers(); }
  std::optional<std::string_view> Whole() override {
    const auto whole = body_.Whole();
    if (whole && whole->size() > left_) return std::nullopt;
    return whole;
  }
  std::optional<uint64_t> length() const override { return body_.length(); }
  bool exceeded() const { return exceeded_; }

 private:
  http::Body& body_;
  std::size_t left_;
  bool exceeded_ = false;
};

}  // namespace api
