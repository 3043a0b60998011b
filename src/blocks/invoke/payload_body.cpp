// The reading half of frames.hpp above single messages: waiting for them, and the body they carry.
#include "base/strings.hpp"
#include "blocks/invoke/frames.hpp"
#include "blocks/invoke/wire.hpp"

namespace blocks::invoke {

using wire::Type;

// --- NextMessage -------------------------------------------------------------------------------

NextMessage::NextMessage(MessageSource& source, const async::Context& context)
    : WaitBase(context),
      Waiter([](async::Waiter* waiter) { static_cast<NextMessage*>(waiter)->Fired(); }),
      source_(source) {}

bool NextMessage::await_suspend(std::coroutine_handle<> self) {
  if (!Suspend(self)) return false;
  hooked_ = true;
  source_.OnReady(this);
  return true;
}

void NextMessage::Fired() {
  poll_ = source_.Next(message_);
  if (poll_ == MessageSource::Poll::kPending) {
    source_.OnReady(this);
    return;
  }
  hooked_ = false;
  Finish(async::Wake::kReady);
}

void NextMessage::Withdraw() {
  if (std::exchange(hooked_, false)) source_.OnReady(nullptr);
}

NextMessage::Outcome NextMessage::await_resume() {
  hooked_ = false;
  switch (poll_) {
    case MessageSource::Poll::kMessage:
      return std::optional(message_);
    case MessageSource::Poll::kEnd:
      return std::optional<std::string_view>();
    case MessageSource::Poll::kError:
      return std::unexpected(source_.error());
    case MessageSource::Poll::kPending:
      break;
  }
  if (wake_ == async::Wake::kTimeout) {
    return base::Fail(base::Kind::kTimeout, "context deadline exceeded");
  }
  return base::Fail(base::Kind::kCanceled, "context canceled");
}

// --- PayloadBody -------------------------------------------------------------------------------

base::Result<StreamMessage> ParseStreamMessage(std::string_view message) {
  StreamMessage out;
  wire::Reader reader(message);
  while (reader.Next()) {
    if (reader.Is(1, Type::kBytes)) {
      out.head = reader.bytes();
    } else if (reader.Is(2, Type::kBytes)) {
      out.data.emplace();
      wire::Reader payload(reader.bytes());
      while (payload.Next()) {
        if (payload.Is(1, Type::kBytes)) {
          out.data = payload.bytes();
        } else if (payload.Is(2, Type::kVarint)) {
          out.seq = payload.number();
        }
      }
      if (!payload.ok()) break;
    }
    // Fields of later versions are skipped.
  }
  if (!reader.ok()) {
    return base::Fail(base::Kind::kInternal, "grpc: a message of CallLocalStream is malformed");
  }
  return out;
}

http::Body::Poll PayloadBody::Fail(base::Error error) {
  error_ = std::move(error);
  return Poll::kError;
}

http::Body::Poll PayloadBody::TryRead(std::string_view& chunk) {
  if (error_) return Poll::kError;
  if (!first_.empty()) {
    chunk = std::exchange(first_, {});
    received_ += chunk.size();
    return Poll::kChunk;
  }
  while (!ended_) {
    std::string_view message;
    switch (source_.Next(message)) {
      case MessageSource::Poll::kPending:
        return Poll::kPending;
      case MessageSource::Poll::kError:
        return Fail(source_.error());
      case MessageSource::Poll::kEnd: {
        if (base::Status end = AtEnd(); !end) return Fail(std::move(end).error());
        if (length_ && received_ != *length_) {
          return Fail(base::Error(base::Kind::kProtocol,
                                  base::StrCat("the body has ", received_, " bytes, but ", *length_,
                                               " were announced")));
        }
        ended_ = true;
        continue;
      }
      case MessageSource::Poll::kMessage:
        break;
    }
    auto parsed = ParseStreamMessage(message);
    if (!parsed) return Fail(std::move(parsed).error());
    if (parsed->head) {
      return Fail(base::Error(base::Kind::kInternal,
                              "only the first message of the stream may have a head"));
    }
    if (!parsed->data) continue;
    if (check_seq_ && parsed->seq != next_seq_) {
      return Fail(base::Error(base::Kind::kInternal,
                              base::StrCat("invalid sequence number received: ", parsed->seq,
                                           " (expected: ", next_seq_, ")")));
    }
    ++next_seq_;
    if (parsed->data->empty()) continue;
    chunk = *parsed->data;
    received_ += chunk.size();
    return Poll::kChunk;
  }
  return Poll::kEnd;
}

std::optional<uint64_t> PayloadBody::length() const {
  if (length_) return length_;
  if (!source_.exhausted()) return std::nullopt;
  return received_ + first_.size();
}

bool PayloadBody::Keep(uint64_t bytes) {
  if (source_.Keep(bytes)) return true;
  Fail(source_.error());
  return false;
}

base::Error PayloadBody::error() const {
  return error_ ? *error_ : source_.error();
}

std::optional<std::string_view> PayloadBody::Whole() {
  if (error_ || !source_.exhausted()) return std::nullopt;
  return first_;
}

}  // namespace blocks::invoke
