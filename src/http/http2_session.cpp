#include "http/http2_session.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "http/http2_callbacks.hpp"

namespace http {
namespace {
// Received bytes that may lie unread, in connection windows, before the connection window closes.
// Below it a stream that nobody reads stops itself only, not its neighbours.
constexpr std::size_t kKeptWindows = 4;
constexpr std::size_t kMostHeld = 256 * 1024;
}  // namespace

Http2Stream::~Http2Stream() {
  if (session_) {
    in_.Discard();
    session_->Unlink(*this);
  }
}

void Http2Stream::Queue(uint8_t work) {
  if (!session_) return;
  work_ |= work;
  session_->QueueWork(*this);
}

Http2Session::Http2Session(async::Loop& loop, Owner& owner, const Limits& limits, bool server)
    : loop_(loop),
      owner_(owner),
      limits_(limits),
      memory_(server),
      idle_since_(loop.now()),
      scanner_(server),
      control_(limits.max_control_per_second, loop.now()),
      cheap_(limits.max_control_per_second * 10, loop.now()),
      resets_(limits.max_resets_per_second, loop.now()),
      server_(server) {
  session_ = NewNghttp2Session(this, memory_, server);
  if (!session_) throw std::bad_alloc();
  std::array<nghttp2_settings_entry, 5> settings;
  std::size_t count = 0;
  const auto set = [&](int32_t id, uint32_t value) { settings[count++] = {id, value}; };
  if (server) {
    set(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.max_concurrent_streams);
  } else {
    set(NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
  }
  set(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window);
  set(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(limits.max_header_bytes));
  set(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1);
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), count);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(limits.connection_window));
}

Http2Session::~Http2Session() {
  // Streams that outlive the session belong to somebody else.
  while (all_head_) {
    Http2Stream& stream = *all_head_;
    Unlink(stream);
    stream.in_.Unbind();
    stream.session_ = nullptr;
  }
  nghttp2_session_del(session_);
}

void Http2Session::Feed(std::string_view bytes) {
  const char* fed = bytes.data();
  const char* const end = fed + bytes.size();
  for (auto found = scanner_.Next(bytes); found != Http2Scanner::Found::kNothing;
       found = scanner_.Next(bytes)) {
    const Http2Scanner::Head& head = scanner_.head();
    if (found == Http2Scanner::Found::kPayload) {
      CheckPayload(head, scanner_.number());
    } else {
      const bool goaway = head.type == NGHTTP2_GOAWAY && !server_;
      if (goaway || NeedsState(head)) {
        const char* const begin = std::max(fed, bytes.data() - 9);
        Receive({fed, begin});
        fed = begin;
      }
      // nghttp2 sends no request after a GOAWAY, but these are those the server still waits for.
      if (goaway) HoldOutput();
      CheckFrame(head);
    }
    if (terminated_) return;
  }
  Receive({fed, end});
}

void Http2Session::Receive(std::string_view bytes) {
  if (broken_ || lost_ || bytes.empty()) return;
  const auto taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return;
  switch (taken) {
    case NGHTTP2_ERR_FLOODED:
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
    case NGHTTP2_ERR_TOO_MANY_SETTINGS:
      Terminate(NGHTTP2_ENHANCE_YOUR_CALM);
      break;
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      Terminate(NGHTTP2_PROTOCOL_ERROR);
      break;
    default:
      Terminate(NGHTTP2_INTERNAL_ERROR);
  }
}

void Http2Session::HoldOutput() {
  if (!nghttp2_session_want_write(session_)) return;
  auto held = std::move(held_);
  if (!held) held = std::make_unique<std::string>();
  // Requests, and of bodies a little: the rest is of no use to a peer that leaves.
  TakeOutput(*held, held->size() + kMostHeld);
  if (!held->empty()) held_ = std::move(held);
}

bool Http2Session::TakeOutput(std::string& out, std::size_t limit) {
  if (broken_ || lost_) return false;
  if (held_) out += *std::exchange(held_, nullptr);
  sink_ = &out;
  bool more = true;
  // A header block must leave whole: the rest of it lies in the thread's buffer (Http2Memory).
  bool in_block = false;
  while (out.size() < limit || in_block) {
    const uint8_t* data;
    const auto size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) broken_ = true;
    if (size <= 0) {
      more = false;
      break;
    }
    if (data[3] == NGHTTP2_HEADERS || data[3] == NGHTTP2_CONTINUATION) {
      in_block = !(data[4] & NGHTTP2_FLAG_END_HEADERS);
    }
    out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  sink_ = nullptr;
  return more;
}

void Http2Session::RunWork() {
  while (work_head_) {
    Http2Stream& stream = *work_head_;
    UnqueueWork(stream);
    if (stream.Perform(std::exchange(stream.work_, 0)) && !stream.queued_) delete &stream;
  }
}

void Http2Session::Terminate(uint32_t error_code) {
  if (std::exchange(terminated_, true) || lost_) return;
  nghttp2_session_terminate_session(session_, error_code);
  Wake();
}

void Http2Session::Lose(const base::Error& error) {
  if (std::exchange(lost_, true)) return;
  ForEachStream([&](Http2Stream& stream) {
    if (!stream.open_) return;
    Close(stream);
    stream.in_.Unbind();
    stream.NoteLost(error);
    stream.Queue(Http2Stream::kClosed);
  });
}

void Http2Session::Ping(uint64_t number) {
  if (lost_) return;
  uint8_t opaque[8];
  for (int i = 0; i < 8; ++i) opaque[i] = static_cast<uint8_t>(number >> (56 - 8 * i));
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, opaque);
  Wake();
}

void Http2Session::Kept(std::size_t bytes) {
  kept_ += bytes;
  if (kept_ <= kKeptWindows * limits_.connection_window) {
    nghttp2_session_consume_connection(session_, bytes);
  } else {
    owed_ += bytes;
  }
}

void Http2Session::Consumed(int32_t id, std::size_t bytes, bool reopen) {
  kept_ -= bytes;
  if (lost_) return;
  if (owed_ != 0) {
    const std::size_t paid = std::min(owed_, bytes);
    owed_ -= paid;
    nghttp2_session_consume_connection(session_, paid);
  }
  if (reopen) nghttp2_session_consume_stream(session_, id, bytes);
  if (wants_write()) Wake();
}

void Http2Session::Resume(Http2Stream& stream) {
  if (lost_ || !stream.open_) return;
  if (std::exchange(stream.deferred_, false)) nghttp2_session_resume_data(session_, stream.id_);
  Wake();
}

void Http2Session::Reset(int32_t id, uint32_t error_code) {
  if (lost_) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, error_code);
  Wake();
}

Http2Stream* Http2Session::StreamOf(int32_t id) const {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session_, id));
}

void Http2Session::Link(Http2Stream& stream, int32_t id) {
  stream.id_ = id;
  stream.open_ = true;
  rested_ = false;
  stream.in_.Bind(this, id);
  stream.next_ = all_head_;
  if (all_head_) all_head_->prev_ = &stream;
  all_head_ = &stream;
  ++stream_count_;
  ++open_count_;
}

void Http2Session::UpgradeStream(Http2Stream& stream, std::string_view settings,
                                 bool head_request) {
  if (nghttp2_session_upgrade2(session_, reinterpret_cast<const uint8_t*>(settings.data()),
                               settings.size(), head_request, nullptr) != 0) {
    return Terminate(NGHTTP2_INTERNAL_ERROR);
  }
  // The settings came with the request; the peer's preface is still to come.
  greeted_ = false;
  last_peer_id_ = 1;
  Link(stream, 1);
  nghttp2_session_set_stream_user_data(session_, 1, &stream);
}

void Http2Session::Close(Http2Stream& stream) {
  if (!std::exchange(stream.open_, false)) return;
  if (--open_count_ == 0) idle_since_ = loop_.now();
}

void Http2Session::Unlink(Http2Stream& stream) {
  UnqueueWork(stream);
  if (stream.open_ && !lost_) {
    nghttp2_session_set_stream_user_data(session_, stream.id_, nullptr);
  }
  Close(stream);
  const bool linked = stream.prev_ || all_head_ == &stream;
  if (!linked) return;
  (stream.prev_ ? stream.prev_->next_ : all_head_) = stream.next_;
  if (stream.next_) stream.next_->prev_ = stream.prev_;
  stream.next_ = stream.prev_ = nullptr;
  if (--stream_count_ == 0) idle_since_ = loop_.now();
}

void Http2Session::QueueWork(Http2Stream& stream) {
  if (std::exchange(stream.queued_, true)) return;
  stream.work_prev_ = work_tail_;
  stream.work_next_ = nullptr;
  (work_tail_ ? work_tail_->work_next_ : work_head_) = &stream;
  work_tail_ = &stream;
  Wake();
}

void Http2Session::UnqueueWork(Http2Stream& stream) {
  if (!std::exchange(stream.queued_, false)) return;
  (stream.work_prev_ ? stream.work_prev_->work_next_ : work_head_) = stream.work_next_;
  (stream.work_next_ ? stream.work_next_->work_prev_ : work_tail_) = stream.work_prev_;
  stream.work_next_ = stream.work_prev_ = nullptr;
}

void Http2Session::Rest() {
  if (stream_count_ != 0 || std::exchange(rested_, true)) return;
  memory_.Trim();
}

bool Http2Session::CountField(std::size_t bytes) {
  header_bytes_ += bytes + 32;  // the size RFC 9113 gives a field, section 6.5.2
  if (header_bytes_ <= limits_.max_header_bytes) return !header_too_large_;
  header_too_large_ = true;
  // A list that compresses well can be huge on a small wire.
  if (header_bytes_ > limits_.max_header_bytes * 8 + 64 * 1024) {
    Terminate(NGHTTP2_ENHANCE_YOUR_CALM);
  }
  return false;
}

}  // namespace http
