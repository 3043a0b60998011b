#include "components/redis/connection.hpp"

#include <array>

#include "async/loop.hpp"
#include "base/duration.hpp"
#include "base/strings.hpp"
#include "net/errno_text.hpp"
#include "net/scratch.hpp"

namespace components::redis {

using base::Kind;
using base::StrCat;

namespace {

// How much is read at once; more while a long reply arrives.
constexpr std::size_t kRead = 16 * 1024;
constexpr std::size_t kLongRead = 256 * 1024;
// An output buffer that has grown beyond this is given back once it is empty.
constexpr std::size_t kKeepOutput = 64 * 1024;
// Reads without letting others run.
constexpr int kReadsInARow = 16;

}  // namespace

Connection::StallTimer::StallTimer(Connection* connection) : connection(connection) {
  set_callback([](async::Timer* timer) { static_cast<StallTimer*>(timer)->connection->OnStall(); });
}

Connection::Connection(std::unique_ptr<net::Stream> stream, Options options)
    : options_(std::move(options)),
      loop_(*async::Loop::Current()),
      stream_(std::move(stream)),
      reader_(options_.limits),
      progress_(loop_.now()) {}

Connection::~Connection() = default;

std::shared_ptr<Connection> Connection::Start(std::unique_ptr<net::Stream> stream,
                                              Options options) {
  std::shared_ptr<Connection> connection(new Connection(std::move(stream), std::move(options)));
  connection->gate_.Spawn(connection->ReadLoop());
  connection->gate_.Spawn(connection->WriteLoop());
  return connection;
}

base::Status Connection::CanSend() const {
  if (error_) return std::unexpected(*error_);
  if (commands_ >= options_.max_commands || out_.size() - out_begin_ >= options_.max_output) {
    return base::Fail(Kind::kExhausted,
                      StrCat(options_.name, ": ", commands_, " commands with ",
                             out_.size() - out_begin_, " bytes wait for it: slow down"));
  }
  return {};
}

base::Status Connection::Sending::await_resume() {
  if (status_) {
    if (wake_ == async::Wake::kTimeout) {
      status_ = base::Fail(Kind::kTimeout,
                           StrCat(connection_.name(), " did not answer before the deadline"));
    } else if (wake_ == async::Wake::kCanceled) {
      status_ = base::Fail(Kind::kCanceled, "the caller went away");
    }
  }
  return std::move(status_);
}

void Connection::Push(Sending& sending) {
  const uint64_t starts = written_ + (out_.size() - out_begin_);
  for (const Request& request : sending.requests_) AppendCommand(out_, request.args);
  if (debts_.empty()) {
    progress_ = loop_.now();
    if (options_.stall.count() > 0 && !stall_.armed()) {
      loop_.timers().Arm(stall_, loop_.After(options_.stall));
    }
  }
  sending.debt_ = first_debt_ + debts_.size();
  sending.waiting_ = true;
  sending.sent_ = true;
  debts_.push_back({&sending, sending.requests_.size(), starts});
  commands_ += sending.requests_.size();
  Wake();
}

void Connection::Forget(Sending& sending) {
  sending.waiting_ = false;
  Debt& debt = debts_[static_cast<std::size_t>(sending.debt_ - first_debt_)];
  sending.sent_ = debt.starts < written_;
  debt.sending = nullptr;
}

void Connection::Wake() {
  writer_.Wake();
}

base::Status Connection::SendOnly(std::span<const Arg> args) {
  RETURN_IF_ERROR(CanSend());
  AppendCommand(out_, args);
  Wake();
  return {};
}

async::Task<void> Connection::WriteLoop() {
  const async::Context context;
  while (true) {
    co_await writer_.Wait(broken() || out_.size() > out_begin_);
    while (!broken() && out_begin_ < out_.size()) {
      const net::IoResult result = stream_->Write(std::string_view(out_).substr(out_begin_));
      if (result.status == net::Io::kError || result.status == net::Io::kEof) {
        // What the server said before it hung up is worth reading: the reader finds the end.
        Break({Kind::kUnavailable, StrCat(options_.name, " broke the connection: ",
                                          result.error_number ? net::ErrnoText(result.error_number)
                                                              : stream_->tls_fault())});
        break;
      }
      if (result.status == net::Io::kOk) {
        out_begin_ += result.bytes;
        written_ += result.bytes;
      }
      if (out_begin_ == out_.size()) break;
      if (out_begin_ > kKeepOutput && out_begin_ > out_.size() / 2) {
        out_.erase(0, out_begin_);
        out_begin_ = 0;
      }
      co_await async::Writable(stream_->watch(), context);
      // A long command on its way is no silence of the server.
      Progress();
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
    while (options_.max_pushed > 0 && pushed_.size() >= options_.max_pushed && !broken()) {
      co_await room_.Wait(context);
    }
    if (broken()) co_return;
    if (!stream_->watch().readable()) {
      in_a_row = 0;
      co_await async::Readable(stream_->watch(), context);
      if (broken()) co_return;
    } else if (++in_a_row == kReadsInARow) {
      in_a_row = 0;
      co_await async::Yield();
      if (broken()) co_return;
    }
    const std::span<char> buffer = net::Scratch(reader_.in_long_text() ? kLongRead : kRead);
    const net::IoResult result = stream_->Read(buffer);
    if (result.status == net::Io::kOk) {
      Progress();
      reader_.Feed({buffer.data(), result.bytes});
      if (!Parse()) co_return;
    } else if (result.status == net::Io::kEof) {
      Break({Kind::kUnavailable, StrCat(options_.name, " closed the connection")});
    } else if (result.status == net::Io::kError) {
      Break({Kind::kUnavailable, StrCat(options_.name, " broke the connection: ",
                                        result.error_number ? net::ErrnoText(result.error_number)
                                                            : stream_->tls_fault())});
    }
  }
}

bool Connection::Parse() {
  while (!broken()) {
    Reply reply;
    const base::Result<bool> got = reader_.Next(reply);
    if (!got) {
      base::Error error(got.error().kind, StrCat(options_.name, ": ", got.error().message));
      if (error.kind != Kind::kTooLarge) {
        Break(std::move(error));
      } else {
        // The others must know that it is not they who asked for too much.
        Break({Kind::kUnavailable,
               StrCat("the connection was given up for another caller's answer: ", error.message)},
              &error);
      }
      return false;
    }
    if (!*got) return true;
    Deliver(std::move(reply));
  }
  return false;
}

void Connection::Deliver(Reply reply) {
  if (debts_.empty()) {
    if (options_.max_pushed == 0) {
      // Servers say good-bye like this: "-ERR max number of clients reached".
      if (reply.is_error()) return Break(ServerError(reply.text()));
      return Break({Kind::kProtocol, StrCat(options_.name, " sent an answer nobody asked for")});
    }
    pushed_.push_back(std::move(reply));
    arrived_.PulseOne();
    return;
  }
  Debt& debt = debts_.front();
  --commands_;
  Sending* const sending = debt.sending;
  if (sending) sending->requests_[sending->answered_++].reply = std::move(reply);
  if (--debt.left > 0) return;
  debts_.pop_front();
  ++first_debt_;
  if (debts_.empty()) stall_.Cancel();
  if (!sending) return;
  sending->waiting_ = false;
  sending->End(async::Wake::kReady);
}

async::Task<base::Result<Reply>> Connection::Receive(const async::Context& context) {
  while (pushed_.empty()) {
    if (error_) co_return std::unexpected(*error_);
    const async::Wake wake = co_await arrived_.Wait(context);
    if (wake == async::Wake::kTimeout) {
      co_return base::Fail(Kind::kTimeout, StrCat(options_.name, " sent nothing in time"));
    }
    if (wake == async::Wake::kCanceled) {
      co_return base::Fail(Kind::kCanceled, "the caller went away");
    }
  }
  Reply reply = std::move(pushed_.front());
  pushed_.pop_front();
  room_.PulseOne();
  co_return reply;
}

void Connection::Progress() {
  progress_ = loop_.now();
}

void Connection::OnStall() {
  if (debts_.empty() || broken()) return;
  const async::TimePoint limit = progress_ + options_.stall;
  if (limit > loop_.now()) return loop_.timers().Arm(stall_, limit);
  Break({Kind::kUnavailable,
         StrCat(options_.name, " has not answered for ", base::FormatDuration(options_.stall),
                "; the connection was given up")});
}

void Connection::Break(base::Error error, const base::Error* of_next) {
  if (error_) return;
  error_ = std::move(error);
  stall_.Cancel();
  stream_->Abort();
  Wake();
  commands_ = 0;
  // One by one: those resumed may make others that wait here go away.
  while (!debts_.empty()) {
    const Debt debt = debts_.front();
    debts_.pop_front();
    ++first_debt_;
    const base::Error& why = of_next ? *of_next : *error_;
    of_next = nullptr;
    if (!debt.sending) continue;
    debt.sending->waiting_ = false;
    debt.sending->sent_ = debt.starts < written_;
    debt.sending->status_ = std::unexpected(why);
    debt.sending->End(async::Wake::kReady);
  }
  broken_.Set();
  arrived_.Set();
  room_.Set();
}

async::Task<void> Connection::WaitBroken(const async::Context& context) {
  co_await broken_.Wait(context);
}

async::Task<void> Connection::Close() {
  Break({Kind::kUnavailable, StrCat(options_.name, ": the connection was closed")});
  co_await gate_.Close(async::Context());
}

}  // namespace components::redis
