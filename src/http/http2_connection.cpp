#include "http/http2_connection.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "base/strings.hpp"

namespace http {
namespace {
using std::chrono::milliseconds;

constexpr std::size_t kReadSize = 64 * 1024;
constexpr std::size_t kWriteSize = 64 * 1024;
// Reads and writes of one connection in one turn, before the others get theirs.
constexpr int kRounds = 4;
constexpr milliseconds kLinger{1000};
constexpr std::size_t kMaxDiscarded = 4 * 1024 * 1024;

std::span<char> ReadBuffer() {
  thread_local const auto buffer = std::make_unique_for_overwrite<char[]>(kReadSize);
  return {buffer.get(), kReadSize};
}
std::string& WriteBuffer() {
  thread_local std::string buffer;
  return buffer;
}
}  // namespace

Http2Connection::Deadline::Deadline(Http2Connection* connection)
    : Timer([](Timer* timer) { static_cast<Deadline*>(timer)->connection->OnDeadline(); }),
      connection(connection) {}

Http2Connection::Http2Connection(std::unique_ptr<net::Stream> stream, const Times& times)
    : Turn(stream->watch().loop()),
      stream_(std::move(stream)),
      times_(times),
      began_(loop().now()),
      last_read_(began_),
      last_write_(began_),
      readable_(
          this,
          [](async::Waiter* waiter) { static_cast<Readiness*>(waiter)->connection->ReadSome(); }),
      writable_(this,
                [](async::Waiter* waiter) {
                  static_cast<Readiness*>(waiter)->connection->RequestTurn();
                }),
      deadline_(this) {}

void Http2Connection::Begin(Http2Session& session, std::string first) {
  unsent_ = std::move(first);
  session_ = &session;
  read_on_ = true;
  CheckBy(began_);
  RequestTurn();
}

void Http2Connection::EndSoon(base::Error error) {
  if (!fault_) fault_ = std::make_unique<base::Error>(std::move(error));
  RequestTurn();
}

void Http2Connection::ReadSome() {
  if (state_ == State::kEnded) return;
  if (state_ == State::kLingering) return DiscardInput();
  const auto buffer = ReadBuffer();
  read_on_ = false;
  for (int round = 0;; ++round) {
    if (round == kRounds) {
      read_on_ = true;
      RequestTurn();
      break;
    }
    const net::IoResult result = stream_->Read(buffer);
    if (result.status == net::Io::kOk) {
      last_read_ = loop().now();
      session_->Feed({buffer.data(), result.bytes});
      if (stream_->watch().readable() || stream_->watch().hung_up()) continue;
    } else if (result.status == net::Io::kEof) {
      EndSoon(base::Error(base::Kind::kUnavailable,
                          base::StrCat("the connection to ", stream_->peer().ToString(),
                                       " was closed by the peer")));
    } else if (result.status == net::Io::kError) {
      EndSoon(ReadError());
    }
    break;
  }
  if (!read_on_ && !fault_) stream_->watch().OnReadable(&readable_);
  session_->RunWork();
  if (session_->header_since()) CheckBy(*session_->header_since() + times_.header_timeout);
  if (session_->wants_write() || session_->finished()) RequestTurn();
}

base::Error Http2Connection::ReadError() const {
  const std::string peer = stream_->peer().ToString();
  const std::string why = stream_->tls_fault();
  // Later it is no failed handshake, and requests may have been processed.
  if (stream_->tls_certificate_refused() && !session_->greeted()) {
    return base::Error(
        base::Kind::kUnauthenticated,
        base::StrCat("TLS handshake with ", peer, ": the peer refused our certificate: ", why));
  }
  return base::Error(base::Kind::kUnavailable,
                     base::StrCat("the connection to ", peer, " broke while reading",
                                  why.empty() ? "" : ": ", why));
}

void Http2Connection::DiscardInput() {
  const auto buffer = ReadBuffer();
  for (;;) {
    const net::IoResult result = stream_->Read(buffer);
    if (result.status == net::Io::kOk && (discarded_ += result.bytes) < kMaxDiscarded) continue;
    if (result.status == net::Io::kWouldBlock) {
      stream_->watch().OnReadable(&readable_);
    } else {
      linger_until_ = loop().now();
      RequestTurn();
    }
    return;
  }
}

bool Http2Connection::WriteSome() {
  for (;;) {
    if (unsent_at_ < unsent_.size()) {
      const auto result = stream_->Write(std::string_view(unsent_).substr(unsent_at_));
      if (result.status == net::Io::kError || result.status == net::Io::kEof) break;
      if (result.status == net::Io::kOk) {
        last_write_ = loop().now();
        unsent_at_ += result.bytes;
      }
      if (unsent_at_ < unsent_.size()) {
        stream_->watch().OnWritable(&writable_);
        CheckBy(last_write_ + times_.write_stall_timeout);
        return false;
      }
      std::string().swap(unsent_);
      unsent_at_ = 0;
    }
    std::string& out = WriteBuffer();
    out.clear();
    // What the streams have to add while output is taken goes into the same write.
    while (session_->TakeOutput(out, kWriteSize), session_->has_work()) {
      session_->RunWork();
      if (out.size() >= kWriteSize || !session_->wants_write()) break;
    }
    if (out.empty()) return true;
    const auto result = stream_->Write(out);
    if (result.status == net::Io::kError || result.status == net::Io::kEof) break;
    const std::size_t written = result.status == net::Io::kOk ? result.bytes : 0;
    last_write_ = loop().now();
    if (written == out.size()) return true;
    unsent_.assign(out, written);
    stream_->watch().OnWritable(&writable_);
    CheckBy(last_write_ + times_.write_stall_timeout);
    return false;
  }
  EndSoon(base::Error(
      base::Kind::kUnavailable,
      base::StrCat("the connection to ", stream_->peer().ToString(), " broke while writing")));
  return false;
}

void Http2Connection::OnTurn() {
  if (state_ == State::kEnded) return session_->RunWork();
  if (state_ == State::kOpen && read_on_) ReadSome();
  for (int round = 0; state_ == State::kOpen && !fault_; ++round) {
    const bool clear = WriteSome();
    session_->RunWork();
    if (!clear || !session_->wants_write()) break;
    if (round == kRounds) {
      RequestTurn();
      break;
    }
  }
  OnSettled();
  if (state_ == State::kOpen && unsent_.empty() &&
      (session_->finished() || (close_when_flushed_ && flushed()))) {
    Linger();
  }
  if (fault_ || linger_until_ <= loop().now()) End();  // *this may be gone
}

void Http2Connection::Linger() {
  // Closing with unread input would make the kernel reset the connection and with it our last
  // words.
  state_ = State::kLingering;
  session_->Lose(base::Error(
      base::Kind::kUnavailable,
      base::StrCat("the connection to ", stream_->peer().ToString(), " was shut down")));
  session_->RunWork();
  stream_->ShutdownWrite();
  linger_until_ = loop().After(kLinger);
  CheckBy(linger_until_);
  DiscardInput();
}

void Http2Connection::End() {
  state_ = State::kEnded;
  deadline_.Cancel();
  stream_->watch().OnReadable(nullptr);
  stream_->watch().OnWritable(nullptr);
  session_->Lose(fault_ ? *fault_ : base::Error(base::Kind::kUnavailable, "the connection ended"));
  session_->RunWork();
  stream_->Abort();
  OnEnded();
}

void Http2Connection::CheckBy(async::TimePoint time) {
  if (state_ == State::kEnded || time >= armed_for_) return;
  armed_for_ = time;
  loop().timers().Arm(deadline_, time);
}

void Http2Connection::OnDeadline() {
  armed_for_ = async::kForever;
  const auto now = loop().now();
  const auto fail = [&](std::string_view what) {
    EndSoon(base::Error(base::Kind::kUnavailable,
                        base::StrCat("the connection to ", stream_->peer().ToString(), " ", what)));
  };
  if (state_ == State::kLingering) {
    if (linger_until_ <= now) return RequestTurn();
    return CheckBy(linger_until_);
  }
  async::TimePoint next = async::kForever;
  // True if `deadline` has passed; else it is waited for.
  const auto due = [&](async::TimePoint deadline) {
    if (deadline <= now) return true;
    next = std::min(next, deadline);
    return false;
  };
  if (!session_->greeted() && due(began_ + times_.greeting_timeout)) {
    return fail("did not begin HTTP/2 in time");
  }
  if (!session_->settings_acknowledged() && due(began_ + times_.settings_timeout)) {
    session_->Terminate(NGHTTP2_SETTINGS_TIMEOUT);
    CloseWhenFlushed();
  }
  if (const auto since = session_->header_since(); since && due(*since + times_.header_timeout)) {
    session_->Terminate(NGHTTP2_ENHANCE_YOUR_CALM);
    CloseWhenFlushed();
  }
  if (!unsent_.empty() && due(last_write_ + times_.write_stall_timeout)) {
    return fail("takes no data");
  }
  if (ping_sent_ != async::kForever && last_read_ > ping_sent_) ping_sent_ = async::kForever;
  if (ping_sent_ != async::kForever) {
    if (due(ping_sent_ + times_.keepalive_timeout)) return fail("does not answer pings");
  } else if (times_.keepalive_interval.count() > 0 &&
             (times_.keepalive_without_streams || session_->open_streams() != 0)) {
    // A peer that has not begun has its own deadline.
    if (!session_->greeted()) {
      next = std::min(next, now + times_.keepalive_interval);
    } else if (due(last_read_ + times_.keepalive_interval)) {
      ping_sent_ = now;
      session_->Ping(0);
      due(now + times_.keepalive_timeout);
    }
  }
  next = std::min(next, Check(now));
  if (next != async::kForever) CheckBy(std::max(next, now + milliseconds(1)));
}

}  // namespace http
