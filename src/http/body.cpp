#include "http/body.hpp"

#include "async/loop.hpp"

namespace http {
namespace {

base::Error TooLarge() {
  return base::Error(base::Kind::kTooLarge, "stream too large");
}

}  // namespace

base::Error Body::error() const {
  return base::Error(base::Kind::kInternal, "the body failed");
}

// --- PipeBody ----------------------------------------------------------------------------------

void PipeBody::Write(std::string_view data) {
  if (closed_ || error_ || abandoned_ || data.empty()) return;
  buffered_.append(data);
  Notify();
}

void PipeBody::Close(Headers trailers) {
  if (closed_ || error_) return;
  closed_ = true;
  trailers_ = std::move(trailers);
  Notify();
}

void PipeBody::Fail(base::Error error) {
  if (closed_ || error_) return;
  error_ = std::move(error);
  Notify();
}

void PipeBody::Notify() {
  if (async::Waiter* waiter = std::exchange(waiter_, nullptr)) waiter->fire(waiter);
}

async::Task<base::Status> PipeBody::Drain(const async::Context& context) {
  while (full() && !abandoned_) {
    const async::Wake wake = co_await drained_.Wait(context);
    if (wake == async::Wake::kReady) continue;
    if (wake == async::Wake::kTimeout) {
      co_return base::Fail(base::Kind::kTimeout, "the reader of a stream took no data in time");
    }
    co_return base::Fail(base::Kind::kCanceled, "canceled while a stream was being written");
  }
  if (abandoned_) {
    co_return base::Fail(base::Kind::kCanceled, "the reader of a stream has gone");
  }
  co_return base::Status();
}

void PipeBody::Abandon() {
  abandoned_ = true;
  buffered_ = std::string();
  drained_.Pulse();
}

Body::Poll PipeBody::TryRead(std::string_view& chunk) {
  handed_out_.clear();
  if (!buffered_.empty()) {
    handed_out_.swap(buffered_);
    chunk = handed_out_;
    // The writer runs inside this call; what it writes goes to the other buffer.
    drained_.Pulse();
    return Poll::kChunk;
  }
  if (error_) return Poll::kError;
  if (closed_) return Poll::kEnd;
  return Poll::kPending;
}

base::Error PipeBody::error() const {
  return error_ ? *error_ : Body::error();
}

const Headers* PipeBody::trailers() const {
  return closed_ && !trailers_.empty() ? &trailers_ : nullptr;
}

// --- NextChunk ---------------------------------------------------------------------------------

NextChunk::NextChunk(Body& body, const async::Context& context)
    : WaitBase(context),
      Waiter([](async::Waiter* waiter) { static_cast<NextChunk*>(waiter)->Fired(); }),
      body_(body) {}

NextChunk::~NextChunk() {
  Withdraw();
}

bool NextChunk::await_ready() {
  poll_ = body_.TryRead(chunk_);
  return poll_ != Body::Poll::kPending;
}

bool NextChunk::await_suspend(std::coroutine_handle<> self) {
  if (!Suspend(self)) return false;
  hooked_ = true;
  body_.OnReady(this);
  return true;
}

void NextChunk::Fired() {
  poll_ = body_.TryRead(chunk_);
  if (poll_ == Body::Poll::kPending) {
    body_.OnReady(this);
    return;
  }
  hooked_ = false;
  Finish(async::Wake::kReady);
}

NextChunk::Outcome NextChunk::await_resume() {
  hooked_ = false;
  switch (poll_) {
    case Body::Poll::kChunk:
      return std::optional(chunk_);
    case Body::Poll::kEnd:
      return std::optional<std::string_view>();
    case Body::Poll::kError:
      return std::unexpected(body_.error());
    case Body::Poll::kPending:
      break;
  }
  if (wake_ == async::Wake::kTimeout) {
    return base::Fail(base::Kind::kTimeout, "the body did not arrive in time");
  }
  return base::Fail(base::Kind::kCanceled, "canceled while a body was being read");
}

void NextChunk::Withdraw() {
  if (std::exchange(hooked_, false)) body_.OnReady(nullptr);
}

// --- ReadAll -----------------------------------------------------------------------------------

std::optional<base::Result<std::string>> TryReadAll(Body& body, std::size_t limit,
                                                    std::string& so_far) {
  if (const auto length = body.length()) {
    if (*length > limit) return std::unexpected(TooLarge());
    so_far.reserve(static_cast<std::size_t>(*length));
  }
  std::string_view chunk;
  for (;;) {
    switch (body.TryRead(chunk)) {
      case Body::Poll::kChunk:
        if (chunk.size() > limit - so_far.size()) return std::unexpected(TooLarge());
        if (!body.Keep(so_far.size() + chunk.size())) return std::unexpected(body.error());
        so_far.append(chunk);
        break;
      case Body::Poll::kEnd:
        return base::Result<std::string>(std::move(so_far));
      case Body::Poll::kError:
        return std::unexpected(body.error());
      case Body::Poll::kPending:
        return std::nullopt;
    }
  }
}

async::Task<base::Result<std::string>> ReadRest(Body& body, const async::Context& context,
                                                std::size_t limit, std::string so_far) {
  for (;;) {
    auto chunk = co_await NextChunk(body, context);
    if (!chunk) co_return std::unexpected(std::move(chunk).error());
    if (!*chunk) co_return std::move(so_far);
    if (so_far.size() > limit || (*chunk)->size() > limit - so_far.size()) {
      co_return std::unexpected(TooLarge());
    }
    if (!body.Keep(so_far.size() + (*chunk)->size())) co_return std::unexpected(body.error());
    so_far.append(**chunk);
  }
}

async::Task<base::Result<std::string>> ReadAll(Body& body, const async::Context& context,
                                               std::size_t limit) {
  std::string so_far;
  if (auto done = TryReadAll(body, limit, so_far)) co_return std::move(*done);
  co_return co_await ReadRest(body, context, limit, std::move(so_far));
}

}  // namespace http
