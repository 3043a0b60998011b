#include "http/http2_client_stream.hpp"

#include <algorithm>
#include <utility>

#include "base/strings.hpp"
#include "http/http2_client_session.hpp"

namespace http {
namespace {

// Pieces up to this size are copied together; larger ones are sent from where they are.
constexpr std::size_t kSmallPiece = 4 * 1024;
constexpr std::size_t kGather = 16 * 1024;

base::Kind KindOf(uint32_t error_code) {
  switch (error_code) {
    case NGHTTP2_REFUSED_STREAM:
      return base::Kind::kUnavailable;
    case NGHTTP2_CANCEL:
      return base::Kind::kCanceled;
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return base::Kind::kExhausted;
    case NGHTTP2_INADEQUATE_SECURITY:
      return base::Kind::kPermissionDenied;
    default:
      return base::Kind::kProtocol;
  }
}

}  // namespace

Http2ClientStream::BodyReady::BodyReady(Http2ClientStream* stream)
    : Waiter([](Waiter* waiter) {
        Http2ClientStream* self = static_cast<BodyReady*>(waiter)->stream;
        self->waiting_for_body_ = false;
        self->Queue(kRoom);
      }),
      stream(stream) {}

Http2ClientStream::Http2ClientStream(Http2ClientSession& session, Body* body,
                                     InterimObserver* interim)
    : Http2Stream(session), body_(body), interim_(interim) {}

Http2ClientStream::~Http2ClientStream() {
  if (gone_) *gone_ = true;
  DropBody();
  if (open_ && session_) session_->Reset(id_, NGHTTP2_CANCEL);
}

void Http2ClientStream::DropBody() {
  if (body_ && std::exchange(waiting_for_body_, false)) body_->OnReady(nullptr);
  body_ = nullptr;
  view_ = {};
}

void Http2ClientStream::Pull() {
  while (body_ && view_.empty() && copied_.size() - copied_at_ < kGather) {
    if (copied_at_ == copied_.size()) {
      copied_.clear();
      copied_at_ = 0;
    }
    std::string_view chunk;
    body_touched_ = true;
    switch (body_->TryRead(chunk)) {
      case Poll::kChunk:
        if (chunk.size() <= kSmallPiece) {
          copied_.append(chunk);
        } else {
          view_ = chunk;
        }
        break;
      case Poll::kEnd:
        if (const Headers* trailers = body_->trailers(); trailers && !trailers->empty()) {
          body_trailers_ = std::make_unique<Headers>(*trailers);
        }
        body_ = nullptr;
        break;
      case Poll::kPending:
        if (!std::exchange(waiting_for_body_, true)) body_->OnReady(&body_ready_);
        if (unsent() != 0) session_->Resume(*this);
        return;
      case Poll::kError: {
        base::Error error = body_->error();
        body_ = nullptr;
        error.message = "the request body failed: " + error.message;
        session_->Reset(id_, NGHTTP2_CANCEL);
        Fail(std::move(error));
        return;
      }
    }
  }
  session_->Resume(*this);
}

Http2Stream::Piece Http2ClientStream::NextPiece(std::size_t max) {
  const std::size_t left = unsent();
  Piece piece;
  piece.size = std::min(left, max);
  piece.end = !body_ && piece.size == left;
  piece.wait = piece.size == 0 && !piece.end;
  if (piece.end) piece.trailers = body_trailers_.get();
  // Nothing to give but perhaps more to pull: find out when nghttp2 has returned.
  if (piece.wait && !waiting_for_body_) Queue(kRoom);
  return piece;
}

void Http2ClientStream::CopyPiece(std::size_t size, std::string& out) {
  const std::size_t first = std::min(size, copied_.size() - copied_at_);
  out.append(copied_, copied_at_, first);
  copied_at_ += first;
  out.append(view_.substr(0, size - first));
  view_.remove_prefix(size - first);
  if (copied_at_ == copied_.size() && copied_.capacity() > kSmallPiece) {
    std::string().swap(copied_);
    copied_at_ = 0;
  }
}

bool Http2ClientStream::Perform(uint8_t work) {
  bool gone = false;
  gone_ = &gone;
  const auto run = [&] {
    if (work & kHead) {
      for (ResponseHead& head : std::exchange(interims_, {})) {
        if (interim_) interim_->OnInterim(head);
        if (gone) return;
      }
      if (final_ && !answered_.is_set()) answered_.Set();
      if (gone) return;
    }
    if ((work & kRoom) && open_ && !waiting_for_body_ && view_.empty()) {
      Pull();
      if (gone) return;
    }
    if (open_ && remote_ended() && !end_sent_) {
      // Answered in full before the request was: nobody wants the rest.
      DropBody();
      session_->Reset(id_, NGHTTP2_NO_ERROR);
    }
    if (work & kClosed) {
      DropBody();
      if (!answered_.is_set()) answered_.Set();
      if (gone) return;
    }
    if (work & (kBody | kClosed)) in_.Notify();
  };
  run();
  if (!gone) gone_ = nullptr;
  return false;  // the caller's to delete
}

void Http2ClientStream::Fail(base::Error error) {
  in_.Fail(error);
  if (!final_ && !failure_) failure_ = std::move(error);
  Queue(kClosed);
}

void Http2ClientStream::NoteClosed(uint32_t error_code) {
  if (remote_ended() && final_) return;
  auto& session = static_cast<Http2ClientSession&>(*session_);
  refused_ = error_code == NGHTTP2_REFUSED_STREAM;
  Fail(base::Error(KindOf(error_code),
                   session.Describe(base::StrCat(
                       refused_ ? "has refused the request" : "has reset the stream (",
                       refused_ ? "" : nghttp2_http2_strerror(error_code), refused_ ? "" : ")"))));
}

void Http2ClientStream::NoteLost(const base::Error& error) {
  refused_ = !head_written_;
  Fail(error);
}

}  // namespace http
