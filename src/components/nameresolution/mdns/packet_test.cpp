#include "components/nameresolution/mdns/packet.hpp"

#include <gtest/gtest.h>

namespace components::nameresolution::mdns {
namespace {

using std::string_literals::operator""s;

Name Labels(std::initializer_list<std::string_view> labels) {
  return NameFromLabels(labels).value();
}

Instance Example() {
  return {.service = ServiceName("cart").value(),
          .name = Labels({"node-1:42", "cart", "local"}),
          .host = Labels({"node-1-42-50002", "local"}),
          .port = 50002,
          .text = "cart",
          .address = "\x0a\x00\x00\x01"s};
}

TEST(Name, Makes) {
  EXPECT_EQ(ServiceName("cart").value(),
            "\x04"
            "cart"
            "\x05"
            "local");
  EXPECT_EQ(ServiceName("a.b").value(),
            "\x01"
            "a"
            "\x01"
            "b"
            "\x05"
            "local");
  EXPECT_EQ(NameFromLabels({"a.b"}).value(),
            "\x03"
            "a.b");
  EXPECT_FALSE(ServiceName(""));
  EXPECT_FALSE(ServiceName("a..b"));
  EXPECT_FALSE(ServiceName(std::string(64, 'x')));
  EXPECT_TRUE(ServiceName(std::string(63, 'x')));
  std::string many;
  for (int i = 0; i < 130; ++i) many += "x.";
  EXPECT_FALSE(ServiceName(many + "x"));
}

TEST(Name, Compares) {
  EXPECT_TRUE(SameName(ServiceName("Cart").value(), ServiceName("cART").value()));
  const Name parent = ServiceName("cart").value();
  EXPECT_TRUE(IsBelow(Labels({"x", "CART", "local"}), parent));
  EXPECT_TRUE(IsBelow(Labels({"x", "y", "cart", "local"}), parent));
  EXPECT_FALSE(IsBelow(parent, parent));
  EXPECT_FALSE(IsBelow(Labels({"my-cart", "local"}), parent));
  EXPECT_FALSE(IsBelow(Labels({"x.cart", "local"}), parent));
  EXPECT_FALSE(IsBelow(Labels({"x", "my-cart", "local"}), parent));
}

TEST(Name, LabelsFit) {
  EXPECT_EQ(FittingLabel("host", ":1"), "host:1");
  EXPECT_EQ(FittingLabel(std::string(80, 'h'), ":1"), std::string(61, 'h') + ":1");
  // A character of two bytes is not cut in half.
  EXPECT_EQ(FittingLabel(std::string(60, 'h') + "\xc3\xa4", ":1"), std::string(60, 'h') + ":1");
}

TEST(Packet, ResponsesReadAsWritten) {
  const Instance instance = Example();
  const auto packet = ParsePacket(WriteResponse(instance, 120));
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->response);
  EXPECT_TRUE(packet->questions.empty());
  ASSERT_EQ(packet->records.size(), 4u);
  EXPECT_EQ(packet->answers, 1u);
  const auto& [ptr, srv, txt, a] =
      std::tie(packet->records[0], packet->records[1], packet->records[2], packet->records[3]);
  EXPECT_EQ(ptr.name, instance.service);
  EXPECT_EQ(ptr.type, kTypePtr);
  EXPECT_EQ(ptr.target, instance.name);
  EXPECT_EQ(ptr.ttl, 120u);
  EXPECT_EQ(srv.name, instance.name);
  EXPECT_EQ(srv.port, 50002);
  EXPECT_EQ(srv.target, instance.host);
  EXPECT_EQ(txt.texts, std::vector<std::string>{"cart"});
  EXPECT_EQ(a.name, instance.host);
  EXPECT_EQ(a.address, instance.address);
  Instance v6 = instance;
  v6.address.assign(16, '\1');
  EXPECT_EQ(ParsePacket(WriteResponse(v6, 0))->records[3].type, kTypeAaaa);
}

TEST(Packet, QueriesReadAsWritten) {
  std::vector<Name> services;
  for (int i = 0; i < 300; ++i) services.push_back(ServiceName("app-" + std::to_string(i)).value());
  std::vector<Name> asked;
  for (const std::string& bytes : WriteQueries(services)) {
    EXPECT_LE(bytes.size(), 1200u);
    const auto packet = ParsePacket(bytes);
    ASSERT_TRUE(packet);
    EXPECT_FALSE(packet->response);
    for (const Question& question : packet->questions) {
      EXPECT_EQ(question.type, kTypePtr);
      asked.push_back(question.name);
    }
  }
  EXPECT_EQ(asked, services);
  EXPECT_TRUE(WriteQueries({}).empty());
}

// A response header with this many answers.
std::string Header(char answers) {
  return "\0\0\x84\0\0\0\0"s + answers + "\0\0\0\0"s;
}

TEST(Packet, CompressedNames) {
  // As other responders write it: the second name is "x" and a pointer to the first.
  const std::string bytes =
      Header(1) + "\4cart\5local\0"s + "\0\x0c\0\1\0\0\0\x78\0\4"s + "\1x\xc0\x0c"s;
  const auto packet = ParsePacket(bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->records.front().target, Labels({"x", "cart", "local"}));
}

TEST(Packet, EveryCutIsRefused) {
  const std::string bytes = WriteResponse(Example(), 120);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParsePacket(std::string_view(bytes).substr(0, size))) << size;
  }
}

TEST(Packet, HostileOnesAreRefused) {
  const std::string rest = "\0\x0c\0\1\0\0\0\x78\0\1\0"s;  // PTR with the root as target
  ASSERT_TRUE(ParsePacket(Header(1) + "\1a\0"s + rest));
  const std::pair<const char*, std::string> cases[] = {
      {"pointer to itself", Header(1) + "\xc0\x0c"s + rest},
      {"pointer forward", Header(1) + "\xc0\x20"s + rest},
      {"pointer into the header", Header(1) + "\xc0\x02"s + rest},
      {"pointers in a circle", Header(1) + "\1a\xc0\x10\xc0\x0c"s + rest},
      {"label then pointer back to it", Header(1) + "\1a\xc0\x0c"s + rest},
      {"reserved label type", Header(1) +
                                  "\x40"
                                  "a\0"s +
                                  rest},
      {"half a pointer", Header(1) + "\xc0"s},
      {"more records than there are", Header(2) + "\1a\0"s + rest},
      {"A of five bytes", Header(1) + "\1a\0\0\1\0\1\0\0\0\1\0\5abcde"s},
      {"name beyond the record", Header(1) + "\1a\0\0\x0c\0\1\0\0\0\1\0\1\1b\0"s},
      {"record beyond the name", Header(1) + "\1a\0\0\x0c\0\1\0\0\0\1\0\5\1b\0xx"s},
      {"text beyond the record", Header(1) + "\1a\0\0\x10\0\1\0\0\0\1\0\2\5hello"s},
      {"an opcode", "\0\0\x28\0\0\0\0\0\0\0\0\0"s},
      {"a response code", "\0\0\x84\3\0\0\0\0\0\0\0\0"s},
      {"too many questions", "\0\0\0\0\0\x81\0\0\0\0\0\0"s + std::string(700, '\0')},
      {"too many records", "\0\0\x84\0\0\0\1\0\0\1\0\0"s + std::string(8000, '\0')},
      {"too long", Header(0) + std::string(kMaxPacket, '\0')}};
  for (const auto& [what, bytes] : cases) EXPECT_FALSE(ParsePacket(bytes)) << what;
}

// A message whose last name is made of this many labels of 63 bytes, each pointing to the one
// before.
std::string ChainedName(int labels) {
  std::string bytes = Header(2) + "\0\0\x63\0\1\0\0\0\1"s;  // a first record of an unknown type
  const std::size_t start = bytes.size() + 2;
  const auto put = [](std::string& out, std::size_t value) {
    out += static_cast<char>(value >> 8);
    out += static_cast<char>(value & 0xFF);
  };
  std::string chain;
  std::size_t last = 0;
  for (int i = 0; i < labels; ++i) {
    const std::size_t here = start + chain.size();
    chain += '\x3f' + std::string(63, 'x');
    if (i == 0) {
      chain += '\0';
    } else {
      put(chain, 0xC000 | last);
    }
    last = here;
  }
  put(bytes, chain.size());
  bytes += chain;
  put(bytes, 0xC000 | last);
  return bytes + "\0\x63\0\1\0\0\0\1\0\0"s;
}

TEST(Packet, NamesStayShort) {
  const auto three = ParsePacket(ChainedName(3));
  ASSERT_TRUE(three);
  EXPECT_EQ(three->records.back().name.size(), 192u);
  EXPECT_FALSE(ParsePacket(ChainedName(4)));
  EXPECT_FALSE(ParsePacket(ChainedName(40)));
}

TEST(Packet, OtherClassesAndTypesAreSkipped) {
  const std::string other_class = "\1a\0\0\x0c\0\3\0\0\0\1\0\1\0"s;
  const std::string other_type = "\1a\0\0\x2f\x80\1\0\0\0\1\0\3abc"s;
  const auto packet = ParsePacket(Header(2) + other_class + other_type);
  ASSERT_TRUE(packet);
  ASSERT_EQ(packet->records.size(), 1u);
  EXPECT_EQ(packet->answers, 1u);
  EXPECT_EQ(packet->records.front().type, 0x2f);
}

}  // namespace
}  // namespace components::nameresolution::mdns
