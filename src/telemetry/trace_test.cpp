#include "telemetry/trace.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "telemetry/baggage.hpp"

namespace telemetry {
namespace {

constexpr std::string_view kGood = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, ParsesAndFormats) {
  const auto context = ParseTraceparent(kGood);
  ASSERT_TRUE(context);
  EXPECT_TRUE(context->IsValid());
  EXPECT_TRUE(context->Sampled());
  EXPECT_EQ(TraceIdHex(*context), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(SpanIdHex(*context), "00f067aa0ba902b7");
  EXPECT_EQ(FormatTraceparent(*context), kGood);
  EXPECT_EQ(FormatTraceparent({}), "00-00000000000000000000000000000000-0000000000000000-00");
}

TEST(Traceparent, Table) {
  const std::string good(kGood);
  const struct {
    std::string header;
    bool accepted;
  } kCases[] = {
      {good, true},
      {" " + good + "\t", true},
      {"", false},
      {"00", false},
      {good.substr(0, 54), false},
      {good + "0", false},
      {good + "-x", false},           // version 00
      {"cc" + good.substr(2), true},  // a later version
      {"cc" + good.substr(2) + "-what-the-future-holds", true},
      {"cc" + good.substr(2) + "x", false},
      {"ff" + good.substr(2), false},
      {"0g" + good.substr(2), false},
      {"00_" + good.substr(3), false},
      {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false},  // upper case
      {"00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01", false},
      {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false},
      {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false},
      {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x", false},
      {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7+01", false},
  };
  for (const auto& c : kCases)
    EXPECT_EQ(ParseTraceparent(c.header).has_value(), c.accepted) << c.header;
}

TEST(Tracestate, Table) {
  std::string many = "k0=v";
  for (int i = 1; i < 32; ++i) many += ",k" + std::to_string(i) + "=v";
  const struct {
    std::string header;
    bool valid;
  } kCases[] = {
      {"rojo=00f067aa0ba902b7", true},
      {"rojo=1,congo=2", true},
      {"rojo=1 ,\tcongo=a b", true},
      {"rojo=1,,congo=2", true},
      {"fw529a3039@dt=FfAP", true},
      {"1a@sys=x", true},
      {many, true},
      {many + ",more=v", false},
      {"", false},
      {",", false},
      {"rojo", false},
      {"rojo=", false},
      {"=1", false},
      {"Rojo=1", false},
      {"a=1,a=2", false},
      {"a=b=c", false},
      {"a=\x01", false},
      {"a=\xc3\xa9", false},
      {"a@1x=1", false},
      {"a@=1", false},
      {"k=" + std::string(257, 'v'), false},
      {std::string(257, 'k') + "=v", false},
      {"a=" + std::string(250, 'v') + ",b=" + std::string(256, 'v') + ",c=dddddddd", false},
  };
  for (const auto& c : kCases) EXPECT_EQ(IsValidTracestate(c.header), c.valid) << c.header;
}

TEST(TraceContext, BadTracestateLeavesTheRest) {
  auto context = ParseTraceContext(kGood, "bad");
  ASSERT_TRUE(context);
  EXPECT_EQ(context->tracestate, "");
  context = ParseTraceContext(kGood, " a=1,b=2 ");
  ASSERT_TRUE(context);
  EXPECT_EQ(context->tracestate, "a=1,b=2");
  EXPECT_FALSE(ParseTraceContext("x", "a=1"));
}

TEST(TraceBin, EncodesToThe29ByteForm) {
  const auto context = ParseTraceparent(kGood);
  ASSERT_TRUE(context);
  const std::string bytes = EncodeTraceBin(*context);
  const std::string expected(
      "\x00\x00\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36"
      "\x01\x00\xf0\x67\xaa\x0b\xa9\x02\xb7\x02\x01",
      29);
  EXPECT_EQ(bytes, expected);
  EXPECT_EQ(DecodeTraceBin(bytes), context);
  for (const size_t at : {0, 1, 18, 27}) {
    std::string broken = bytes;
    broken[at] = 7;
    EXPECT_FALSE(DecodeTraceBin(broken)) << at;
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeTraceBin(bytes.substr(0, size))) << size;
  }
  std::string zero = bytes;
  zero.replace(2, 16, std::string(16, '\0'));
  EXPECT_FALSE(DecodeTraceBin(zero));
}

TEST(Tracer, SamplingRate) {
  EXPECT_FALSE(Tracer().enabled());
  EXPECT_FALSE(Tracer::FromSamplingRate("0").enabled());
  EXPECT_FALSE(Tracer::FromSamplingRate("-1").enabled());
  EXPECT_EQ(Tracer::FromSamplingRate("").sampling_rate(), 1e-4);
  EXPECT_EQ(Tracer::FromSamplingRate("often").sampling_rate(), 1e-4);
  EXPECT_EQ(Tracer::FromSamplingRate("7").sampling_rate(), 1);
  EXPECT_EQ(Tracer::FromSamplingRate("0.25").sampling_rate(), 0.25);

  const Tracer quarter = Tracer::FromSamplingRate("0.25");
  std::array<uint8_t, 16> id{};
  id[8] = 0x3F;
  EXPECT_TRUE(quarter.ShouldSample(id));
  id[8] = 0x40;
  EXPECT_FALSE(quarter.ShouldSample(id));
}

TEST(Tracer, SpanFollowsItsParent) {
  const Tracer rarely = Tracer::FromSamplingRate("0.000001");
  auto parent = *ParseTraceContext(kGood, "a=1");
  const TraceContext child = rarely.StartSpan(parent);
  EXPECT_EQ(child.trace_id, parent.trace_id);
  EXPECT_NE(child.span_id, parent.span_id);
  EXPECT_EQ(child.tracestate, "a=1");
  EXPECT_TRUE(child.Sampled());
  parent.flags = 0;
  EXPECT_FALSE(Tracer::FromSamplingRate("1").StartSpan(parent).Sampled());

  EXPECT_EQ(Tracer().StartSpan(parent), parent);
  EXPECT_FALSE(Tracer().StartSpan().IsValid());
}

TEST(Tracer, RootsAreFresh) {
  const Tracer always = Tracer::FromSamplingRate("1");
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const TraceContext root = always.StartSpan();
    ASSERT_TRUE(root.IsValid());
    EXPECT_TRUE(root.Sampled());
    ids.insert(TraceIdHex(root));
    ids.insert(SpanIdHex(root));
  }
  EXPECT_EQ(ids.size(), 2000u);
}

TEST(Baggage, Table) {
  std::string many = "k=v";
  for (int i = 1; i < 180; ++i) many += ",k" + std::to_string(i) + "=v";
  const struct {
    std::string header;
    bool valid;
  } kCases[] = {
      {"", true},
      {"a=1", true},
      {"a=1, b = two%20words ;p;q=r", true},
      {"a=", true},
      {"a=b=c", true},
      {many, true},
      {many + ",more=v", false},
      {"a", false},
      {"=1", false},
      {"a=1,", false},
      {"a=1,,b=2", false},
      {"a b=1", false},
      {"a=x y", false},
      {"a=%zz", false},
      {"a=%2", false},
      {"a=\"q\"", false},
      {"a=1;", false},
      {"a=\r\nb=1", false},
      {"a=\xc3\xa9", false},
      {"a=" + std::string(4095, 'v'), false},
      {std::string(8193, 'v'), false},
  };
  for (const auto& c : kCases)
    EXPECT_EQ(ValidateBaggage(c.header).has_value(), c.valid) << c.header;
}

}  // namespace
}  // namespace telemetry
