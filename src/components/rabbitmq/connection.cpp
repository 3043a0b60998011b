// The connection's socket and heartbeats; handshake.cpp has what is said on channel 0.
#include "components/rabbitmq/connection.hpp"

#include <algorithm>
#include <vector>

#include "async/loop.hpp"
#include "base/duration.hpp"
#include "base/strings.hpp"
#include "components/rabbitmq/channel.hpp"
#include "components/rabbitmq/wire.hpp"
#include "net/errno_text.hpp"
#include "net/scratch.hpp"

namespace components::rabbitmq {

using base::Kind;
using base::StrCat;

namespace {

constexpr std::size_t kRead = 64 * 1024;
constexpr std::size_t kKeepOutput = 64 * 1024;
constexpr int kReadsInARow = 8;
constexpr std::size_t kOurMaxFrame = 128 * 1024;
constexpr std::chrono::seconds kFarewell(1);

std::string Why(const net::Stream& stream, const net::IoResult& result) {
  return result.error_number ? net::ErrnoText(result.error_number) : stream.tls_fault();
}

}  // namespace

Connection::BeatTimer::BeatTimer(Connection* connection) : connection(connection) {
  set_callback([](async::Timer* timer) { static_cast<BeatTimer*>(timer)->connection->Beat(); });
}

Connection::Connection(std::unique_ptr<net::Stream> stream, const Settings& settings)
    : settings_(settings),
      name_(StrCat("rabbitmq at ", settings.Server())),
      loop_(*async::Loop::Current()),
      stream_(std::move(stream)),
      reader_(kOurMaxFrame),
      max_frame_(kOurMaxFrame),
      heard_(loop_.now()),
      sent_(loop_.now()) {}

Connection::~Connection() = default;

async::Task<base::Result<std::shared_ptr<Connection>>> Connection::Open(
    const async::Context& context, std::unique_ptr<net::Stream> stream, const Settings& settings) {
  std::shared_ptr<Connection> connection(new Connection(std::move(stream), settings));
  connection->out_.append("AMQP\0\0\x09\x01", 8);
  connection->gate_.Spawn(connection->ReadLoop());
  connection->gate_.Spawn(connection->WriteLoop());
  const async::Wake wake = co_await connection->opened_.Wait(context);
  if (wake == async::Wake::kReady && !connection->broken()) co_return connection;
  base::Error error = connection->broken() ? connection->error()
                      : wake == async::Wake::kCanceled
                          ? base::Error(Kind::kCanceled, "the caller went away")
                          : base::Error(Kind::kTimeout, StrCat(connection->name_,
                                                               " accepted the connection but did "
                                                               "not greet in time"));
  connection->Break(error);
  co_await connection->Close();
  co_return std::unexpected(std::move(error));
}

void Connection::Kick() {
  wanted_.Pulse();
}

async::Task<void> Connection::WriteLoop() {
  const async::Context context;
  while (!broken()) {
    if (unsent() == 0) {
      co_await wanted_.Wait(context);
      // What others of this turn have to say goes out with it.
      co_await async::Yield();
      continue;
    }
    const net::IoResult result = stream_->Write(std::string_view(out_).substr(out_begin_));
    if (result.status == net::Io::kOk) {
      out_begin_ += result.bytes;
      written_ += result.bytes;
      sent_ = loop_.now();
    } else if (result.status != net::Io::kWouldBlock) {
      Break({Kind::kUnavailable, StrCat(name_, " broke the connection: ", Why(*stream_, result))});
      co_return;
    }
    if (unsent() == 0) {
      out_begin_ = 0;
      if (out_.capacity() > kKeepOutput) {
        out_ = std::string();
      } else {
        out_.clear();
      }
      progress_.Pulse();
      continue;
    }
    if (out_begin_ > kKeepOutput && out_begin_ > out_.size() / 2) {
      out_.erase(0, out_begin_);
      out_begin_ = 0;
    }
    if (result.status == net::Io::kOk) progress_.Pulse();
    co_await async::Writable(stream_->watch(), context);
  }
}

async::Task<void> Connection::ReadLoop() {
  const async::Context context;
  int in_a_row = 0;
  while (!broken()) {
    if (!stream_->watch().readable()) {
      in_a_row = 0;
      co_await async::Readable(stream_->watch(), context);
    } else if (++in_a_row == kReadsInARow) {
      in_a_row = 0;
      co_await async::Yield();
    }
    if (broken()) co_return;
    const std::span<char> buffer = net::Scratch(kRead);
    const net::IoResult result = stream_->Read(buffer);
    if (result.status == net::Io::kOk) {
      heard_ = loop_.now();
      reader_.Feed({buffer.data(), result.bytes});
      if (!Parse()) co_return;
    } else if (result.status == net::Io::kEof) {
      // Brokers that know no better way to refuse credentials hang up.
      Break({Kind::kUnavailable,
             StrCat(name_, state_ == State::kTuning
                               ? " hung up during the log-in: check the credentials"
                               : " closed the connection")});
    } else if (result.status == net::Io::kError) {
      Break({Kind::kUnavailable, StrCat(name_, " broke the connection: ", Why(*stream_, result))});
    }
  }
}

bool Connection::Parse() {
  while (!broken()) {
    Frame frame;
    const base::Result<bool> got = reader_.Next(frame);
    base::Status status;
    if (!got) {
      status = std::unexpected(got.error());
    } else if (!*got) {
      return true;
    } else {
      status = OnFrame(frame);
    }
    if (!status) {
      Break({status.error().kind, StrCat(name_, ": ", status.error().message)});
    }
  }
  return false;
}

base::Status Connection::OnFrame(const Frame& frame) {
  if (frame.type == FrameType::kHeartbeat) return {};
  if (frame.channel == 0) {
    if (frame.type != FrameType::kMethod) {
      return base::Fail(Kind::kProtocol, "a message arrived on channel 0");
    }
    ASSIGN_OR_RETURN(const ServerMethod method, DecodeMethod(frame.payload));
    return OnMethod(method);
  }
  const auto found = channels_.find(frame.channel);
  if (found == channels_.end()) {
    return base::Fail(Kind::kProtocol,
                      StrCat("a frame arrived for channel ", frame.channel, ", which is not open"));
  }
  const std::shared_ptr<Channel> channel = found->second;
  return channel->OnFrame(frame);
}

// Twice an interval: to say that we are there, and to see whether the broker is.
void Connection::Beat() {
  if (broken()) return;
  const async::TimePoint now = loop_.now();
  if (now - heard_ > beat_ * 4) {
    return Break(
        {Kind::kUnavailable, StrCat(name_, " has been silent for ", base::FormatDuration(beat_ * 4),
                                    "; the connection was given up")});
  }
  if (now - sent_ >= beat_ && unsent() == 0) {
    AppendFrameHead(out_, FrameType::kHeartbeat, 0, 0);
    AppendFrameEnd(out_);
    Kick();
  }
  loop_.timers().Arm(timer_, loop_.After(beat_));
}

async::Task<base::Result<std::shared_ptr<Channel>>> Connection::OpenChannel(
    const async::Context& context, ChannelListener* listener) {
  if (error_) co_return std::unexpected(*error_);
  uint16_t number = last_channel_;
  do {
    number = number >= max_channels_ ? uint16_t{1} : static_cast<uint16_t>(number + 1);
    if (!channels_.contains(number)) break;
  } while (number != last_channel_);
  if (channels_.contains(number) || channels_.size() >= max_channels_) {
    co_return base::Fail(Kind::kExhausted, StrCat(name_, " allows ", max_channels_,
                                                  " channels a connection (channel_max)"));
  }
  last_channel_ = number;
  const std::shared_ptr<Channel> channel(new Channel(*this, number, listener));
  channels_[number] = channel;
  base::Status opened = co_await channel->Open(context);
  if (!opened) {
    channel->Abandon();
    co_return std::unexpected(std::move(opened).error());
  }
  co_return channel;
}

void Connection::Forget(uint16_t channel) {
  channels_.erase(channel);
}

async::Task<async::Wake> Connection::WaitUnblocked(const async::Context& context) {
  while (blocked() && !broken()) {
    const async::Wake wake = co_await unblocked_.Wait(context);
    if (wake != async::Wake::kReady) co_return wake;
  }
  co_return async::Wake::kReady;
}

async::Task<bool> Connection::WaitWritten(const async::Context& context, uint64_t mark) {
  while (!broken() && written_ < mark) {
    if (co_await progress_.Wait(context) != async::Wake::kReady) co_return false;
  }
  co_return written_ >= mark;
}

void Connection::Break(base::Error error) {
  if (error_) return;
  error_ = std::move(error);
  timer_.Cancel();
  stream_->Abort();
  const auto channels = std::exchange(channels_, {});
  for (const auto& [number, channel] : channels) channel->OnBroken(*error_);
  opened_.Set();
  closed_.Set();
  unblocked_.Set();
  progress_.Set();
  wanted_.Set();
}

async::Task<void> Connection::Close() {
  if (!broken() && state_ == State::kOpen) {
    state_ = State::kClosing;
    amqp_connection_close_t close{};
    close.reply_code = AMQP_REPLY_SUCCESS;
    if (Send(0, AMQP_CONNECTION_CLOSE_METHOD, &close)) {
      const async::Context context(loop_.After(kFarewell));
      co_await closed_.Wait(context);
    }
  }
  Break({Kind::kCanceled, StrCat(name_, ": the connection was closed")});
  co_await gate_.Close(async::Context());
}

}  // namespace components::rabbitmq
