#include "http/http2_server_stream.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/strings.hpp"
#include "http/http2_fields.hpp"
#include "http/http2_server_session.hpp"

namespace http {
namespace {
// What a peer may go on sending, and for how long, once it has its response.
constexpr std::size_t kMaxUnwanted = 32 * 1024;
constexpr std::chrono::milliseconds kMaxOverdue{1000};
// What a stream may have waiting while its connection has too much in all.
constexpr std::size_t kModest = 16 * 1024;
}  // namespace

Http2ServerStream::Http2ServerStream(Http2ServerSession& session) : Http2Stream(session) {}

Http2ServerStream::~Http2ServerStream() {
  if (parked_) session().Unpark(*this);
  DropOutput();
}

Http2ServerSession& Http2ServerStream::session() const {
  return *static_cast<Http2ServerSession*>(session_);
}

const ConnectionInfo& Http2ServerStream::connection() const {
  return session().info();
}

// --- the exchange -------------------------------------------------------------------------------

Body::Poll Http2ServerStream::Reader::TryRead(std::string_view& chunk) {
  const Poll poll = stream_.in_.TryRead(chunk);
  if (poll == Poll::kPending && std::exchange(stream_.expects_continue_, false)) {
    stream_.Inform(ResponseHead{.status = 100});
  }
  return poll;
}

void Http2ServerStream::Inform(const ResponseHead& head) {
  if (!CanSend() || started_ || head.status < 100 || head.status > 199 || head.status == 101)
    return;
  SubmitHead(head, false, std::nullopt);
}

void Http2ServerStream::SubmitHead(const ResponseHead& head, bool end,
                                   std::optional<std::size_t> length) {
  Http2Fields fields;
  char status[4];
  std::to_chars(status, status + sizeof status, head.status);
  fields.Add(":status", {status, 3});
  fields.AddAll(head.headers);
  nghttp2_session* handle = session_->handle();
  if (head.status < 200) {
    nghttp2_submit_headers(handle, NGHTTP2_FLAG_NONE, id_, nullptr, fields.data(), fields.size(),
                           nullptr);
    return session_->Wake();
  }
  char digits[24];
  if (!IsGrpcType(head.headers.Get("content-type").value_or(""))) {
    if (!head.headers.Has("date")) fields.Add("date", HttpDate());
    if (length && !head.headers.Has("content-length")) {
      const auto tail = std::to_chars(digits, digits + sizeof digits, *length).ptr;
      fields.Add("content-length", {digits, static_cast<std::size_t>(tail - digits)});
    }
  }
  if (end) {
    nghttp2_submit_response(handle, id_, fields.data(), fields.size(), nullptr);
  } else {
    const nghttp2_data_provider provider = session_->Provider(*this);
    nghttp2_submit_response(handle, id_, fields.data(), fields.size(), &provider);
  }
  session_->Wake();
}

void Http2ServerStream::Respond(const ResponseHead& head, std::string_view body) {
  if (started_ || finished_) return;
  started_ = finished_ = true;
  sent_ = body.size();
  if (!open_) return;
  const bool silent = head.status == 204 || head.status == 304;
  bodyless_ = silent || request_.method == "HEAD";
  if (!bodyless_) {
    out_.assign(body);
    session().CountUnsent(body.size());
  }
  last_out_ = session_->loop().now();
  SubmitHead(head, bodyless_ || body.empty(), silent ? std::nullopt : std::optional(body.size()));
}

void Http2ServerStream::Start(const ResponseHead& head) {
  if (started_ || finished_) return;
  started_ = true;
  if (!open_) return;
  bodyless_ = head.status == 204 || head.status == 304 || request_.method == "HEAD";
  if (const auto length = head.headers.Get("content-length"); length && !bodyless_) {
    promised_ = base::ParseUint<uint64_t>(*length);
  }
  last_out_ = session_->loop().now();
  SubmitHead(head, bodyless_, std::nullopt);
}

void Http2ServerStream::Write(std::string_view data) {
  if (!started_ || finished_) return;
  sent_ += data.size();
  if (!open_ || bodyless_ || data.empty()) return;
  if (promised_ && sent_ > *promised_) return Abort();
  if (!has_output()) {
    out_.clear();
    out_at_ = 0;
    last_out_ = session_->loop().now();
  } else if (out_at_ > out_.size() / 2) {
    out_.erase(0, out_at_);
    out_at_ = 0;
  }
  out_.append(data);
  session().CountUnsent(data.size());
  session_->Resume(*this);
}

void Http2ServerStream::Finish(const Headers* trailers) {
  if (!started_ || finished_) return;
  if (promised_ && sent_ != *promised_) return Abort();
  finished_ = true;
  if (!open_ || bodyless_) return;
  if (trailers && !trailers->empty()) out_trailers_ = std::make_unique<Headers>(*trailers);
  session_->Resume(*this);
}

void Http2ServerStream::Abort() {
  if (end_sent_ || cut_) return;
  finished_ = true;
  cut_ = true;
  if (open_) session_->Reset(id_, NGHTTP2_INTERNAL_ERROR);
}

bool Http2ServerStream::congested() const {
  if (!open_ || cut_) return false;
  const std::size_t most = session().core().options.write_high_water;
  return unsent() >= (session().full() ? std::min(most, kModest) : most);
}

async::Task<base::Status> Http2ServerStream::Drain(const async::Context& context) {
  while (congested()) {
    switch (co_await drained_.Wait(context)) {
      case async::Wake::kTimeout:
        co_return base::Fail(base::Kind::kTimeout, "the peer did not take the response in time");
      case async::Wake::kCanceled:
        co_return base::Fail(base::Kind::kCanceled, "the request was canceled");
      case async::Wake::kReady:
        break;
    }
  }
  // A stream that has ended well may still be drained: nothing is left to take.
  if (cut_) co_return base::Fail(base::Kind::kCanceled, "the peer has reset the stream");
  co_return base::Status();
}

// --- the stream ---------------------------------------------------------------------------------

Http2Stream::Piece Http2ServerStream::NextPiece(std::size_t max) {
  const std::size_t left = unsent();
  Piece piece;
  piece.size = std::min(left, max);
  piece.end = finished_ && piece.size == left;
  piece.wait = piece.size == 0 && !piece.end;
  if (piece.end) piece.trailers = out_trailers_.get();
  return piece;
}

void Http2ServerStream::CopyPiece(std::size_t size, std::string& out) {
  out.append(out_, out_at_, size);
  const std::size_t before = unsent();
  out_at_ += size;
  session().CountSent(size);
  last_out_ = session_->loop().now();
  for (const std::size_t mark : {session().core().options.write_high_water, kModest}) {
    if (before >= mark && before - size < mark) Queue(kRoom);
  }
  if (out_at_ == out_.size() && out_.capacity() > 16 * 1024) {
    std::string().swap(out_);
    out_at_ = 0;
  }
}

bool Http2ServerStream::Perform(uint8_t work) {
  if (work & kHead) OnHead();
  if (work & kBody) {
    last_in_ = session_->loop().now();
    in_.Notify();
  }
  if (work & kRoom) drained_.Pulse();
  if (work & kClosed) {
    DropOutput();
    if (cut_) cancel_.Cancel();
    in_.Notify();
    drained_.Pulse();
  }
  if (running_) return false;
  if (!open_) return true;
  // Most requests end by themselves soon; then a reset is not needed.
  if (Overdue() && (in_.unwanted() > kMaxUnwanted || session().draining())) RefuseRest();
  return false;
}

void Http2ServerStream::DropOutput() {
  session().CountSent(unsent());
  std::string().swap(out_);
  out_at_ = 0;
}

void Http2ServerStream::OnHead() {
  if (!open_) {
    handled_ = true;  // reset before anybody looked at it: costs no handler
    return;
  }
  if (session().Park(*this)) return;
  if (too_large_) {
    Respond(ResponseHead{.status = 431}, "request header fields are too large\n");
    handled_ = true;
    in_.Discard();
    return;
  }
  session().Dispatch(*this);
}

void Http2ServerStream::OnHandled() {
  running_ = false;
  handled_ = true;
  --session().core().in_flight;
  if (!finished_) {
    if (!started_) {
      Respond(ResponseHead{.status = 500}, "");
    } else {
      Abort();
    }
  }
  in_.Discard();
  Queue(kCheck);
}

void Http2ServerStream::RefuseRest() {
  cut_ = true;
  session_->Reset(id_, NGHTTP2_NO_ERROR);
}

void Http2ServerStream::NoteClosed(uint32_t error_code) {
  if (error_code == NGHTTP2_NO_ERROR && (end_sent_ && remote_ended())) return;
  cut_ = true;
  in_.Fail(base::Error(base::Kind::kCanceled, "the peer has reset the stream"));
}

void Http2ServerStream::NoteEndSent() {
  end_sent_ = true;
  if (!remote_ended()) Queue(kCheck);
}

void Http2ServerStream::NoteLost(const base::Error& error) {
  cut_ = true;
  in_.Fail(base::Error(base::Kind::kCanceled, error.message));
}

void Http2ServerStream::CheckStalls(async::TimePoint now) {
  if (!open_ || cut_) return;
  const ServerOptions& options = session().core().options;
  const auto stalled = [&](async::TimePoint since, std::chrono::milliseconds limit) {
    return limit.count() > 0 && since + limit <= now;
  };
  // gRPC streams may rest for hours; their keepalive is the connection's.
  const bool starved =
      !grpc_ && !remote_ended() && in_.awaited() && stalled(last_in_, options.body_stall_timeout);
  const bool stuck = has_output() && stalled(last_out_, options.write_stall_timeout);
  if (Overdue() && stalled(last_out_, kMaxOverdue)) return RefuseRest();
  if (starved || stuck) session_->Reset(id_, NGHTTP2_CANCEL);
}

}  // namespace http
