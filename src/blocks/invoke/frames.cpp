#include "blocks/invoke/frames.hpp"

#include <algorithm>

#include "base/strings.hpp"
#include "blocks/invoke/wire.hpp"
#include "grpc/message.hpp"

namespace blocks::invoke {
namespace {

using wire::Type;

constexpr std::size_t kPrefix = 5;
// Below this a header and its data are put together: one short copy is cheaper than one more chunk.
constexpr std::size_t kJoinSize = 2048;

void PutPrefix(char* at, std::size_t size) {
  at[0] = 0;
  at[1] = static_cast<char>(size >> 24);
  at[2] = static_cast<char>(size >> 16);
  at[3] = static_cast<char>(size >> 8);
  at[4] = static_cast<char>(size);
}

uint32_t PrefixLength(const char* at) {
  const auto byte = [at](int i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(at[i]));
  };
  return byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4);
}

// The number goes before the data, so that the data can follow without being copied. Zero is left
// out, as proto3 does.
std::size_t PayloadSize(std::size_t size, uint64_t seq) {
  return (seq ? 1 + wire::VarintSize(seq) : 0) + wire::BytesSize(size);
}
void AppendPayloadFields(std::string& out, std::size_t size, uint64_t seq) {
  out += wire::Tag(2, Type::kBytes);
  wire::AppendVarint(out, PayloadSize(size, seq));
  if (seq) wire::AppendNumber(out, 2, seq);
  out += wire::Tag(1, Type::kBytes);
  wire::AppendVarint(out, size);
}

}  // namespace

std::size_t BeginMessage(std::string& out) {
  out.append(kPrefix, '\0');
  return out.size();
}

void EndMessage(std::string& out, std::size_t start) {
  PutPrefix(out.data() + start - kPrefix, out.size() - start);
}

void AppendPayload(std::string& out, std::string_view data, uint64_t seq) {
  AppendPayloadFields(out, data.size(), seq);
  out += data;
}

void AppendPayloadHeader(std::string& out, std::size_t size, uint64_t seq) {
  const std::size_t start = BeginMessage(out);
  AppendPayloadFields(out, size, seq);
  PutPrefix(out.data() + start - kPrefix, out.size() - start + size);
}

// --- FramedBody --------------------------------------------------------------------------------

http::Body::Poll FramedBody::TryRead(std::string_view& chunk) {
  if (first_) {
    first_ = false;
    chunk = buffer_;
    return Poll::kChunk;
  }
  if (!current_.empty()) {
    chunk = std::exchange(current_, {});
    return Poll::kChunk;
  }
  if (!source_) return Poll::kEnd;
  if (data_.empty()) {
    const Poll poll = source_->TryRead(data_);
    if (poll != Poll::kChunk) {
      data_ = {};
      return poll;
    }
  }
  const std::string_view piece = data_.substr(0, kPayloadSize);
  data_.remove_prefix(piece.size());
  buffer_.clear();
  AppendPayloadHeader(buffer_, piece.size(), seq_++);
  if (piece.size() <= kJoinSize) {
    buffer_ += piece;
  } else {
    current_ = piece;
  }
  chunk = buffer_;
  return Poll::kChunk;
}

base::Error FramedBody::error() const {
  return source_ ? source_->error() : Body::error();
}

std::optional<uint64_t> FramedBody::length() const {
  if (source_ || !first_) return std::nullopt;
  return buffer_.size();
}

// --- MessageSource -----------------------------------------------------------------------------

MessageSource::MessageSource(http::Body& body, std::size_t max_message, bool gzip)
    : body_(body), max_message_(max_message), gzip_(gzip), whole_(body.Whole().has_value()) {}

MessageSource::Poll MessageSource::Fail(base::Kind kind, std::string message) {
  error_.emplace(kind, std::move(message));
  return Poll::kError;
}

MessageSource::Poll MessageSource::Deliver(std::string_view frame, std::string_view& message) {
  const std::string_view data = frame.substr(kPrefix);
  if (frame[0] == 0) {
    message = data;
    return Poll::kMessage;
  }
  if (frame[0] != 1 || !gzip_) {
    return Fail(base::Kind::kInternal,
                "grpc: a message is compressed in a way that was not agreed");
  }
  auto inflated = grpc::Gunzip(data, max_message_);
  if (!inflated) {
    error_ = std::move(inflated).error();
    return Poll::kError;
  }
  inflated_ = std::move(*inflated);
  if (!Hold(inflated_.size())) return Poll::kError;
  message = inflated_;
  return Poll::kMessage;
}

bool MessageSource::Hold(uint64_t bytes) {
  if (!account_ || account_->Hold(kept_ + bytes, false)) return true;
  error_ = *account_->refusal();
  return false;
}

bool MessageSource::Keep(uint64_t bytes) {
  kept_ = bytes;
  return Hold(0);
}

MessageSource::Poll MessageSource::Next(std::string_view& message) {
  if (error_) return Poll::kError;
  if (!partial_) buffer_.clear();
  while (true) {
    if (!partial_ && rest_.size() >= kPrefix) {
      const std::size_t size = PrefixLength(rest_.data());
      if (size > max_message_) break;
      if (rest_.size() - kPrefix >= size) {
        const std::string_view frame = rest_.substr(0, kPrefix + size);
        rest_.remove_prefix(frame.size());
        return Deliver(frame, message);
      }
    }
    if (!rest_.empty()) {
      // Only as much as this message needs, so that the next one can be a view again.
      partial_ = true;
      std::size_t want = kPrefix;
      if (buffer_.size() >= kPrefix) want += PrefixLength(buffer_.data());
      const std::size_t take = std::min(want - buffer_.size(), rest_.size());
      buffer_.append(rest_.substr(0, take));
      rest_.remove_prefix(take);
      if (buffer_.size() < kPrefix) continue;
      const std::size_t size = PrefixLength(buffer_.data());
      if (size > max_message_) break;
      if (buffer_.size() - take < kPrefix && !Hold(size)) return Poll::kError;
      if (buffer_.size() == kPrefix + size) {
        partial_ = false;
        return Deliver(buffer_, message);
      }
      continue;
    }
    started_ = true;
    switch (body_.TryRead(rest_)) {
      case http::Body::Poll::kChunk:
        break;
      case http::Body::Poll::kPending:
        rest_ = {};
        return Poll::kPending;
      case http::Body::Poll::kEnd:
        rest_ = {};
        if (partial_) return Fail(base::Kind::kInternal, "grpc: the stream ends inside a message");
        return Poll::kEnd;
      case http::Body::Poll::kError:
        rest_ = {};
        error_ = body_.error();
        return Poll::kError;
    }
  }
  return Fail(base::Kind::kTooLarge,
              base::StrCat("grpc: received message larger than max (", max_message_, ")"));
}

base::Error MessageSource::error() const {
  return error_ ? *error_ : base::Error(base::Kind::kInternal, "grpc: the stream failed");
}

}  // namespace blocks::invoke
