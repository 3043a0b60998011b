#include "http/http2_body.hpp"

#include <algorithm>
#include <utility>

#include "http/http2_session.hpp"

namespace http {
namespace {
// A stream that waits for more must not sit on the memory of its busiest moment.
constexpr std::size_t kKeptCapacity = 4 * 1024;
}  // namespace

void Http2Body::Credit(std::size_t bytes) {
  const std::size_t free = std::min(preloaded_, bytes);
  preloaded_ -= free;
  bytes -= free;
  if (session_ && bytes != 0) session_->Consumed(id_, bytes, !ended_ && !discarded_);
}

void Http2Body::Preload(std::string_view data) {
  arrived_.assign(data);
  preloaded_ = data.size();
  ended_ = true;
}

void Http2Body::Append(std::string_view data) {
  if (session_) session_->Kept(data.size());
  if (discarded_) {
    unwanted_ += data.size();
    Credit(data.size());
    return;
  }
  arrived_.append(data);
}

void Http2Body::AddTrailer(std::string_view name, std::string_view value) {
  if (!trailers_) trailers_ = std::make_unique<Headers>();
  trailers_->Add(name, value);
}

void Http2Body::Fail(const base::Error& error) {
  if (!ended_ && !error_) error_ = std::make_unique<base::Error>(error);
}

void Http2Body::Notify() {
  if (async::Waiter* waiter = std::exchange(waiter_, nullptr)) waiter->fire(waiter);
}

void Http2Body::Discard() {
  discarded_ = true;
  Credit(buffered());
  std::string().swap(arrived_);
  std::string().swap(handed_);
}

Body::Poll Http2Body::TryRead(std::string_view& chunk) {
  if (!handed_.empty()) {
    const std::size_t bytes = handed_.size();
    handed_.clear();
    Credit(bytes);
  }
  if (!arrived_.empty()) {
    handed_.swap(arrived_);
    taken_ = true;
    chunk = handed_;
    return Poll::kChunk;
  }
  if (ended_) return Poll::kEnd;
  if (error_) return Poll::kError;
  if (handed_.capacity() > kKeptCapacity) std::string().swap(handed_);
  if (arrived_.capacity() > kKeptCapacity) std::string().swap(arrived_);
  return Poll::kPending;
}

std::optional<std::string_view> Http2Body::Whole() {
  if (!ended_ || taken_ || discarded_) return std::nullopt;
  return arrived_;
}

base::Error Http2Body::error() const {
  return error_ ? *error_ : base::Error(base::Kind::kInternal, "the body did not fail");
}

}  // namespace http
