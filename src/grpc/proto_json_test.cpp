#include "grpc/proto_json.hpp"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <bit>
#include <limits>

#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "dapr/proto/runtime/v1/metadata.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/test_wire.hpp"

namespace grpc {
namespace {

namespace pb = google::protobuf;
using test::Bytes;
using test::Fixed;
using test::Number;
using test::Varint;

// The JSON, or "error: " and why there is none.
std::string Print(const DescriptorIndex& index, std::string_view type, std::string_view bytes) {
  std::string out = "before";
  const auto status = AppendProtoJson(index, type, bytes, out);
  if (!status) {
    EXPECT_EQ(out, "before");
    return "error: " + status.error().message;
  }
  out.erase(0, 6);
  EXPECT_TRUE(base::CheckJson(out)) << out;
  return out;
}
std::string Print(std::string_view type, std::string_view bytes) {
  return Print(DescriptorIndex::BuiltIn(), type, bytes);
}
template <class M>
std::string Print(const M& message) {
  return Print(message.GetTypeName(), message.SerializeAsString());
}

// A contract with every type: fields 1 to 18 are single fields of these types, 101 to 118 repeated
// ones, 201 and so on maps from the types that can be keys to `int32`.
std::string FieldOf(std::string_view name, uint32_t number, uint32_t type, bool repeated,
                    std::string_view type_name = {}) {
  return Bytes(2, Bytes(1, name) + Number(3, number) + Number(4, repeated ? 3 : 1) +
                      Number(5, type) + (type_name.empty() ? "" : Bytes(6, type_name)) +
                      Bytes(10, name));
}

const DescriptorIndex& AllTypes() {
  static const std::string set = [] {
    std::string message = Bytes(1, "All");
    for (uint32_t type = 1; type <= 18; ++type) {
      if (type == 10) continue;
      const std::string_view name = type == 11 ? ".t.All" : type == 14 ? ".t.E" : "";
      message += FieldOf(base::StrCat("f", type), type, type, false, name);
      message += FieldOf(base::StrCat("r", type), 100 + type, type, true, name);
      if (type <= 2 || type == 11 || type == 12 || type == 14) continue;
      message += FieldOf(base::StrCat("m", type), 200 + type, 11, true,
                         base::StrCat(".t.All.Entry", type));
      message += Bytes(3, Bytes(1, base::StrCat("Entry", type)) + FieldOf("key", 1, type, false) +
                              FieldOf("value", 2, 5, false) + Bytes(7, Number(7, 1)));
    }
    const std::string values = Bytes(2, Bytes(1, "ZERO") + Number(2, 0)) +
                               Bytes(2, Bytes(1, "ONE") + Number(2, 1)) +
                               Bytes(2, Bytes(1, "UNO") + Number(2, 1)) +
                               Bytes(2, Bytes(1, "LESS") + Number(2, static_cast<uint64_t>(-1)));
    return Bytes(1, Bytes(1, "t.proto") + Bytes(2, "t") + Bytes(4, message) +
                        Bytes(5, Bytes(1, "E") + values) + Bytes(12, "proto3"));
  }();
  static const DescriptorIndex index = *DescriptorIndex::Parse(set);
  return index;
}
std::string PrintAll(std::string_view bytes) {
  return Print(AllTypes(), "t.All", bytes);
}

constexpr uint64_t kMinus = static_cast<uint64_t>(-1);

TEST(ProtoJson, Numbers) {
  EXPECT_EQ(PrintAll(Fixed(1, 8, std::bit_cast<uint64_t>(0.1))), R"({"f1":0.1})");
  EXPECT_EQ(PrintAll(Fixed(1, 8, std::bit_cast<uint64_t>(-0.0))), R"({"f1":-0})");
  EXPECT_EQ(PrintAll(Fixed(1, 8, std::bit_cast<uint64_t>(1e21))), R"({"f1":1e+21})");
  EXPECT_EQ(
      PrintAll(Fixed(1, 8, std::bit_cast<uint64_t>(-std::numeric_limits<double>::infinity()))),
      R"({"f1":"-Infinity"})");
  EXPECT_EQ(PrintAll(Fixed(2, 4, std::bit_cast<uint32_t>(0.1f))), R"({"f2":0.1})");
  EXPECT_EQ(PrintAll(Fixed(2, 4, std::bit_cast<uint32_t>(std::numeric_limits<float>::quiet_NaN()))),
            R"({"f2":"NaN"})");
  EXPECT_EQ(PrintAll(Fixed(2, 4, std::bit_cast<uint32_t>(3.4028235e38f))),
            R"({"f2":3.4028235e+38})");
  EXPECT_EQ(PrintAll(Number(3, kMinus)), R"({"f3":"-1"})");
  EXPECT_EQ(PrintAll(Number(4, kMinus)), R"({"f4":"18446744073709551615"})");
  EXPECT_EQ(PrintAll(Number(5, kMinus)), R"({"f5":-1})");
  EXPECT_EQ(PrintAll(Fixed(6, 8, kMinus)), R"({"f6":"18446744073709551615"})");
  EXPECT_EQ(PrintAll(Fixed(7, 4, kMinus)), R"({"f7":4294967295})");
  EXPECT_EQ(PrintAll(Number(8, 2)), R"({"f8":true})");
  EXPECT_EQ(PrintAll(Number(13, kMinus)), R"({"f13":4294967295})");
  EXPECT_EQ(PrintAll(Number(14, 1)), R"({"f14":"ONE"})");
  EXPECT_EQ(PrintAll(Number(14, kMinus)), R"({"f14":"LESS"})");
  EXPECT_EQ(PrintAll(Number(14, 77)), R"({"f14":77})");
  EXPECT_EQ(PrintAll(Fixed(15, 4, kMinus)), R"({"f15":-1})");
  EXPECT_EQ(PrintAll(Fixed(16, 8, kMinus)), R"({"f16":"-1"})");
  EXPECT_EQ(PrintAll(Number(17, 3)), R"({"f17":-2})");
  EXPECT_EQ(PrintAll(Number(17, 0xffffffff)), R"({"f17":-2147483648})");
  EXPECT_EQ(PrintAll(Number(18, kMinus)), R"({"f18":"-9223372036854775808"})");
}

TEST(ProtoJson, Texts) {
  EXPECT_EQ(PrintAll(Bytes(9, "a\"\\\n\x01<\xc3\xa4\xf0\x9f\x98\x80")),
            "{\"f9\":\"a\\\"\\\\\\n\\u0001<\xc3\xa4\xf0\x9f\x98\x80\"}");
  EXPECT_EQ(PrintAll(Bytes(12, "\xff\xfe\xfd\xfc")), R"({"f12":"//79/A=="})");
  for (const std::string_view bad : {"\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                                     "\xf4\x90\x80\x80", "\xe2\x82x"}) {
    EXPECT_EQ(PrintAll(Bytes(9, bad)), "error: message t.All: field f9 is not UTF-8");
  }
}

TEST(ProtoJson, DefaultsAreLeftOut) {
  EXPECT_EQ(PrintAll(""), "{}");
  EXPECT_EQ(PrintAll(Number(5, 0) + Bytes(9, "") + Number(8, 0) + Number(14, 0) + Fixed(1, 8, 0) +
                     Bytes(12, "")),
            "{}");
  // A message is there even if it is empty; the last of equal fields counts.
  EXPECT_EQ(PrintAll(Bytes(11, "") + Number(5, 3) + Number(5, 0)), R"({"f11":{}})");
  // What is not declared, or is of another kind than declared, is left out.
  EXPECT_EQ(PrintAll(Number(99, 1) + Bytes(5, "x") + Number(9, 1)), "{}");
}

TEST(ProtoJson, RepeatedFields) {
  EXPECT_EQ(PrintAll(Bytes(105, Varint(1) + Varint(kMinus)) + Number(105, 0)),
            R"({"r5":[1,-1,0]})");
  EXPECT_EQ(PrintAll(Bytes(107, std::string("\1\0\0\0\2\0\0\0", 8))), R"({"r7":[1,2]})");
  EXPECT_EQ(PrintAll(Bytes(109, "") + Bytes(109, "b")), R"({"r9":["","b"]})");
  EXPECT_EQ(PrintAll(Bytes(111, Number(5, 1)) + Bytes(111, "")), R"({"r11":[{"f5":1},{}]})");
  EXPECT_EQ(PrintAll(Bytes(107, "123")), "error: message t.All: malformed bytes");
  EXPECT_EQ(PrintAll(Bytes(105, "")), "{}");
}

TEST(ProtoJson, MapsAreSortedAndTheLastKeyStays) {
  const auto entry = [](uint32_t map, const std::string& key, uint64_t value) {
    return Bytes(map, key + Number(2, value));
  };
  EXPECT_EQ(PrintAll(entry(209, Bytes(1, "b"), 1) + entry(209, Bytes(1, "a"), 2) +
                     entry(209, Bytes(1, "b"), 3)),
            R"({"m9":{"a":2,"b":3}})");
  EXPECT_EQ(PrintAll(entry(205, Number(1, 10), 1) + entry(205, Number(1, 9), 2) +
                     entry(205, Number(1, kMinus), 3)),
            R"({"m5":{"-1":3,"9":2,"10":1}})");
  EXPECT_EQ(PrintAll(entry(204, Number(1, kMinus), 1) + entry(204, Number(1, 1), 2)),
            R"({"m4":{"1":2,"18446744073709551615":1}})");
  EXPECT_EQ(PrintAll(entry(208, Number(1, 1), 1) + entry(208, Number(1, 0), 2)),
            R"({"m8":{"false":2,"true":1}})");
  EXPECT_EQ(PrintAll(Bytes(209, "")), R"({"m9":{"":0}})");
  EXPECT_EQ(PrintAll(Bytes(209, Bytes(1, "\xff"))),
            "error: message t.All.Entry9: a key is not UTF-8");
  EXPECT_EQ(PrintAll(Bytes(209, "\xff")), "error: message t.All.Entry9: malformed bytes");
}

TEST(ProtoJson, MessagesInPiecesAreJoined) {
  EXPECT_EQ(PrintAll(Bytes(11, Number(5, 1) + Bytes(9, "x")) + Bytes(11, Number(5, 2))),
            R"({"f11":{"f5":2,"f9":"x"}})");
  // In pieces at every level: refused before the copies take more than a few times the message.
  std::string nested = Bytes(9, std::string(2000, 'x'));
  for (int i = 0; i < 20; ++i) nested = Bytes(11, "") + Bytes(11, nested);
  EXPECT_EQ(PrintAll(nested), "error: message t.All: in too many pieces");
}

TEST(ProtoJson, DepthIsBounded) {
  std::string nested;
  for (int i = 1; i < kMaxJsonMessageDepth; ++i) nested = Bytes(11, nested);
  EXPECT_TRUE(PrintAll(nested).starts_with(R"({"f11":{"f11":)"));
  nested = Bytes(11, nested);
  EXPECT_EQ(PrintAll(nested), "error: message t.All: nested too deep");
  std::string value = Number(4, 1);
  for (int i = 0; i < 5000; ++i) value = Bytes(6, Bytes(1, value));
  EXPECT_TRUE(Print("google.protobuf.Value", value).ends_with("nested too deep"));
}

TEST(ProtoJson, Oneof) {
  // number_value and then bool_value of one oneof: the last one stays.
  EXPECT_EQ(Print("google.protobuf.Value", Fixed(2, 8, 0) + Number(4, 0)), "false");
  EXPECT_EQ(Print("google.protobuf.Value", Number(4, 0) + Bytes(3, "")), "\"\"");
}

TEST(ProtoJson, Any) {
  google::rpc::ErrorInfo info;
  info.set_reason("R");
  (*info.mutable_metadata())["k"] = "v";
  pb::Any any;
  EXPECT_EQ(Print(any), "{}");
  any.PackFrom(info);
  EXPECT_EQ(
      Print(any),
      R"({"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"R","metadata":{"k":"v"}})");
  pb::Any outer;
  outer.PackFrom(any);
  EXPECT_EQ(Print(outer),
            R"({"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":)"
            R"("type.googleapis.com/google.rpc.ErrorInfo","reason":"R","metadata":{"k":"v"}}})");
  pb::StringValue text;
  text.set_value("x");
  any.PackFrom(text);
  EXPECT_EQ(Print(any),
            R"({"@type":"type.googleapis.com/google.protobuf.StringValue","value":"x"})");
  any.PackFrom(pb::Empty());
  EXPECT_EQ(Print(any), R"({"@type":"type.googleapis.com/google.protobuf.Empty","value":{}})");
  any.set_type_url("google.rpc.ErrorInfo");
  any.clear_value();
  EXPECT_EQ(Print(any), R"({"@type":"google.rpc.ErrorInfo"})");

  any.set_type_url("x/nobody.Knows");
  EXPECT_EQ(Print(any),
            R"(error: message google.protobuf.Any: type "x/nobody.Knows" is not known)");
  any.set_type_url("x/google.rpc.ErrorInfo");
  any.set_value("\xff");
  EXPECT_EQ(Print(any), "error: message google.rpc.ErrorInfo: malformed bytes");
  any.clear_type_url();
  EXPECT_EQ(Print(any), "error: message google.protobuf.Any: has a value and no type_url");
}

TEST(ProtoJson, Timestamp) {
  const auto print = [](int64_t seconds, int32_t nanos) {
    pb::Timestamp time;
    time.set_seconds(seconds);
    time.set_nanos(nanos);
    return Print(time);
  };
  EXPECT_EQ(print(0, 0), R"("1970-01-01T00:00:00Z")");
  EXPECT_EQ(print(1'700'000'000, 120'000'000), R"("2023-11-14T22:13:20.120Z")");
  EXPECT_EQ(print(-1, 1'000), R"("1969-12-31T23:59:59.000001Z")");
  EXPECT_EQ(print(951'782'400, 1), R"("2000-02-29T00:00:00.000000001Z")");
  EXPECT_EQ(print(-62'135'596'800, 0), R"("0001-01-01T00:00:00Z")");
  EXPECT_EQ(print(253'402'300'799, 999'999'999), R"("9999-12-31T23:59:59.999999999Z")");
  const std::string_view refused = "error: message google.protobuf.Timestamp: out of range";
  EXPECT_EQ(print(-62'135'596'801, 0), refused);
  EXPECT_EQ(print(253'402'300'800, 0), refused);
  EXPECT_EQ(print(0, -1), refused);
  EXPECT_EQ(print(0, 1'000'000'000), refused);
}

TEST(ProtoJson, Duration) {
  const auto print = [](int64_t seconds, int32_t nanos) {
    pb::Duration time;
    time.set_seconds(seconds);
    time.set_nanos(nanos);
    return Print(time);
  };
  EXPECT_EQ(print(0, 0), R"("0s")");
  EXPECT_EQ(print(3, 500'000'000), R"("3.500s")");
  EXPECT_EQ(print(0, -1), R"("-0.000000001s")");
  EXPECT_EQ(print(-315'576'000'000, -1'000), R"("-315576000000.000001s")");
  const std::string_view refused = "error: message google.protobuf.Duration: out of range";
  EXPECT_EQ(print(315'576'000'001, 0), refused);
  EXPECT_EQ(print(std::numeric_limits<int64_t>::min(), 0), refused);
  EXPECT_EQ(print(1, -1), refused);
  EXPECT_EQ(print(0, std::numeric_limits<int32_t>::min()), refused);
}

TEST(ProtoJson, StructsAndValues) {
  pb::Struct fields;
  EXPECT_EQ(Print(fields), "{}");
  auto& map = *fields.mutable_fields();
  map["n"].set_null_value(pb::NULL_VALUE);
  map["d"].set_number_value(1.5);
  map["s"].set_string_value("x");
  map["b"].set_bool_value(false);
  (*map["o"].mutable_struct_value()->mutable_fields())["i"].set_number_value(2);
  auto* list = map["l"].mutable_list_value();
  list->add_values()->set_number_value(0);
  list->add_values()->mutable_list_value();
  EXPECT_EQ(Print(fields), R"({"b":false,"d":1.5,"l":[0,[]],"n":null,"o":{"i":2},"s":"x"})");
  list->add_values();
  EXPECT_EQ(Print(fields), "error: message google.protobuf.Value: none of its kinds is set");
  pb::Value value;
  value.set_number_value(std::numeric_limits<double>::infinity());
  EXPECT_EQ(Print(value), "error: message google.protobuf.Value: a number that JSON does not have");
}

TEST(ProtoJson, Wrappers) {
  pb::Int64Value number;
  EXPECT_EQ(Print(number), "\"0\"");
  number.set_value(-5);
  EXPECT_EQ(Print(number), "\"-5\"");
  EXPECT_EQ(Print(pb::BoolValue()), "false");
  EXPECT_EQ(Print(pb::StringValue()), "\"\"");
  EXPECT_EQ(Print(pb::DoubleValue()), "0");
  pb::BytesValue bytes;
  bytes.set_value("ab");
  EXPECT_EQ(Print(bytes), "\"YWI=\"");
}

TEST(ProtoJson, UsesJsonNamesOfTheContract) {
  dapr::proto::runtime::v1::GetMetadataResponse response;
  response.add_active_actors_count()->set_type("cat");
  response.set_runtime_version("1");
  EXPECT_EQ(Print(response), R"({"actors":[{"type":"cat"}],"runtimeVersion":"1"})");
}

TEST(ProtoJson, UnknownType) {
  EXPECT_EQ(Print("no.Such", ""), "error: message no.Such: type is not known");
}

}  // namespace
}  // namespace grpc
