// A request body that may not be longer than a limit: past it reading fails, as Dapr's own limit
// does. What is kept of it is told to the request's account, if there is one.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/body.hpp"
#include "http/exchange.hpp"

namespace api {

class LimitedBody final : public http::Body {
 public:
  /// `body` and `account` outlive this object; `account` may be null.
  LimitedBody(http::Body& body, std::size_t limit, http::BodyAccount* account)
      : body_(body), left_(limit), account_(account) {}

  Poll TryRead(std::string_view& chunk) override {
    if (exceeded_ || refused()) return Poll::kError;
    const Poll poll = body_.TryRead(chunk);
    if (poll == Poll::kEnd && account_) account_->Hold(kept_, true);
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
    if (refused()) return *account_->refusal();
    return exceeded_ ? base::Error(base::Kind::kTooLarge, "stream too large") : body_.error();
  }
  const http::Headers* trailers() const override { return body_.trailers(); }
  std::optional<std::string_view> Whole() override {
    const auto whole = body_.Whole();
    if (whole && whole->size() > left_) return std::nullopt;
    return whole;
  }
  std::optional<uint64_t> length() const override { return body_.length(); }
  bool Keep(uint64_t bytes) override {
    kept_ = bytes;
    return !account_ || account_->Hold(bytes, false);
  }
  bool exceeded() const { return exceeded_; }

 private:
  bool refused() const { return account_ && account_->refusal(); }
  http::Body& body_;
  std::size_t left_;
  uint64_t kept_ = 0;
  http::BodyAccount* const account_;
  bool exceeded_ = false;
};

}  // namespace api
