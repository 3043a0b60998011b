// The body of a request over HTTP/1.1: read from the socket when the handler asks for more.
#include "http/http1_exchange.hpp"

namespace http {
namespace {

// What is left of a body nobody wants is read off the connection up to this; beyond, closing is
// cheaper.
constexpr uint64_t kMaxDiscard = 256 * 1024;

}  // namespace

Http1Exchange::RequestBody::StallTimer::StallTimer(RequestBody* body) : body(body) {
  set_callback([](async::Timer* timer) {
    RequestBody* self = static_cast<StallTimer*>(timer)->body;
    self->Fail(base::Kind::kTimeout, "the request body did not arrive in time");
    self->Wake();
  });
}

void Http1Exchange::RequestBody::Begin(const Framing& framing) {
  trailers_.Clear();
  lent_ = 0;
  shown_ = false;
  received_ = 0;
  waiter_ = nullptr;
  expect_ = false;
  left_ = total_ = framing.length.value_or(0);
  if (framing.chunked) {
    state_ = State::kChunked;
    decoder_.Start(owner_.connection_->core.options.max_header_bytes);
  } else {
    state_ = left_ > 0 ? State::kLength : State::kEnd;
  }
  if (state_ != State::kEnd) expect_ = framing.expect_continue;
}

std::optional<uint64_t> Http1Exchange::RequestBody::length() const {
  if (owner_.parser_.framing().chunked) return std::nullopt;
  return total_;
}

std::optional<std::string_view> Http1Exchange::RequestBody::Whole() {
  if (received_ > 0) return std::nullopt;
  if (state_ == State::kEnd) return std::string_view();
  const std::string_view held = owner_.connection_->in.view();
  if (state_ != State::kLength || held.size() < left_) return std::nullopt;
  shown_ = true;
  return held.substr(0, static_cast<std::size_t>(left_));
}

base::Error Http1Exchange::RequestBody::error() const {
  return base::Error(kind_, std::string(fault_));
}

void Http1Exchange::RequestBody::Fail(base::Kind kind, std::string_view message) {
  if (state_ == State::kEnd || state_ == State::kFailed) return;
  state_ = State::kFailed;
  kind_ = kind;
  fault_ = message;
}

bool Http1Exchange::RequestBody::Hopeless() const {
  if (state_ == State::kEnd) return false;
  return state_ == State::kFailed || expect_ || (state_ == State::kLength && left_ > kMaxDiscard);
}

void Http1Exchange::RequestBody::Release() {
  owner_.connection_->in.Consume(std::exchange(lent_, 0));
}

Body::Poll Http1Exchange::RequestBody::End() {
  state_ = State::kEnd;
  owner_.connection_->in.Release();
  return Poll::kEnd;
}

Body::Poll Http1Exchange::RequestBody::TryRead(std::string_view& chunk) {
  Http1Connection& connection = *owner_.connection_;
  shown_ = false;
  Release();
  stall_.Cancel();
  for (;;) {
    switch (state_) {
      case State::kEnd:
        return Poll::kEnd;
      case State::kFailed:
        return Poll::kError;
      case State::kLength:
        if (left_ == 0) return End();
        if (!connection.in.empty()) {
          const std::string_view held = connection.in.view();
          chunk = held.substr(0, static_cast<std::size_t>(std::min<uint64_t>(left_, held.size())));
          lent_ = chunk.size();
          left_ -= lent_;
          received_ += lent_;
          return Poll::kChunk;
        }
        break;
      case State::kChunked: {
        std::size_t consumed = 0;
        const auto step = decoder_.Next(connection.in.view(), consumed, chunk, trailers_);
        if (step == ChunkDecoder::State::kData) {
          connection.in.Consume(consumed - chunk.size());
          lent_ = chunk.size();
          received_ += lent_;
          return Poll::kChunk;
        }
        connection.in.Consume(consumed);
        if (step == ChunkDecoder::State::kEnd) return End();
        if (step == ChunkDecoder::State::kError) {
          Fail(base::Kind::kProtocol, decoder_.fault());
          return Poll::kError;
        }
        break;
      }
    }
    if (std::exchange(expect_, false) && !owner_.started_) {
      connection.out().append("HTTP/1.1 100 Continue\r\n\r\n");
      connection.Flush();
    }
    // Long bodies get large reads; chunked ones count as long once they have proved it.
    const uint64_t expected = state_ == State::kLength ? left_ : received_;
    const std::size_t wanted =
        expected >= BlockPool::kSmall ? BlockPool::kLarge : BlockPool::kSmall;
    switch (connection.FillInput(wanted)) {
      case Http1Connection::Fill::kData:
        break;
      case Http1Connection::Fill::kWait:
        return Poll::kPending;
      case Http1Connection::Fill::kEof:
        Fail(base::Kind::kProtocol, "the request body ended before it was complete");
        return Poll::kError;
      case Http1Connection::Fill::kBroken:
        Fail(base::Kind::kCanceled, "the client has closed the connection");
        return Poll::kError;
    }
  }
}

void Http1Exchange::RequestBody::OnReady(async::Waiter* waiter) {
  waiter_ = waiter;
  if (!waiter) return stall_.Cancel();
  ServerCore& core = owner_.connection_->core;
  owner_.connection_->WatchPeer();
  core.loop.timers().Arm(stall_, core.loop.After(core.options.body_stall_timeout));
}

bool Http1Exchange::RequestBody::Wake() {
  async::Waiter* const waiter = std::exchange(waiter_, nullptr);
  if (!waiter) return false;
  waiter->fire(waiter);
  return true;
}

bool Http1Exchange::DiscardReceived() {
  std::string_view chunk;
  for (uint64_t total = 0; total <= kMaxDiscard; total += chunk.size()) {
    switch (body_.TryRead(chunk)) {
      case Body::Poll::kChunk:
        break;
      case Body::Poll::kEnd:
        return true;
      case Body::Poll::kError:
      case Body::Poll::kPending:
        return false;
    }
  }
  body_.Fail(base::Kind::kTooLarge, "the rest of the request body is too long to skip");
  return false;
}

}  // namespace http
