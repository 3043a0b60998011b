#include "http/http2_client_session.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/strings.hpp"

namespace http {
namespace {

// A server may ask for no more than this of us; an honest one stays far below.
constexpr uint32_t kServerControlPerSecond = 1000;
constexpr uint32_t kServerResetsPerSecond = 10'000;
constexpr std::size_t kMaxGoodbye = 128;

Http2Session::Limits LimitsOf(const ClientOptions& options) {
  return {.max_header_bytes = options.max_header_bytes,
          .stream_window = options.stream_window,
          .connection_window = options.connection_window,
          .max_concurrent_streams = 0,
          .max_control_per_second = kServerControlPerSecond,
          .max_resets_per_second = kServerResetsPerSecond};
}

}  // namespace

Http2ClientSession::Http2ClientSession(async::Loop& loop, Owner& owner,
                                       const ClientOptions& options, std::string peer)
    : Http2Session(loop, owner, LimitsOf(options), false),
      max_streams_(options.max_streams_per_connection),
      peer_(std::move(peer)) {}

std::string Http2ClientSession::Describe(std::string_view what) const {
  return base::StrCat("the connection to ", peer_, " ", what, goodbye_.empty() ? "" : ": ",
                      goodbye_);
}

std::size_t Http2ClientSession::room() const {
  if (going_away_ || left_ || lost()) return 0;
  auto* handle = const_cast<Http2ClientSession*>(this)->Http2Session::handle();
  const std::size_t allowed = std::min<std::size_t>(
      max_streams_,
      nghttp2_session_get_remote_settings(handle, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
  return allowed > open_streams() ? allowed - open_streams() : 0;
}

bool Http2ClientSession::Submit(Http2ClientStream& stream, const RequestHead& head) {
  const bool grpc = IsGrpcType(head.headers.Get("content-type").value_or(""));
  std::optional<uint64_t> length;
  if (stream.body_ && !grpc) length = stream.body_->length();
  stream.Pull();
  if (stream.failure_) return true;

  Http2Fields fields;
  fields.Add(":method", head.method);
  if (head.method != "CONNECT") {
    fields.Add(":scheme", head.scheme);
    fields.Add(":path", head.target);
  }
  if (!head.authority.empty()) fields.Add(":authority", head.authority);
  fields.AddAll(head.headers, false);
  char digits[24];
  if (length) {
    const auto tail = std::to_chars(digits, digits + sizeof digits, *length).ptr;
    fields.Add("content-length", {digits, static_cast<std::size_t>(tail - digits)});
  }
  const nghttp2_data_provider provider = Provider(stream);
  // gRPC servers wait for a DATA frame even where there is no message.
  const auto type = head.headers.Get("content-type");
  const bool needs_data = type && type->starts_with("application/grpc");
  const int32_t id =
      nghttp2_submit_request(handle(), nullptr, fields.data(), fields.size(),
                             stream.EmptyRequest() && !needs_data ? nullptr : &provider,
                             static_cast<Http2Stream*>(&stream));
  if (id < 0) return false;
  Link(stream, id);
  Wake();
  return true;
}

void Http2ClientSession::Leave() {
  if (std::exchange(left_, true) || lost()) return;
  nghttp2_submit_goaway(handle(), NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0);
  Wake();
}

void Http2ClientSession::OnBeginHeaders(const nghttp2_frame& frame) {
  auto* stream = static_cast<Http2ClientStream*>(StreamOf(frame.hd.stream_id));
  if (stream && !stream->final_) {
    stream->head_.headers.Clear();
    stream->head_.headers.Reserve(8, 256);
  }
}

void Http2ClientSession::OnField(const nghttp2_frame& frame, std::string_view name,
                                 std::string_view value) {
  auto* stream = static_cast<Http2ClientStream*>(StreamOf(frame.hd.stream_id));
  if (!stream) return;
  if (stream->final_) {
    stream->in_.AddTrailer(name, value);
  } else if (name == ":status") {
    stream->head_.status = base::ParseInt<int>(value).value_or(0);
  } else if (!name.starts_with(':')) {
    if (name == "content-length") {
      if (const auto length = base::ParseUint<uint64_t>(value)) stream->in_.set_length(*length);
    }
    stream->head_.headers.Add(name, value);
  }
}

void Http2ClientSession::OnHeaders(const nghttp2_frame& frame) {
  auto* stream = static_cast<Http2ClientStream*>(StreamOf(frame.hd.stream_id));
  if (!stream) return;
  if (header_too_large_) {
    Reset(frame.hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
    stream->Fail(base::Error(base::Kind::kTooLarge,
                             Describe(base::StrCat("sent header fields of more than ",
                                                   limits_.max_header_bytes, " bytes"))));
    return;
  }
  if (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) stream->in_.End();
  if (stream->final_) {
    stream->Queue(Http2Stream::kBody);
  } else if (stream->head_.status < 200) {
    // More than a handful of these is a fault of the server; the last ones are as good.
    if (stream->interims_.size() < 16) stream->interims_.push_back(std::move(stream->head_));
    stream->head_ = ResponseHead();
    stream->Queue(Http2Stream::kHead);
  } else {
    stream->final_ = true;
    stream->Queue(Http2Stream::kHead);
  }
}

void Http2ClientSession::OnGoAway(const nghttp2_goaway& frame) {
  going_away_ = true;
  if (frame.error_code == NGHTTP2_NO_ERROR && frame.opaque_data_len == 0) return;
  goodbye_ = base::StrCat("GOAWAY ", nghttp2_http2_strerror(frame.error_code));
  if (frame.opaque_data_len != 0) {
    goodbye_ += ' ';
    goodbye_ += base::Quote({reinterpret_cast<const char*>(frame.opaque_data),
                             std::min(frame.opaque_data_len, kMaxGoodbye)});
  }
}

}  // namespace http
