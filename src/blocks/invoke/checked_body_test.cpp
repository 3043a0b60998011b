#include "blocks/invoke/checked_body.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace blocks::invoke {
namespace {

std::string Message(std::size_t size) {
  std::string out(5, '\0');
  out[3] = static_cast<char>(size >> 8);
  out[4] = static_cast<char>(size);
  return out + std::string(size, '\xff');
}

// Chunks of `size` bytes.
class Chunks final : public http::Body {
 public:
  Chunks(std::string data, std::size_t size) : data_(std::move(data)), rest_(data_), size_(size) {}
  Poll TryRead(std::string_view& chunk) override {
    if (rest_.empty()) return Poll::kEnd;
    chunk = rest_.substr(0, size_);
    rest_.remove_prefix(chunk.size());
    return Poll::kChunk;
  }
  void OnReady(async::Waiter*) override {}
  std::optional<std::string_view> Whole() override { return rest_; }

 private:
  const std::string data_;
  std::string_view rest_;
  const std::size_t size_;
};

TEST(CheckedBody, MessagesWithinTheLimitPassHoweverTheyAreCut) {
  const std::string data = Message(300) + Message(0) + Message(299) + Message(1);
  for (std::size_t size = 1; size < 20; ++size) {
    Chunks chunks(data, size);
    CheckedBody body(chunks, 300);
    EXPECT_EQ(body.Whole(), data);
    std::string_view chunk;
    std::string passed;
    http::Body::Poll poll;
    while ((poll = body.TryRead(chunk)) == http::Body::Poll::kChunk) passed += chunk;
    EXPECT_EQ(poll, http::Body::Poll::kEnd);
    EXPECT_EQ(passed, data);
    EXPECT_FALSE(body.exceeded());
  }
}

TEST(CheckedBody, ALargerOneEndsItHoweverItIsCut) {
  const std::string data = Message(300) + Message(301) + Message(2);
  for (std::size_t size = 1; size < 700; size += 13) {
    Chunks chunks(data, size);
    CheckedBody body(chunks, 300);
    EXPECT_FALSE(body.Whole());
    EXPECT_FALSE(body.exceeded());
    std::string_view chunk;
    http::Body::Poll poll;
    std::size_t passed = 0;
    while ((poll = body.TryRead(chunk)) == http::Body::Poll::kChunk) passed += chunk.size();
    EXPECT_EQ(poll, http::Body::Poll::kError);
    EXPECT_LT(passed, 311U);
    EXPECT_TRUE(body.exceeded());
    EXPECT_EQ(body.error().kind, base::Kind::kTooLarge);
    EXPECT_EQ(body.error().message, "grpc: received message larger than max (301 vs. 300)");
    EXPECT_EQ(body.TryRead(chunk), http::Body::Poll::kError);
    EXPECT_FALSE(body.Whole());
  }
}

TEST(CheckedBody, WithoutALimitAllPass) {
  Chunks chunks(Message(60'000), 1000);
  CheckedBody body(chunks, 0);
  std::string_view chunk;
  while (body.TryRead(chunk) == http::Body::Poll::kChunk) {
  }
  EXPECT_FALSE(body.exceeded());
}

}  // namespace
}  // namespace blocks::invoke
