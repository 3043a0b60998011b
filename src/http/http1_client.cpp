#include "http/http1_client.hpp"

#include <array>

#include "base/strings.hpp"

namespace http {
namespace {

constexpr std::size_t kPumpAhead = 64 * 1024;

}  // namespace

Http1ClientConnection::Http1ClientConnection(Http1Pool& pool, std::unique_ptr<net::Stream> stream)
    : stream(std::move(stream)), pool_(&pool), epoch_(pool.epoch_) {
  BeginUse();
}

Http1ClientConnection::~Http1ClientConnection() {
  StopRequest();
  stream->watch().OnReadable(nullptr);
  StringPool::Give(std::move(request_.bytes));
  Http1Pool* const pool = pool_;
  const bool in_use = in_use_;
  Unlist();
  stream.reset();
  if (pool && in_use) pool->Release();
}

void Http1ClientConnection::BeginUse() {
  in_use_ = true;
  place_ = pool_->in_use_.size();
  pool_->in_use_.push_back(this);
}

void Http1ClientConnection::Unlist() {
  if (!pool_ || !std::exchange(in_use_, false)) return;
  Http1ClientConnection* const last = pool_->in_use_.back();
  pool_->in_use_[place_] = last;
  last->place_ = place_;
  pool_->in_use_.pop_back();
}

void Http1ClientConnection::Begin(Http1Request request, Body* body, ResponseHead& response) {
  request_ = std::move(request);
  sent_ = 0;
  received_ = send_failed_ = false;
  request_error_.reset();
  request_done_ = request_.complete;
  body_ = request_done_ ? nullptr : body;
  NextHead(response);
  if (!request_.direct.empty()) Send(std::exchange(request_.direct, {}));
  Pump();
}

std::optional<Http1Request> Http1ClientConnection::TakeRequest() {
  if (!request_.complete || request_.bytes.empty()) return std::nullopt;
  return std::move(request_);
}

void Http1ClientConnection::NextHead(ResponseHead& response) {
  parser.StartResponse(response, pool_ ? pool_->options.max_header_bytes : 64 * 1024);
}

// Sends a piece of the body behind what is in the output, copying what the socket does not take.
void Http1ClientConnection::Send(std::string_view data) {
  std::string& out = request_.bytes;
  std::string_view suffix;
  if (request_.framing == SendFraming::kChunked) {
    AppendChunkSize(out, data.size());
    suffix = "\r\n";
  } else if (data.size() > request_.left) {
    return FailRequest(base::Error(base::Kind::kInternal, "a request body is longer than it said"));
  } else {
    request_.left -= data.size();
  }
  if (data.size() <= Http1Request::kCopy) {
    out.append(data).append(suffix);
    return;
  }
  const auto piece = [](std::string_view text) {
    return iovec{const_cast<char*>(text.data()), text.size()};
  };
  const std::string_view first = std::string_view(out).substr(sent_);
  const std::array<iovec, 3> pieces = {piece(first), piece(data), piece(suffix)};
  const net::IoResult result = stream->Write(pieces);
  if (result.status == net::Io::kError || result.status == net::Io::kEof) {
    send_failed_ = true;
    return;
  }
  std::size_t taken = result.status == net::Io::kOk ? result.bytes : 0;
  const std::size_t of_first = std::min(taken, first.size());
  sent_ += of_first;
  taken -= of_first;
  const std::size_t of_data = std::min(taken, data.size());
  taken -= of_data;
  if (sent_ == out.size()) {
    out.clear();
    sent_ = 0;
  }
  out.append(data.substr(of_data)).append(suffix.substr(taken));
}

// Writes what is pending; false if the socket takes no more now.
bool Http1ClientConnection::Flush() {
  std::string& out = request_.bytes;
  while (sent_ < out.size() && !send_failed_) {
    const net::IoResult result = stream->Write(std::string_view(out).substr(sent_));
    if (result.status == net::Io::kOk) {
      sent_ += result.bytes;
      if (sent_ == out.size() || stream->watch().writable()) continue;
    } else if (result.status != net::Io::kWouldBlock) {
      // An answer may have come before the peer closed; the reading side finds out.
      send_failed_ = true;
      break;
    }
    stream->watch().OnWritable(&writable_);
    return false;
  }
  if (!request_.complete) {
    out.clear();
    sent_ = 0;
  }
  return true;
}

void Http1ClientConnection::FailRequest(base::Error error) {
  request_error_ = std::move(error);
  body_ = nullptr;
  request_done_ = true;
  // Wakes whoever reads the response.
  stream->Abort();
}

void Http1ClientConnection::Pump() {
  while (!request_error_) {
    std::string_view chunk;
    while (!request_done_ && !send_failed_ && request_.bytes.size() - sent_ < kPumpAhead) {
      const Body::Poll poll = body_->TryRead(chunk);
      if (poll == Body::Poll::kChunk) {
        Send(chunk);
        if (request_error_) return;
        continue;
      }
      if (poll == Body::Poll::kPending) {
        body_hooked_ = true;
        body_->OnReady(&body_ready_);
        Flush();
        return;
      }
      const bool short_body =
          poll == Body::Poll::kEnd && request_.framing == SendFraming::kLength && request_.left > 0;
      if (poll == Body::Poll::kError || short_body) {
        return FailRequest(short_body ? base::Error(base::Kind::kInternal,
                                                    "a request body is shorter than it said")
                                      : body_->error());
      }
      if (request_.framing == SendFraming::kChunked) {
        AppendLastChunk(request_.bytes, body_->trailers());
      }
      body_ = nullptr;
      request_done_ = true;
    }
    if (!Flush() || request_done_ || send_failed_) return;
  }
}

void Http1ClientConnection::BodyReady() {
  body_hooked_ = false;
  Pump();
}

void Http1ClientConnection::Writable() {
  if (body_hooked_) {
    Flush();
  } else {
    Pump();
  }
}

void Http1ClientConnection::StopRequest() {
  if (std::exchange(body_hooked_, false)) body_->OnReady(nullptr);
  body_ = nullptr;
  if (stream) stream->watch().OnWritable(nullptr);
}

Http1ClientConnection::Fill Http1ClientConnection::FillInput(std::size_t wanted) {
  if (!stream->watch().readable()) return Fill::kWait;
  const net::IoResult result = stream->Read(in.Room(wanted));
  switch (result.status) {
    case net::Io::kOk:
      in.Commit(result.bytes);
      received_ = true;
      return Fill::kData;
    case net::Io::kWouldBlock:
      in.Release();
      return Fill::kWait;
    case net::Io::kEof:
      return Fill::kEof;
    case net::Io::kError:
      break;
  }
  return Fill::kError;
}

Http1ClientConnection::Step Http1ClientConnection::ReadHead() {
  for (;;) {
    if (!in.empty()) {
      std::size_t consumed = 0;
      const ParseState state = parser.Feed(in.view(), consumed);
      in.Consume(consumed);
      if (state == ParseState::kDone) return Step::kHead;
      if (state == ParseState::kError) return Step::kBad;
    }
    switch (FillInput(BlockPool::kSmall)) {
      case Fill::kData:
        break;
      case Fill::kWait:
        return Step::kWait;
      case Fill::kEof:
      case Fill::kError:
        return Step::kClosed;
    }
  }
}

void Http1ClientConnection::OnReadable(async::Waiter* waiter) {
  stream->watch().OnReadable(waiter);
}

void Http1ClientConnection::IdleEdge() {
  // Whatever an idle peer has to say, the connection is of no further use.
  pool_->DropIdle(*this);
}

bool Http1ClientConnection::QuietlyIdle() {
  if (stream->watch().hung_up()) return false;
  if (!stream->watch().readable()) return true;
  std::array<char, 1> byte;
  return stream->Read(byte).status == net::Io::kWouldBlock;
}

}  // namespace http
