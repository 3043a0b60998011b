#include "components/mqtt/packet.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "components/mqtt/filter.hpp"
#include "components/mqtt/outbox.hpp"

namespace components::mqtt {
namespace {

using std::string_view_literals::operator""sv;

// What a reader makes of bytes that come in pieces of this size: "PUBLISH", "more", or the error.
std::string ReadAll(std::string_view bytes, std::size_t step, std::size_t limit = 1000) {
  PacketReader reader(limit);
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.Feed(bytes.substr(at, step));
    Packet packet;
    while (true) {
      const auto got = reader.Next(packet);
      if (!got) return out + got.error().message;
      if (!*got) break;
      out += std::string(PacketName(packet.type)) + " ";
    }
  }
  return out + (reader.buffered() > 0 ? "more" : "end");
}

TEST(MqttPacket, WritesConnect) {
  std::string out;
  AppendConnect(out, {.client_id = "me", .clean_session = true, .keep_alive_seconds = 30});
  EXPECT_EQ(out, "\x10\x0e\x00\x04MQTT\x04\x02\x00\x1e\x00\x02me"sv);
  out.clear();
  AppendConnect(out, {.client_id = "me", .username = "u", .password = "pw"});
  EXPECT_EQ(out, "\x10\x15\x00\x04MQTT\x04\xc0\x00\x00\x00\x02me\x00\x01u\x00\x02pw"sv);
}

TEST(MqttPacket, WritesPublish) {
  std::string out;
  AppendPublish(out, {.topic = "t", .payload = "hi", .qos = 0, .retain = true});
  EXPECT_EQ(out, "\x31\x05\x00\x01thi"sv);
  out.clear();
  AppendPublish(out, {.topic = "t", .payload = "hi", .qos = 2, .dup = true, .id = 0x102});
  EXPECT_EQ(out, "\x3c\x07\x00\x01t\x01\x02hi"sv);
  out.clear();
  const std::string large(300, 'x');
  AppendPublish(out, {.topic = "t", .payload = large});
  EXPECT_EQ(out.substr(0, 3), "\x30\xaf\x02"sv);
}

TEST(MqttPacket, WritesTheRest) {
  std::string out;
  AppendAck(out, PacketType::kPuback, 7);
  AppendAck(out, PacketType::kPubrel, 7);
  AppendSubscribe(out, 1, "a/#", 1);
  AppendUnsubscribe(out, 2, "a/#");
  AppendEmpty(out, PacketType::kPingreq);
  EXPECT_EQ(out,
            "\x40\x02\x00\x07\x62\x02\x00\x07\x82\x08\x00\x01\x00\x03"
            "a/#\x01\xa2\x07\x00\x02\x00\x03"
            "a/#\xc0\x00"sv);
}

TEST(MqttPacket, ReadsWhatItWrites) {
  std::string out;
  AppendPublish(out, {.topic = "a/b", .payload = "data", .qos = 1, .retain = true, .id = 9});
  PacketReader reader(1000);
  reader.Feed(out);
  Packet packet;
  ASSERT_TRUE(reader.Next(packet).value());
  EXPECT_EQ(packet.topic, "a/b");
  EXPECT_EQ(packet.payload, "data");
  EXPECT_EQ(packet.qos, 1);
  EXPECT_EQ(packet.id, 9);
  EXPECT_TRUE(packet.retain);
  EXPECT_FALSE(packet.dup);
  EXPECT_FALSE(reader.Next(packet).value());
}

TEST(MqttPacket, ReadsPacketsInPiecesOfAnySize) {
  const std::string_view bytes =
      "\x20\x02\x01\x00\xd0\x00\x30\x03\x00\x01t\x40\x02\x00\x01\x90\x03\x00\x01\x80\xb0\x02\x00\x02"sv;
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    EXPECT_EQ(ReadAll(bytes, step), "CONNACK PINGRESP PUBLISH PUBACK SUBACK UNSUBACK end") << step;
  }
}

TEST(MqttPacket, RefusesWhatIsNone) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"\x00\x00"sv, "type 0"},
      {"\xf0\x00"sv, "type 15"},
      {"\x82\x00"sv, "wrong flags"},
      {"\x10\x00"sv, "type 1"},
      {"\x30\xff\xff\xff\xff\x01"sv, "endless"},
      {"\x30\xff\xff\x7f"sv, "are allowed"},
      {"\x36\x06\x00\x01t\x00\x01x"sv, "QoS 3"},
      {"\x30\x01\x00"sv, "no topic"},
      {"\x30\x02\x00\x00"sv, "not a topic"},
      {"\x30\x03\x00\x02t"sv, "longer than the packet"},
      {"\x32\x03\x00\x01t"sv, "longer than the packet"},
      {"\x32\x05\x00\x01t\x00\x00"sv, "no packet identifier"},
      {"\x30\x03\x00\x01#"sv, "not a topic"},
      {"\x30\x03\x00\x01\x00"sv, "not a topic"},
      {"\x20\x03\x00\x00\x00"sv, "wrong flags"},
      {"\x20\x02\x02\x00"sv, "wrong flags"},
      {"\x21\x02\x00\x00"sv, "wrong flags"},
      {"\x60\x02\x00\x01"sv, "wrong flags"},
      {"\x40\x01\x00"sv, "wrong length"},
      {"\x40\x03\x00\x01\x00"sv, "wrong length"},
      {"\x40\x02\x00\x00"sv, "no packet identifier"},
      {"\x90\x02\x00\x01"sv, "wrong length"},
      {"\x90\x03\x00\x01\x03"sv, "return code"},
      {"\xd0\x01\x00"sv, "wrong length"}};
  for (const auto& [bytes, text] : cases) {
    for (const std::size_t step : {std::size_t{1}, bytes.size()}) {
      EXPECT_NE(ReadAll(bytes, step).find(text), std::string::npos)
          << testing::PrintToString(bytes) << ": " << ReadAll(bytes, step);
    }
  }
}

TEST(MqttPacket, KnowsWhatIsMissing) {
  PacketReader reader(1000);
  Packet packet;
  reader.Feed("\x30\x64"sv);
  EXPECT_FALSE(reader.Next(packet).value());
  EXPECT_EQ(reader.waiting(), 100U);
}

TEST(MqttPacketIds, AreNotGivenTwice) {
  PacketIds ids;
  EXPECT_EQ(ids.Take(), 1);
  for (int i = 2; i <= 0xffff; ++i) {
    const uint16_t id = ids.Take();
    EXPECT_EQ(id, i);
    ids.Give(id);
  }
  EXPECT_EQ(ids.Take(), 2);  // neither 0 nor 1
}

TEST(MqttFilter, Matches) {
  const std::pair<const char*, std::vector<const char*>> matching[] = {
      {"a", {"a"}},
      {"a/b", {"a/b"}},
      {"#", {"a", "a/b", "/", "/a"}},
      {"a/#", {"a", "a/", "a/b", "a/b/c"}},
      {"+", {"a"}},
      {"+/+", {"a/b", "/b", "/"}},
      {"a/+/c", {"a/b/c", "a//c"}},
      {"+/#", {"a", "a/b"}},
      {"$share/g/a/+", {"a/b"}},
      {"$SYS/#", {"$SYS", "$SYS/x"}}};
  for (const auto& [text, topics] : matching) {
    const auto filter = Filter::Parse(text);
    ASSERT_TRUE(filter) << text;
    for (const char* topic : topics) EXPECT_TRUE(filter->Matches(topic)) << text << " " << topic;
  }
  const std::pair<const char*, std::vector<const char*>> others[] = {
      {"a", {"b", "a/", "/a", "A"}},
      {"a/b", {"a", "a/b/c"}},
      {"a/", {"a"}},
      {"#", {"$SYS/x"}},
      {"+/x", {"$SYS/x"}},
      {"+", {"a/b", "/"}},
      {"a/+", {"a", "a/b/c"}},
      {"a/+/c", {"a/c", "a/b/d"}},
      {"$share/g/a", {"$share/g/a", "g/a"}}};
  for (const auto& [text, topics] : others) {
    const auto filter = Filter::Parse(text);
    ASSERT_TRUE(filter) << text;
    for (const char* topic : topics) EXPECT_FALSE(filter->Matches(topic)) << text << " " << topic;
  }
}

TEST(MqttFilter, RefusesWhatIsNone) {
  for (const std::string_view text :
       {""sv, "a#"sv, "a/#/b"sv, "a+"sv, "+a/b"sv, "$share/g"sv, "$share//a"sv, "$share/g/"sv,
        "$share/+/a"sv, "$share/g/a#"sv, "a\0b"sv, "\xff"sv}) {
    const auto filter = Filter::Parse(text);
    ASSERT_FALSE(filter) << text;
    EXPECT_EQ(filter.error().kind, base::Kind::kInvalidArgument);
  }
  EXPECT_FALSE(Filter::Parse(std::string(70'000, 'a')));
  EXPECT_TRUE(CheckTopic("a/b"));
  EXPECT_FALSE(CheckTopic("a/+"));
  EXPECT_FALSE(CheckTopic(""));
}

}  // namespace
}  // namespace components::mqtt
