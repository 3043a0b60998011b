#include "http/http1_connection.hpp"

#include <array>

#include "http/http1_exchange.hpp"

namespace http {
namespace {

// An output buffer that has grown beyond this is given up once it is empty.
constexpr std::size_t kKeepOutput = 64 * 1024;
// How much may be read ahead while looking for the peer's end.
constexpr std::size_t kMaxAhead = 64 * 1024;

}  // namespace

Http1Connection::StallTimer::StallTimer(Http1Connection* connection) : connection(connection) {
  set_callback([](async::Timer* timer) {
    Http1Connection* self = static_cast<StallTimer*>(timer)->connection;
    self->stream->SetResetOnClose();
    self->Break();
  });
}

Http1Connection::AbortHook::AbortHook(Http1Connection* connection) : connection(connection) {
  set_fire([](async::CancelHook* hook) { static_cast<AbortHook*>(hook)->connection->Break(); });
}

Http1Connection::Http1Connection(ServerCore& core, std::unique_ptr<net::Stream> stream,
                                 const void* tag)
    : Turn(core.loop), core(core), stream(std::move(stream)), info(Describe(*this->stream, tag)) {
  if (!abort_.HookInto(core.abort)) Break();
}

Http1Connection::~Http1Connection() {
  EndWatch();
  if (stream) stream->watch().OnWritable(nullptr);
  Http1Exchange::Recycle(std::move(exchange));
  StringPool::Give(std::move(out_));
}

Http1Connection::Fill Http1Connection::FillInput(std::size_t wanted) {
  if (broken_) return Fill::kBroken;
  if (eof_) return Fill::kEof;
  if (!stream->watch().readable()) return Fill::kWait;
  const net::IoResult result = stream->Read(in.Room(wanted));
  switch (result.status) {
    case net::Io::kOk:
      in.Commit(result.bytes);
      return Fill::kData;
    case net::Io::kWouldBlock:
      in.Release();
      return Fill::kWait;
    case net::Io::kEof:
      eof_ = true;
      return Fill::kEof;
    case net::Io::kError:
      break;
  }
  Break();
  return Fill::kBroken;
}

void Http1Connection::SendDirect(std::string_view data, std::string_view suffix) {
  if (broken_) return;
  if (blocked_) {
    out_.append(data).append(suffix);
    return;
  }
  const auto piece = [](std::string_view text) {
    return iovec{const_cast<char*>(text.data()), text.size()};
  };
  const std::string_view first = std::string_view(out_).substr(out_begin_);
  const std::array<iovec, 3> pieces = {piece(first), piece(data), piece(suffix)};
  const net::IoResult result = stream->Write(pieces);
  if (result.status == net::Io::kError || result.status == net::Io::kEof) return Break();
  std::size_t sent = result.status == net::Io::kOk ? result.bytes : 0;
  if (sent == first.size() + data.size() + suffix.size()) return OutputEmpty();
  const std::size_t of_first = std::min(sent, first.size());
  out_begin_ += of_first;
  sent -= of_first;
  const std::size_t of_data = std::min(sent, data.size());
  sent -= of_data;
  if (pending() == 0) {
    out_.clear();
    out_begin_ = 0;
  }
  out_.append(data.substr(of_data)).append(suffix.substr(sent));
  if (stream->watch().writable()) {
    Flush();
  } else {
    OutputBlocked(true);
  }
}

void Http1Connection::Flush() {
  if (broken_ || blocked_) return;
  while (pending() > 0) {
    const net::IoResult result = stream->Write(std::string_view(out_).substr(out_begin_));
    if (result.status == net::Io::kOk) {
      out_begin_ += result.bytes;
      if (pending() > 0 && !stream->watch().writable()) return OutputBlocked(true);
      continue;
    }
    if (result.status == net::Io::kWouldBlock) return OutputBlocked(false);
    return Break();
  }
  OutputEmpty();
}

void Http1Connection::OutputEmpty() {
  write_stall_.Cancel();
  out_begin_ = 0;
  if (out_.capacity() > kKeepOutput) {
    out_ = std::string();
  } else {
    out_.clear();
  }
}

void Http1Connection::OutputBlocked(bool progress) {
  blocked_ = true;
  stream->watch().OnWritable(&writable_);
  if (progress || !write_stall_.armed()) {
    core.loop.timers().Arm(write_stall_, core.loop.After(core.options.write_stall_timeout));
  }
  // What has been sent would be carried along for ever by an output that never runs empty.
  if (out_begin_ >= kKeepOutput) {
    out_.erase(0, out_begin_);
    out_begin_ = 0;
  }
}

void Http1Connection::OnWritable() {
  blocked_ = false;
  Flush();
  // Last, because the connection may end in it.
  if (!broken_) drained_.Pulse();
}

async::Task<void> Http1Connection::Flushed() {
  const async::Context forever;  // the stall timer bounds it
  Flush();
  while (pending() > 0 && !broken_) co_await drained_.Wait(forever);
}

void Http1Connection::Break() {
  if (std::exchange(broken_, true)) return;
  blocked_ = false;
  write_stall_.Cancel();
  stream->watch().OnWritable(nullptr);
  out_.clear();
  out_begin_ = 0;
  stream->Abort();
  RequestTurn();
}

void Http1Connection::OnTurn() {
  if (!broken_) Flush();
  if (!broken_ && !std::exchange(left_, false)) return;
  if (exchange) {
    canceling_ = true;
    if (broken_) {
      exchange->PeerGone();
    } else {
      // Nearly always a client that has gone. One that only ended its side still gets what is sent.
      exchange->cancel().Cancel();
    }
    canceling_ = false;
  }
  if (!broken_) return;
  drained_.Pulse();
}

void Http1Connection::WatchPeer() {
  if (std::exchange(watching_, true)) return;
  stream->watch().OnReadable(&edge_);
  // What has happened already brings no edge.
  if (stream->watch().hung_up()) LookForEnd();
}

void Http1Connection::EndWatch() {
  if (std::exchange(watching_, false)) stream->watch().OnReadable(nullptr);
}

void Http1Connection::OnEdge() {
  stream->watch().OnReadable(&edge_);
  if (exchange && exchange->WakeReader()) return;
  if (stream->watch().hung_up()) LookForEnd();
}

void Http1Connection::LookForEnd() {
  // Only reading tells a reset, which ends everything, from the end of the peer's side.
  while (!broken_ && !eof_ && in.size() < kMaxAhead) {
    const bool lent = exchange && exchange->chunk_lent();
    const std::span<char> room = lent ? in.Tail() : in.Room();
    if (room.empty()) return;
    const net::IoResult result = stream->Read(room);
    if (result.status == net::Io::kOk) {
      in.Commit(result.bytes);
    } else if (result.status == net::Io::kEof) {
      eof_ = true;
      left_ = true;
      RequestTurn();
    } else if (result.status == net::Io::kError) {
      Break();
    } else {
      break;
    }
  }
  if (!(exchange && exchange->chunk_lent())) in.Release();
}

std::unique_ptr<net::Stream> Http1Connection::TakeStream() {
  EndWatch();
  abort_.Unhook();
  write_stall_.Cancel();
  Unlink();
  return std::move(stream);
}

void Http1Connection::Rest() {
  Http1Exchange::Recycle(std::move(exchange));
  in.Release();
  if (out_.capacity() > 0) {
    StringPool::Give(std::move(out_));
    out_ = std::string();
  }
}

}  // namespace http
