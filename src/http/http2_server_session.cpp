#include "http/http2_server_session.hpp"

#include <utility>
#include <vector>

#include "base/strings.hpp"

namespace http {
namespace {

constexpr uint64_t kDrainPing = 0x647261696e;
// Handlers may outlive their streams. When that many run, a peer that keeps resetting gets no more.
constexpr std::size_t kOutlivingFactor = 2;

Http2Session::Limits LimitsOf(const ServerOptions& options) {
  return {.max_header_bytes = options.max_header_bytes,
          .stream_window = options.stream_window,
          .connection_window = options.connection_window,
          .max_concurrent_streams = options.max_concurrent_streams,
          .max_control_per_second = options.max_control_per_second,
          .max_resets_per_second = options.max_resets_per_second};
}

}  // namespace

Http2ServerSession::Http2ServerSession(ServerCore& core, const ConnectionInfo& info,
                                       async::Gate& gate, Owner& owner)
    : Http2Session(core.loop, owner, LimitsOf(core.options), true),
      core_(core),
      info_(info),
      gate_(gate) {}

Http2ServerSession::~Http2ServerSession() {
  Lose(base::Error(base::Kind::kUnavailable, "the connection ended"));
  ForEachStream([](Http2Stream& stream) { delete static_cast<Http2ServerStream*>(&stream); });
}

void Http2ServerSession::OnBeginHeaders(const nghttp2_frame& frame) {
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return;
  cookie_.clear();
  if (streams() >= limits_.max_concurrent_streams * kOutlivingFactor + 16) {
    Reset(frame.hd.stream_id, NGHTTP2_REFUSED_STREAM);
    return;
  }
  auto* stream = new Http2ServerStream(*this);
  stream->request_.protocol = Protocol::kHttp2;
  stream->request_.target.clear();
  stream->request_.headers.Reserve(12, 384);
  Link(*stream, frame.hd.stream_id);
  nghttp2_session_set_stream_user_data(handle(), frame.hd.stream_id,
                                       static_cast<Http2Stream*>(stream));
}

void Http2ServerSession::Upgrade(RequestHead request, std::string_view body,
                                 std::string_view settings) {
  auto* stream = new Http2ServerStream(*this);
  stream->request_ = std::move(request);
  stream->grpc_ = IsGrpcType(stream->request_.headers.Get("content-type").value_or(""));
  UpgradeStream(*stream, settings, stream->request_.method == "HEAD");
  if (!stream->open()) {
    delete stream;
    return;
  }
  stream->in_.set_length(body.size());
  stream->in_.Preload(body);
  stream->last_in_ = stream->last_out_ = loop_.now();
  stream->Queue(Http2Stream::kHead);
}

void Http2ServerSession::OnField(const nghttp2_frame& frame, std::string_view name,
                                 std::string_view value) {
  auto* stream = static_cast<Http2ServerStream*>(StreamOf(frame.hd.stream_id));
  if (!stream) return;
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    OnRequestField(*stream, name, value);
  } else {
    stream->in_.AddTrailer(name, value);
  }
}

void Http2ServerSession::OnRequestField(Http2ServerStream& stream, std::string_view name,
                                        std::string_view value) {
  RequestHead& head = stream.request_;
  if (name.starts_with(':')) {
    if (name == ":method") {
      head.method = value;
    } else if (name == ":path") {
      head.target = value;
    } else if (name == ":scheme") {
      head.scheme = value;
    } else if (name == ":authority") {
      head.authority = value;
    }
    return;
  }
  switch (name.size()) {
    case 4:
      if (name == "host") {
        if (head.authority.empty()) head.authority = value;
        return;
      }
      break;
    case 6:
      if (name == "cookie") {
        if (!cookie_.empty()) cookie_ += "; ";
        cookie_ += value;
        return;
      }
      if (name == "expect" && NameEquals(value, "100-continue")) stream.expects_continue_ = true;
      break;
    case 12:
      if (name == "content-type") stream.grpc_ = IsGrpcType(value);
      break;
    case 14:
      if (name == "content-length") {
        if (const auto length = base::ParseUint<uint64_t>(value)) stream.in_.set_length(*length);
      }
      break;
    default:
      break;
  }
  head.headers.Add(name, value);
}

void Http2ServerSession::OnHeaders(const nghttp2_frame& frame) {
  auto* stream = static_cast<Http2ServerStream*>(StreamOf(frame.hd.stream_id));
  if (!stream) return;
  if (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) stream->in_.End();
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) {
    if (header_too_large_) {
      Reset(frame.hd.stream_id, NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    stream->Queue(Http2Stream::kBody);
    return;
  }
  stream->too_large_ = header_too_large_;
  if (!cookie_.empty()) stream->request_.headers.Add("cookie", cookie_);
  // CONNECT has no path; its target is the authority, as over HTTP/1.1.
  if (stream->request_.target.empty()) stream->request_.target = stream->request_.authority;
  stream->last_in_ = stream->last_out_ = loop_.now();
  stream->Queue(Http2Stream::kHead);
}

bool Http2ServerSession::Park(Http2ServerStream& stream) {
  // Nobody overtakes those who wait already.
  if ((!full() && parked_.empty()) || lost()) return false;
  stream.parked_ = true;
  parked_.push_back(&stream);
  return true;
}

void Http2ServerSession::Unpark(Http2ServerStream& stream) {
  stream.parked_ = false;
  std::erase(parked_, &stream);
}

void Http2ServerSession::ResumeParked() {
  // They park again, in the same order, if the first of them fill the connection.
  for (Http2ServerStream* stream : std::exchange(parked_, {})) {
    stream->parked_ = false;
    stream->Queue(Http2Stream::kHead);
  }
}

void Http2ServerSession::Dispatch(Http2ServerStream& stream) {
  ++core_.in_flight;
  stream.running_ = true;
  if (core_.handler.TryHandle(stream)) {
    stream.OnHandled();
    return;
  }
  if (!gate_.Spawn(Handle(stream))) stream.OnHandled();
}

async::Task<void> Http2ServerSession::Handle(Http2ServerStream& stream) {
  co_await core_.handler.Handle(stream);
  stream.OnHandled();
}

void Http2ServerSession::BeginDrain() {
  if (std::exchange(draining_, true) || lost()) return;
  ForEachStream([](Http2Stream& stream) {
    auto& request = static_cast<Http2ServerStream&>(stream);
    if (request.Overdue()) request.RefuseRest();
  });
  nghttp2_submit_shutdown_notice(handle());
  Wake();
}

void Http2ServerSession::OnGoAwaySent() {
  // Not before: nghttp2 sends pings ahead of all else, and this one must come behind the notice.
  if (draining_ && !last_goaway_) Ping(kDrainPing);
}

void Http2ServerSession::FinishDrain() {
  draining_ = true;
  if (std::exchange(last_goaway_, true) || lost()) return;
  nghttp2_submit_goaway(handle(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(handle()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  Wake();
}

void Http2ServerSession::OnPong(uint64_t number) {
  if (number == kDrainPing && draining_) FinishDrain();
}

void Http2ServerSession::CheckStalls(async::TimePoint now) {
  ForEachStream(
      [&](Http2Stream& stream) { static_cast<Http2ServerStream&>(stream).CheckStalls(now); });
}

}  // namespace http
