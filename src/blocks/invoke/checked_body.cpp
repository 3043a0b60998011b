#include "blocks/invoke/checked_body.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace blocks::invoke {
namespace {

constexpr uint8_t kPrefix = 5;  // a flag and four bytes of length

}  // namespace

bool PrefixScanner::Scan(std::string_view chunk) {
  while (!chunk.empty()) {
    if (left_ > 0) {
      const auto skip = static_cast<std::size_t>(std::min<uint64_t>(left_, chunk.size()));
      left_ -= skip;
      chunk.remove_prefix(skip);
      continue;
    }
    const auto byte = static_cast<unsigned char>(chunk.front());
    chunk.remove_prefix(1);
    // The flag is shifted out by the four bytes behind it.
    announced_ = announced_ << 8 | byte;
    if (++prefix_ < kPrefix) continue;
    prefix_ = 0;
    if (max_message_ != 0 && announced_ > max_message_) return false;
    left_ = announced_;
  }
  return true;
}

http::Body::Poll CheckedBody::TryRead(std::string_view& chunk) {
  if (exceeded_) return Poll::kError;
  const Poll poll = body_.TryRead(chunk);
  if (poll != Poll::kChunk || scanner_.Scan(chunk)) return poll;
  exceeded_ = true;
  return Poll::kError;
}

base::Error CheckedBody::error() const {
  if (!exceeded_) return body_.error();
  return base::Error(base::Kind::kTooLarge,
                     base::StrCat("grpc: received message larger than max (", scanner_.announced(),
                                  " vs. ", scanner_.max_message(), ")"));
}

bool CheckedBody::Rewind() {
  if (exceeded_ || !body_.Rewind()) return false;
  scanner_ = PrefixScanner(scanner_.max_message());
  return true;
}

std::optional<std::string_view> CheckedBody::Whole() {
  if (exceeded_) return std::nullopt;
  const auto whole = body_.Whole();
  PrefixScanner ahead = scanner_;
  // What is too large must be met by reading, which says so.
  if (whole && !ahead.Scan(*whole)) return std::nullopt;
  return whole;
}

}  // namespace blocks::invoke
