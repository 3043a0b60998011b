#include "components/mqtt/connection.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "async/loop.hpp"
#include "base/duration.hpp"
#include "base/strings.hpp"
#include "net/errno_text.hpp"
#include "net/scratch.hpp"

namespace components::mqtt {

using base::Kind;
using base::StrCat;

namespace {

// How much is read at once; more while a long packet arrives.
constexpr std::size_t kRead = 16 * 1024;
constexpr std::size_t kLongRead = 256 * 1024;
// An output buffer that has grown beyond this is given back once it is empty.
constexpr std::size_t kKeepOutput = 64 * 1024;
// Reads without letting others run.
constexpr int kReadsInARow = 16;

}  // namespace

Connection::PingTimer::PingTimer(Connection* connection) : connection(connection) {
  set_callback(
      [](async::Timer* timer) { static_cast<PingTimer*>(timer)->connection->OnPingTime(); });
}

Connection::Connection(std::unique_ptr<net::Stream> stream, const Settings& settings,
                       PacketSink& sink)
    : settings_(settings),
      name_(settings.Name()),
      loop_(*async::Loop::Current()),
      sink_(sink),
      stream_(std::move(stream)),
      received_(loop_.now()),
      sent_(loop_.now()) {}

Connection::~Connection() = default;

std::shared_ptr<Connection> Connection::Start(std::unique_ptr<net::Stream> stream,
                                              const Settings& settings, PacketSink& sink) {
  std::shared_ptr<Connection> connection(new Connection(std::move(stream), settings, sink));
  connection->gate_.Spawn(connection->ReadLoop());
  connection->gate_.Spawn(connection->WriteLoop());
  connection->OnPingTime();
  return connection;
}

void Connection::Flush() {
  writer_.Wake();
}

async::Task<void> Connection::WaitUnsent(const async::Context& context, std::size_t bytes) {
  while (!broken() && unsent() >= bytes) {
    if (co_await written_.Wait(context) != async::Wake::kReady) co_return;
  }
}

async::Task<void> Connection::WriteLoop() {
  const async::Context context;
  while (true) {
    co_await writer_.Wait(broken() || out_.size() > out_begin_);
    while (!broken() && out_begin_ < out_.size()) {
      const net::IoResult result = stream_->Write(std::string_view(out_).substr(out_begin_));
      if (result.status == net::Io::kError || result.status == net::Io::kEof) {
        Break({Kind::kUnavailable, StrCat(name_, " broke the connection: ",
                                          result.error_number ? net::ErrnoText(result.error_number)
                                                              : stream_->tls_fault())});
        break;
      }
      if (result.status == net::Io::kOk) {
        out_begin_ += result.bytes;
        sent_ = loop_.now();
        written_.Pulse();
      }
      if (out_begin_ == out_.size()) break;
      if (out_begin_ > kKeepOutput && out_begin_ > out_.size() / 2) {
        out_.erase(0, out_begin_);
        out_begin_ = 0;
      }
      co_await async::Writable(stream_->watch(), context);
      // A long packet on its way is no silence of the broker.
      received_ = std::max(received_, loop_.now());
    }
    if (broken()) co_return;
    out_begin_ = 0;
    if (out_.capacity() > kKeepOutput) {
      out_ = std::string();
    } else {
      out_.clear();
    }
  }
}

async::Task<void> Connection::ReadLoop() {
  const async::Context context;
  int in_a_row = 0;
  while (!broken()) {
    if (!stream_->watch().readable()) {
      in_a_row = 0;
      co_await async::Readable(stream_->watch(), context);
      if (broken()) co_return;
    } else if (++in_a_row == kReadsInARow) {
      in_a_row = 0;
      co_await async::Yield();
      if (broken()) co_return;
    }
    const std::span<char> buffer = net::Scratch(reader_.waiting() > kRead ? kLongRead : kRead);
    const net::IoResult result = stream_->Read(buffer);
    if (result.status == net::Io::kOk) {
      received_ = loop_.now();
      reader_.Feed({buffer.data(), result.bytes});
      if (!co_await HandOver()) co_return;
    } else if (result.status == net::Io::kEof) {
      Break({Kind::kUnavailable, StrCat(name_, " closed the connection")});
    } else if (result.status == net::Io::kError) {
      Break({Kind::kUnavailable, StrCat(name_, " broke the connection: ",
                                        result.error_number ? net::ErrnoText(result.error_number)
                                                            : stream_->tls_fault())});
    }
  }
}

// All packets that have come in full; false once it is broken.
async::Task<bool> Connection::HandOver() {
  while (!broken()) {
    const async::TimePoint hold = sink_.HoldUntil();
    if (hold > loop_.now()) {
      held_ = true;
      co_await continue_.Wait(async::Context(hold));
      held_ = false;
      // The broker's answers may wait among what was not read.
      received_ = loop_.now();
      continue;
    }
    Packet packet;
    const base::Result<bool> got = reader_.Next(packet);
    if (!got) {
      Break({got.error().kind, StrCat(name_, ' ', got.error().message)});
      break;
    }
    if (!*got) co_return true;
    if (packet.type != PacketType::kPingresp) sink_.OnPacket(packet);
  }
  co_return false;
}

void Connection::Owe() {
  if (broken()) return;
  // Not put off by those who ask one thing after the other.
  ArmPing(std::min(ping_time_, loop_.After(settings_.owed_quiet)));
}

void Connection::ArmPing(async::TimePoint time) {
  ping_time_ = time;
  loop_.timers().Arm(ping_timer_, time);
}

void Connection::OnPingTime() {
  if (broken()) return;
  const async::TimePoint now = loop_.now();
  const async::Duration idle = async::Duration(settings_.keep_alive) * 3 / 4;
  if (pinged_ && received_ >= *pinged_) pinged_.reset();
  if (pinged_ && !held_ && now >= std::max(*pinged_, received_) + settings_.ping_timeout) {
    return Break({Kind::kUnavailable,
                  StrCat(name_, " has not answered for ", base::FormatDuration(now - received_),
                         "; the connection was given up")});
  }
  if (pinged_ && !held_) return ArmPing(*pinged_ + settings_.ping_timeout);
  const async::Duration quiet = sink_.IsOwed() ? settings_.owed_quiet : idle;
  async::TimePoint next = std::min(received_ + quiet, sent_ + idle);
  if (held_) next = sent_ + idle;
  if (now >= next) {
    AppendEmpty(out_, PacketType::kPingreq);
    Flush();
    pinged_ = now;
    // Counts as sent, so that a full socket does not make this timer spin.
    sent_ = now;
    next = now + (held_ ? idle : std::min<async::Duration>(settings_.ping_timeout, idle));
  }
  ArmPing(next);
}

void Connection::Break(base::Error error) {
  if (error_) return;
  error_ = std::move(error);
  ping_timer_.Cancel();
  stream_->Abort();
  Flush();
  broken_.Set();
  continue_.Set();
  written_.Set();
  sink_.OnBroken();
}

async::Task<void> Connection::WaitBroken(const async::Context& context) {
  co_await broken_.Wait(context);
}

async::Task<void> Connection::Close() {
  Break({Kind::kUnavailable, StrCat(name_, ": the connection was closed")});
  co_await gate_.Close(async::Context());
}

}  // namespace components::mqtt
