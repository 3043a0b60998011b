#include "blocks/invoke/frames.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "blocks/invoke/wire.hpp"
#include "dapr/proto/internals/v1/service_invocation.pb.h"
#include "grpc/message.hpp"

namespace blocks::invoke {
namespace {

namespace internals = dapr::proto::internals::v1;

// Gives out prepared chunks; nullopt stands for "not yet".
class ChunkBody final : public http::Body {
 public:
  explicit ChunkBody(std::vector<std::optional<std::string>> chunks) : chunks_(std::move(chunks)) {}
  Poll TryRead(std::string_view& chunk) override {
    held_.clear();
    if (next_ == chunks_.size()) return fail ? Poll::kError : Poll::kEnd;
    auto& item = chunks_[next_++];
    if (!item) return Poll::kPending;
    held_ = *item;
    chunk = held_;
    return Poll::kChunk;
  }
  void OnReady(async::Waiter*) override {}
  base::Error error() const override { return base::Error(base::Kind::kUnavailable, "broken"); }
  std::optional<std::string_view> Whole() override {
    if (!whole || next_ == chunks_.size()) return std::nullopt;
    return std::string_view(*chunks_[next_]);
  }
  bool fail = false;
  bool whole = false;

 private:
  std::vector<std::optional<std::string>> chunks_;
  std::string held_;
  std::size_t next_ = 0;
};

std::string Drain(http::Body& body) {
  std::string out;
  std::string_view chunk;
  while (true) {
    switch (body.TryRead(chunk)) {
      case http::Body::Poll::kChunk:
        out += chunk;
        break;
      case http::Body::Poll::kPending:
        break;
      case http::Body::Poll::kEnd:
        return out;
      case http::Body::Poll::kError:
        return out + "<" + body.error().message + ">";
    }
  }
}

// One message of the stream in protobuf's own words.
std::string Message(std::optional<std::string> method, std::optional<std::string> data,
                    uint64_t seq = 0) {
  internals::InternalInvokeRequestStream message;
  if (method) message.mutable_request()->mutable_message()->set_method(*method);
  if (data) {
    message.mutable_payload()->set_data(*data);
    message.mutable_payload()->set_seq(seq);
  }
  std::string out;
  grpc::AppendFrame(message.SerializeAsString(), false, out);
  return out;
}

std::vector<internals::InternalInvokeRequestStream> Parse(std::string_view bytes) {
  std::vector<internals::InternalInvokeRequestStream> out;
  grpc::FrameParser parser(1 << 20, false);
  while (!bytes.empty()) {
    auto message = parser.Next(bytes);
    EXPECT_TRUE(message && *message);
    if (!message || !*message) break;
    EXPECT_TRUE(out.emplace_back().ParseFromString(**message));
  }
  return out;
}

TEST(Wire, PaddedLengths) {
  for (const std::size_t size : {0U, 1U, 127U, 128U, 16'384U, 3'000'000U}) {
    std::string bytes;
    const std::size_t start = wire::Open(bytes, 3);
    bytes.append(size, 'x');
    wire::Close(bytes, start);
    wire::AppendNumber(bytes, 1, 5);
    wire::Reader reader(bytes);
    ASSERT_TRUE(reader.Next());
    EXPECT_TRUE(reader.Is(3, wire::Type::kBytes));
    EXPECT_EQ(reader.bytes().size(), size);
    ASSERT_TRUE(reader.Next());
    EXPECT_EQ(reader.number(), 5U);
    EXPECT_FALSE(reader.Next());
    EXPECT_TRUE(reader.ok());
  }
}

TEST(FramedBody, FirstMessageThenPiecesInOrder) {
  std::string first = Message("m", std::nullopt);
  std::string big(70'000, 'b');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>('a' + i % 26);
  ChunkBody source({{"small"}, std::nullopt, big, {"end"}});
  FramedBody framed(first, &source, 0);
  const auto messages = Parse(Drain(framed));
  ASSERT_EQ(messages.size(), 6U);
  EXPECT_EQ(messages[0].request().message().method(), "m");
  EXPECT_FALSE(messages[0].has_payload());
  std::string data;
  for (std::size_t i = 1; i < messages.size(); ++i) {
    EXPECT_FALSE(messages[i].has_request());
    EXPECT_EQ(messages[i].payload().seq(), i - 1);
    EXPECT_LE(messages[i].payload().data().size(), kPayloadSize);
    data += messages[i].payload().data();
  }
  EXPECT_EQ(data, "small" + big + "end");
}

TEST(FramedBody, WithoutSourceTheLengthIsKnown) {
  std::string first;
  const std::size_t start = BeginMessage(first);
  AppendPayload(first, "data", 0);
  EndMessage(first, start);
  FramedBody framed(first, nullptr, 1);
  EXPECT_EQ(framed.length(), first.size());
  const auto messages = Parse(Drain(framed));
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].payload().data(), "data");
}

TEST(FramedBody, ErrorOfTheSource) {
  ChunkBody source({{"x"}});
  source.fail = true;
  FramedBody framed("", &source, 0);
  EXPECT_TRUE(Drain(framed).ends_with("<broken>"));
}

TEST(PayloadBody, AnyCut) {
  std::string stream = Message("m", "first", 0);
  stream += Message(std::nullopt, std::string(5000, 'x'), 1);
  stream += Message(std::nullopt, "", 2);
  stream += Message(std::nullopt, "last", 3);
  for (std::size_t step : {1U, 2U, 3U, 7U, 100U, 5000U, 100'000U}) {
    std::vector<std::optional<std::string>> chunks;
    for (std::size_t i = 0; i < stream.size(); i += step) {
      chunks.emplace_back(stream.substr(i, step));
      chunks.emplace_back(std::nullopt);
    }
    ChunkBody wire(std::move(chunks));
    MessageSource source(wire, 1 << 20, false);
    std::string_view message;
    MessageSource::Poll poll;
    while ((poll = source.Next(message)) == MessageSource::Poll::kPending) {
    }
    ASSERT_EQ(poll, MessageSource::Poll::kMessage);
    const auto first = ParseStreamMessage(message);
    ASSERT_TRUE(first);
    EXPECT_TRUE(first->head);
    PayloadBody body(source, *first->data, 1, true);
    EXPECT_EQ(Drain(body), "first" + std::string(5000, 'x') + "last") << step;
  }
}

std::string ReadStream(std::string stream, bool check_seq, std::size_t limit = 1 << 20,
                       std::optional<uint64_t> length = std::nullopt) {
  ChunkBody wire({std::move(stream)});
  MessageSource source(wire, limit, false);
  PayloadBody body(source, {}, 0, check_seq);
  if (length) body.set_length(*length);
  return Drain(body);
}

TEST(PayloadBody, SequenceIsChecked) {
  const std::string good = Message({}, "a", 0) + Message({}, "b", 1);
  const std::string bad = Message({}, "a", 0) + Message({}, "b", 2);
  EXPECT_EQ(ReadStream(good, true), "ab");
  EXPECT_EQ(ReadStream(bad, true), "a<invalid sequence number received: 2 (expected: 1)>");
  EXPECT_EQ(ReadStream(bad, false), "ab");
}

TEST(PayloadBody, BadStreams) {
  EXPECT_EQ(ReadStream(Message("head again", "a", 0), true),
            "<only the first message of the stream may have a head>");
  std::string cut = Message({}, "abc", 0);
  cut.pop_back();
  EXPECT_EQ(ReadStream(cut, true), "<grpc: the stream ends inside a message>");
  EXPECT_EQ(ReadStream(Message({}, std::string(100, 'x'), 0), true, 50),
            "<grpc: received message larger than max (50)>");
  std::string compressed = Message({}, "abc", 0);
  compressed[0] = 1;
  EXPECT_TRUE(ReadStream(compressed, true).starts_with("<grpc: a message is compressed"));
  std::string garbage;
  grpc::AppendFrame("\x12\x7f", false, garbage);
  EXPECT_EQ(ReadStream(garbage, true), "<grpc: a message of CallLocalStream is malformed>");
}

TEST(PayloadBody, AnnouncedLength) {
  EXPECT_EQ(ReadStream(Message({}, "abc", 0), true, 1000, 3), "abc");
  EXPECT_EQ(ReadStream(Message({}, "abc", 0), true, 1000, 4),
            "abc<the body has 3 bytes, but 4 were announced>");
}

TEST(PayloadBody, WholeWhenAllIsThere) {
  ChunkBody wire({Message("m", "data", 0)});
  wire.whole = true;
  MessageSource source(wire, 1000, false);
  EXPECT_FALSE(source.exhausted());
  std::string_view message;
  ASSERT_EQ(source.Next(message), MessageSource::Poll::kMessage);
  EXPECT_TRUE(source.exhausted());
  const auto first = ParseStreamMessage(message);
  PayloadBody body(source, *first->data, 1, true);
  EXPECT_EQ(body.Whole(), "data");
  EXPECT_EQ(body.length(), 4U);
  EXPECT_EQ(Drain(body), "data");
  EXPECT_EQ(body.Whole(), "");
}

TEST(MessageSource, Gzip) {
  std::string stream;
  grpc::AppendFrame("hello hello hello", true, stream);
  ChunkBody wire({stream});
  MessageSource source(wire, 1000, true);
  std::string_view message;
  ASSERT_EQ(source.Next(message), MessageSource::Poll::kMessage);
  EXPECT_EQ(message, "hello hello hello");
}

TEST(BufferBody, PartOfItsStorage) {
  BufferBody body("0123456789", 3, 4);
  http::Headers trailers;
  trailers.Add("a", "b");
  body.set_trailers(std::move(trailers));
  EXPECT_EQ(body.Whole(), "3456");
  EXPECT_EQ(Drain(body), "3456");
  EXPECT_EQ(body.trailers()->Get("a"), "b");
}

TEST(FramedBody, IsRewoundAsLongAsNothingOfItsSourceHasGone) {
  FramedBody alone("head", nullptr, 0);
  EXPECT_EQ(Drain(alone), "head");
  EXPECT_TRUE(alone.Rewind());
  EXPECT_EQ(Drain(alone), "head");
  ChunkBody source({"data"});
  FramedBody both("head", &source, 0);
  EXPECT_TRUE(both.Rewind());
  std::string_view chunk;
  EXPECT_EQ(both.TryRead(chunk), http::Body::Poll::kChunk);
  EXPECT_FALSE(both.Rewind());
  EXPECT_EQ(both.TryRead(chunk), http::Body::Poll::kChunk) << "it goes on where it was";
  EXPECT_NE(chunk, "head");
}

}  // namespace
}  // namespace blocks::invoke
