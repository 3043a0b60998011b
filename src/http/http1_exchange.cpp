#include "http/http1_exchange.hpp"

#include <vector>

#include "base/strings.hpp"

namespace http {
namespace {

constexpr std::size_t kMaxSpare = 64;
// A recycled exchange does not keep the memory of unusually large heads.
constexpr std::size_t kMaxSpareBytes = 4096;
// From here on a body is sent from where it lies instead of being copied to the output.
constexpr std::size_t kDirect = 16 * 1024;
// Output of a handler that does not pause leaves in portions of this size.
constexpr std::size_t kFlushAt = 64 * 1024;

std::vector<std::unique_ptr<Http1Exchange>>& Spare() {
  thread_local std::vector<std::unique_ptr<Http1Exchange>> spare;
  return spare;
}

}  // namespace

std::unique_ptr<Http1Exchange> Http1Exchange::Make(Http1Connection& connection) {
  auto& spare = Spare();
  std::unique_ptr<Http1Exchange> exchange;
  if (spare.empty()) {
    exchange.reset(new Http1Exchange);
  } else {
    exchange = std::move(spare.back());
    spare.pop_back();
  }
  exchange->connection_ = &connection;
  exchange->request_.scheme.assign(connection.info.tls ? "https" : "http");
  exchange->Reset();
  return exchange;
}

void Http1Exchange::Recycle(std::unique_ptr<Http1Exchange> exchange) {
  if (!exchange) return;
  exchange->body_.stall_.Cancel();
  exchange->body_.waiter_ = nullptr;
  exchange->connection_ = nullptr;
  const bool large = exchange->request_.headers.bytes() + exchange->request_.target.size() +
                         exchange->body_.trailers_.bytes() >
                     kMaxSpareBytes;
  if (large || exchange->cancel_.canceled() || Spare().size() >= kMaxSpare) return;
  Spare().push_back(std::move(exchange));
}

void Http1Exchange::Reset() {
  parser_.StartRequest(request_, connection_->core.options.max_header_bytes);
  started_ = finished_ = aborted_ = close_ = head_only_ = false;
  sent_ = 0;
  body_.Clear();
}

ParseState Http1Exchange::TakeHead() {
  std::size_t consumed = 0;
  const ParseState state = parser_.Feed(connection_->in.view(), consumed);
  connection_->in.Consume(consumed);
  return state;
}

void Http1Exchange::Begin() {
  if (out().capacity() < 64) out() = StringPool::Take();
  head_only_ = request_.method == "HEAD";
  framing_ = SendFraming::kNone;
  body_.Begin(parser_.framing());
}

void Http1Exchange::Inform(const ResponseHead& head) {
  const bool informs = head.status >= 100 && head.status < 200 && head.status != 101;
  if (started_ || !informs || parser_.framing().minor == 0) return;
  if (head.status == 100) body_.expect_ = false;
  AppendInterimHead(out(), head);
  Sent();
}

SendOptions Http1Exchange::Options(const ResponseHead& head) {
  const Framing& request = parser_.framing();
  const ServerCore& core = connection_->core;
  close_ = close_ || request.close || (request.minor == 0 && !request.keep_alive) ||
           core.draining.is_set() || body_.Hopeless() || WantsClose(head.headers);
  no_body_ = head_only_ || head.status == 204 || head.status == 304 || head.status < 200;
  SendOptions options;
  options.minor = request.minor == 0 ? 0 : 1;
  options.close = close_;
  options.keep_alive = request.minor == 0 && !close_;
  return options;
}

void Http1Exchange::Respond(const ResponseHead& head, std::string_view body) {
  if (started_) return;
  started_ = finished_ = true;
  SendOptions options = Options(head);
  options.framing = SendFraming::kLength;
  options.length = body.size();
  if (no_body_ && body.empty()) {
    // A length about the body that is not sent comes from whoever knows it, or not at all.
    const auto given = ContentLength(head.headers);
    if (given) options.length = *given;
    if (head.status == 304 && !given) options.framing = SendFraming::kNone;
  }
  if (head.status == 204 || head.status < 200) options.framing = SendFraming::kNone;
  framing_ = options.framing;
  AppendResponseHead(out(), head, options);
  if (!no_body_) {
    sent_ = body.size();
    SendBody(body, {});
  }
  Sent();
}

void Http1Exchange::Start(const ResponseHead& head) {
  if (started_) return;
  started_ = true;
  SendOptions options = Options(head);
  const auto given = ContentLength(head.headers);
  if (head.status == 204 || head.status < 200) {
    options.framing = SendFraming::kNone;
  } else if (given) {
    options.framing = SendFraming::kLength;
    options.length = left_ = *given;
  } else if (no_body_) {
    options.framing = SendFraming::kNone;
  } else if (options.minor == 1) {
    options.framing = SendFraming::kChunked;
  } else {
    options.framing = SendFraming::kClose;
    options.close = false;  // HTTP/1.0 closes unless it says otherwise
    options.keep_alive = false;
    close_ = true;
  }
  framing_ = options.framing;
  AppendResponseHead(out(), head, options);
  Sent();
}

void Http1Exchange::Write(std::string_view data) {
  if (!started_ || finished_ || data.empty()) return;
  sent_ += data.size();
  if (no_body_) return;
  if (framing_ == SendFraming::kLength) {
    if (data.size() > left_) return Abort();
    left_ -= data.size();
  }
  if (framing_ == SendFraming::kChunked) {
    AppendChunkSize(out(), data.size());
    SendBody(data, "\r\n");
  } else {
    SendBody(data, {});
  }
  Sent();
}

void Http1Exchange::Finish(const Headers* trailers) {
  if (!started_ || finished_) return;
  if (!no_body_) {
    if (framing_ == SendFraming::kLength && left_ > 0) return Abort();
    if (framing_ == SendFraming::kChunked) AppendLastChunk(out(), trailers);
  }
  finished_ = true;
  Sent();
}

void Http1Exchange::Abort() {
  started_ = finished_ = aborted_ = close_ = true;
}

async::Task<base::Status> Http1Exchange::Drain(const async::Context& context) {
  if (connection_->pending() >= kFlushAt) connection_->Flush();
  while (congested() && !connection_->broken()) {
    const async::Wake wake = co_await connection_->drained().Wait(context);
    if (wake == async::Wake::kTimeout) {
      co_return base::Fail(base::Kind::kTimeout, "the client took no data of a response in time");
    }
    if (wake == async::Wake::kCanceled) {
      co_return base::Fail(base::Kind::kCanceled, "canceled while a response was being sent");
    }
  }
  if (connection_->broken()) {
    co_return base::Fail(base::Kind::kCanceled, "the client has closed the connection");
  }
  co_return base::Status();
}

void Http1Exchange::Refuse(int status, std::string_view detail) {
  if (started_) return;
  if (out().capacity() < 64) out() = StringPool::Take();
  ResponseHead head;
  head.status = status;
  head.headers.Add("Content-Type", "text/plain; charset=utf-8");
  std::string text = base::StrCat(status, " ", ReasonPhrase(status));
  if (!detail.empty()) base::StrAppend(text, ": ", detail);
  close_ = true;
  Respond(head, text);
}

void Http1Exchange::PeerGone() {
  cancel_.Cancel();
  body_.Wake();
}

void Http1Exchange::SendBody(std::string_view data, std::string_view suffix) {
  if (connection_->broken()) return;
  if (data.size() >= kDirect) return connection_->SendDirect(data, suffix);
  out().append(data).append(suffix);
}

void Http1Exchange::Sent() {
  if (connection_->broken()) {
    out().clear();
    return;
  }
  if (connection_->pending() >= kFlushAt) {
    connection_->Flush();
  } else if (!flushed_by_caller_) {
    connection_->RequestTurn();
  }
}

}  // namespace http
