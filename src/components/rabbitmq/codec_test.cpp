#include "components/rabbitmq/codec.hpp"

#include <gtest/gtest.h>

#include "components/rabbitmq/wire.hpp"

namespace components::rabbitmq {
namespace {

std::string FrameOf(FrameType type, uint16_t channel, std::string_view payload) {
  std::string out;
  AppendFrameHead(out, type, channel, payload.size());
  out += payload;
  AppendFrameEnd(out);
  return out;
}

TEST(FrameReader, FramesInPieces) {
  const std::string bytes = FrameOf(FrameType::kMethod, 7, "hello") +
                            FrameOf(FrameType::kHeartbeat, 0, "") +
                            FrameOf(FrameType::kBody, 65535, std::string(3000, 'x'));
  for (const std::size_t step : {1UL, 3UL, 8UL, 1000UL, bytes.size()}) {
    FrameReader reader(4096);
    std::string seen;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      reader.Feed(std::string_view(bytes).substr(at, step));
      Frame frame;
      while (*reader.Next(frame)) {
        seen += std::to_string(static_cast<int>(frame.type)) + ":" + std::to_string(frame.channel) +
                ":" + std::to_string(frame.payload.size()) + " ";
      }
    }
    EXPECT_EQ(seen, "1:7:5 8:0:0 3:65535:3000 ") << step;
    EXPECT_EQ(reader.waiting(), 0U);
  }
}

TEST(FrameReader, WhatIsNoFrame) {
  std::string without_end = FrameOf(FrameType::kBody, 1, "abc");
  without_end.back() = 'x';
  for (const std::string& bytes :
       {std::string("AMQP\0\0\x09\x01", 8), std::string("HTTP/1.1 400 Bad Request\r\n"),
        std::string(8, '\0'), without_end, FrameOf(FrameType::kBody, 1, std::string(4090, 'x'))}) {
    FrameReader reader(4096);
    reader.Feed(bytes);
    Frame frame;
    const auto got = reader.Next(frame);
    ASSERT_FALSE(got) << bytes.substr(0, 20);
    EXPECT_EQ(got.error().kind, base::Kind::kProtocol);
  }
}

// What AppendContent writes, as a receiver reads it.
struct Content {
  Properties properties;
  std::string body;
  std::size_t frames = 0;
};
Content ReadContent(const std::string& bytes, std::size_t max_frame) {
  Content content;
  FrameReader reader(max_frame);
  reader.Feed(bytes);
  Frame frame;
  while (*reader.Next(frame)) {
    ++content.frames;
    if (frame.type == FrameType::kHeader) {
      const auto header = DecodeHeader(frame.payload);
      EXPECT_TRUE(header);
      const auto properties = DecodeProperties(header->properties);
      EXPECT_TRUE(properties);
      content.properties = *properties;
    } else {
      content.body += frame.payload;
    }
  }
  return content;
}

TEST(Codec, ContentThereAndBack) {
  Properties all{.content_type = "a/b",
                 .content_encoding = "gzip",
                 .message_id = "m",
                 .correlation_id = "c",
                 .reply_to = "r",
                 .expiration = "1000",
                 .type = "t",
                 .app_id = "app",
                 .delivery_mode = 2,
                 .priority = 0,
                 .headers = {{"one", "1"}, {"two", ""}}};
  for (const std::size_t size : {0UL, 1UL, 4088UL, 4089UL, 100'000UL}) {
    std::string bytes;
    const std::string body(size, 'x');
    ASSERT_TRUE(AppendContent(bytes, 3, all, body, 4096));
    const Content content = ReadContent(bytes, 4096);
    EXPECT_EQ(content.body, body);
    EXPECT_EQ(content.frames, 1 + (size + 4087) / 4088);
    EXPECT_EQ(content.properties.content_type, "a/b");
    EXPECT_EQ(content.properties.content_encoding, "gzip");
    EXPECT_EQ(content.properties.message_id, "m");
    EXPECT_EQ(content.properties.correlation_id, "c");
    EXPECT_EQ(content.properties.reply_to, "r");
    EXPECT_EQ(content.properties.expiration, "1000");
    EXPECT_EQ(content.properties.type, "t");
    EXPECT_EQ(content.properties.app_id, "app");
    EXPECT_EQ(content.properties.delivery_mode, 2);
    EXPECT_EQ(content.properties.priority, 0);
    EXPECT_EQ(content.properties.headers, all.headers);
  }
  std::string out;
  EXPECT_FALSE(AppendContent(out, 1, {.type = std::string(256, 'x')}, "", 4096));
  EXPECT_FALSE(AppendContent(out, 1, {.headers = {{"h", std::string(5000, 'x')}}}, "", 4096));
  EXPECT_TRUE(out.empty());
}

TEST(Codec, MethodsOfTheBroker) {
  amqp_basic_deliver_t deliver{};
  deliver.consumer_tag = Bytes("me");
  deliver.delivery_tag = 1ULL << 40;
  deliver.redelivered = 1;
  deliver.exchange = Bytes("x");
  deliver.routing_key = Bytes("k");
  std::string bytes;
  ASSERT_TRUE(AppendMethod(bytes, 1, AMQP_BASIC_DELIVER_METHOD, &deliver, 4096));
  FrameReader reader(4096);
  reader.Feed(bytes);
  Frame frame;
  ASSERT_TRUE(*reader.Next(frame));
  const std::string payload(frame.payload);
  const auto method = DecodeMethod(payload);
  ASSERT_TRUE(method) << method.error().message;
  EXPECT_EQ(method->text, "me");
  EXPECT_EQ(method->delivery_tag, 1ULL << 40);
  EXPECT_TRUE(method->flag);
  EXPECT_EQ(method->exchange, "x");
  EXPECT_EQ(method->routing_key, "k");
  for (std::size_t size = 0; size < payload.size(); ++size) {
    EXPECT_FALSE(DecodeMethod(std::string_view(payload).substr(0, size))) << size;
  }
  // What only clients say.
  amqp_basic_ack_t ack{};
  std::string unasked;
  ASSERT_TRUE(AppendMethod(unasked, 1, AMQP_BASIC_ACK_METHOD, &ack, 4096));
  EXPECT_TRUE(DecodeMethod(std::string_view(unasked).substr(7, unasked.size() - 8)));
  EXPECT_FALSE(DecodeMethod(std::string("\0\x3c\0\x14\0\0\0\0\0", 9)));  // basic.consume
  EXPECT_FALSE(DecodeMethod(std::string("\x7f\x7f\0\x01", 4)));
}

// Tables in tables, as deep as the bytes allow.
TEST(Codec, NestedTables) {
  for (const int depth : {3, 8, 20, 10'000}) {
    std::string table;
    for (int i = 0; i < depth; ++i) {
      const auto size = static_cast<uint32_t>(table.size());
      std::string outer("\0F", 2);
      for (int shift = 24; shift >= 0; shift -= 8) outer += static_cast<char>(size >> shift);
      table = outer + table;
    }
    std::string properties("\x20\x00", 2);
    const auto size = static_cast<uint32_t>(table.size());
    for (int shift = 24; shift >= 0; shift -= 8) properties += static_cast<char>(size >> shift);
    properties += table;
    EXPECT_EQ(DecodeProperties(properties).has_value(), depth <= 8) << depth;
  }
}

}  // namespace
}  // namespace components::rabbitmq
