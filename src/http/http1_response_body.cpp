// The body of a response over HTTP/1.1: read from the socket when somebody asks for more.
#include <algorithm>

#include "base/strings.hpp"
#include "http/http1_client.hpp"

namespace http {

Http1ResponseBody::Http1ResponseBody(std::unique_ptr<Http1ClientConnection> connection,
                                     const ResponseHead& head, bool head_only)
    : connection_(std::move(connection)) {
  const Framing& framing = connection_->parser.framing();
  keep_alive_ = !framing.close && (framing.minor >= 1 || framing.keep_alive);
  if (head_only || head.status == 204 || head.status == 304 || framing.length == 0u) {
    length_ = 0;
  } else if (framing.chunked) {
    state_ = State::kChunked;
    decoder_.Start(64 * 1024);
  } else if (framing.length) {
    state_ = State::kLength;
    length_ = left_ = *framing.length;
  } else {
    state_ = State::kUntilClose;
    keep_alive_ = false;
  }
  if (state_ == State::kEnd) Give();
}

Http1ResponseBody::~Http1ResponseBody() {
  if (!connection_ || state_ == State::kFailed) return;
  if (state_ == State::kEnd) {
    Give();
    return;
  }
  // What is left of a short body may be here already; then the connection is worth keeping.
  connection_->in.Consume(std::exchange(lent_, 0));
  if (state_ == State::kLength && left_ <= connection_->in.size()) {
    connection_->in.Consume(static_cast<std::size_t>(left_));
    Give();
  }
}

std::optional<std::string_view> Http1ResponseBody::Whole() {
  if (received_ > 0) return std::nullopt;
  if (state_ == State::kEnd) return std::string_view();
  if (state_ != State::kLength || connection_->in.size() < left_) return std::nullopt;
  return connection_->in.view().substr(0, static_cast<std::size_t>(left_));
}

base::Error Http1ResponseBody::error() const {
  return base::Error(kind_, fault_);
}

Body::Poll Http1ResponseBody::Fail(base::Kind kind, std::string_view message) {
  state_ = State::kFailed;
  kind_ = kind;
  fault_ = message;
  if (connection_ && connection_->request_error()) {
    kind_ = connection_->request_error()->kind;
    fault_ = connection_->request_error()->message;
  }
  return Poll::kError;
}

// The response is complete. The connection goes back unless the request is still being sent.
void Http1ResponseBody::Give() {
  if (!connection_->request_done()) return;
  std::unique_ptr<Http1ClientConnection> connection = std::move(connection_);
  // Bytes behind the response are out of turn.
  const bool reusable = keep_alive_ && connection->in.empty() && !connection->send_failed() &&
                        connection->pool() != nullptr;
  if (reusable) {
    Http1Pool* const pool = connection->pool();
    pool->Put(std::move(connection));
  }
}

Body::Poll Http1ResponseBody::End() {
  state_ = State::kEnd;
  if (connection_) Give();
  return Poll::kEnd;
}

Body::Poll Http1ResponseBody::TryRead(std::string_view& chunk) {
  if (state_ == State::kEnd) return Poll::kEnd;
  if (state_ == State::kFailed) return Poll::kError;
  ReadBuffer& in = connection_->in;
  in.Consume(std::exchange(lent_, 0));
  for (;;) {
    if (state_ == State::kChunked) {
      std::size_t consumed = 0;
      const auto step = decoder_.Next(in.view(), consumed, chunk, trailers_);
      if (step == ChunkDecoder::State::kData) {
        in.Consume(consumed - chunk.size());
        lent_ = chunk.size();
        received_ += lent_;
        return Poll::kChunk;
      }
      in.Consume(consumed);
      if (step == ChunkDecoder::State::kEnd) return End();
      if (step == ChunkDecoder::State::kError) {
        return Fail(base::Kind::kProtocol,
                    base::StrCat("bad response from ", connection_->stream->peer().ToString(), ": ",
                                 decoder_.fault()));
      }
    } else {
      if (state_ == State::kLength && left_ == 0) return End();
      if (!in.empty()) {
        const std::string_view held = in.view();
        chunk =
            state_ == State::kLength
                ? held.substr(0, static_cast<std::size_t>(std::min<uint64_t>(left_, held.size())))
                : held;
        lent_ = chunk.size();
        received_ += lent_;
        if (state_ == State::kLength) left_ -= lent_;
        return Poll::kChunk;
      }
    }
    const uint64_t expected = state_ == State::kLength ? left_ : received_;
    switch (connection_->FillInput(expected >= BlockPool::kSmall ? BlockPool::kLarge
                                                                 : BlockPool::kSmall)) {
      case Http1ClientConnection::Fill::kData:
        break;
      case Http1ClientConnection::Fill::kWait:
        return Poll::kPending;
      case Http1ClientConnection::Fill::kEof:
        if (state_ == State::kUntilClose && !connection_->request_error()) return End();
        [[fallthrough]];
      case Http1ClientConnection::Fill::kError:
        return Fail(base::Kind::kUnavailable,
                    base::StrCat("the connection to ", connection_->stream->peer().ToString(),
                                 " ended in the middle of a response"));
    }
  }
}

void Http1ResponseBody::OnReady(async::Waiter* waiter) {
  if (connection_) connection_->OnReadable(waiter);
}

}  // namespace http
