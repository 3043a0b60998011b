#include "blocks/invoke/header_translation.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace blocks::invoke {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

http::Headers Make(const Fields& fields) {
  http::Headers headers;
  for (const auto& [name, value] : fields) headers.Add(name, value);
  return headers;
}
Fields List(const http::Headers& headers) {
  Fields fields;
  for (const auto& [name, value] : headers) fields.emplace_back(name, value);
  return fields;
}
Fields ToHttp(const Fields& fields, Direction direction = Direction::kRequest,
              bool content_type = true) {
  http::Headers out;
  CopyToHttp(Make(fields), direction, content_type, out);
  return List(out);
}
Fields ToGrpc(const Fields& fields, bool grpc_origin) {
  http::Headers out;
  CopyToGrpc(Make(fields), grpc_origin, out);
  return List(out);
}

TEST(CanonicalName, Forms) {
  const std::pair<std::string, std::string> kNames[] = {{"content-type", "Content-Type"},
                                                        {"X-REQUEST-ID", "X-Request-Id"},
                                                        {"a", "A"},
                                                        {"x--y", "X--Y"},
                                                        {"with space", "with space"},
                                                        {"", ""},
                                                        {"etag", "Etag"},
                                                        {"x_y-1z", "X_y-1z"}};
  for (const auto& [in, want] : kNames) {
    std::string out = "kept:";
    AppendCanonicalName(in, out);
    EXPECT_EQ(out, "kept:" + want);
  }
}

TEST(ToHttp, WhatIsLeftOut) {
  for (const char* name :
       {"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade",
        "HTTP2-Settings", "TE", "Trailer", "Proxy-Authorization", "Proxy-Authenticate",
        "Traceparent", "tracestate", "Grpc-Trace-Bin", "destination-app-id", "x-some-bin",
        "Content-Length", "Dapr-App-Id", "dapr-api-token", "Expect"}) {
    EXPECT_EQ(ToHttp({{name, "v"}, {"Kept", "1"}}), (Fields{{"Kept", "1"}})) << name;
  }
}

TEST(ToHttp, WhatIsRenamedAndKept) {
  EXPECT_EQ(ToHttp({{":authority", "h"},
                    {":path", "/p"},
                    {":method", "M"},
                    {":scheme", "s"},
                    {":other", "x"}}),
            (Fields{{"dapr-authority", "h"},
                    {"dapr-path", "/p"},
                    {"dapr-method", "M"},
                    {"dapr-scheme", "s"}}));
  EXPECT_EQ(ToHttp({{"grpc-accept-encoding", "gzip"}, {"Grpc-Timeout", "1S"}}),
            (Fields{{"dapr-grpc-accept-encoding", "gzip"}, {"dapr-grpc-timeout", "1S"}}));
  const Fields kept = {{"Accept", "a"},
                       {"Accept", "b"},
                       {"Cookie", "c"},
                       {"User-Agent", "u"},
                       {"Authorization", "x"},
                       {"X-Forwarded-For", "1"},
                       {"dapr-caller-app-id", "me"},
                       {"Dapr-Caller-App-Id", "not me"}};
  EXPECT_EQ(ToHttp(kept), kept);
}

TEST(ToHttp, BaggageOnceAndContentTypeByChoice) {
  EXPECT_EQ(ToHttp({{"baggage", "a=1"}, {"Baggage", "b=2"}}), (Fields{{"baggage", "a=1"}}));
  EXPECT_EQ(ToHttp({{"Content-Type", "t"}}), (Fields{{"Content-Type", "t"}}));
  EXPECT_EQ(ToHttp({{"Content-Type", "t"}}, Direction::kRequest, false), Fields());
}

TEST(ToHttp, ConnectionTokens) {
  EXPECT_EQ(ToHttp({{"Connection", "close, X-One"},
                    {"connection", "x-two"},
                    {"X-One", "1"},
                    {"x-TWO", "2"},
                    {"X-Three", "3"}}),
            (Fields{{"X-Three", "3"}}));
}

TEST(ToHttp, ResponsesKeepTheirLength) {
  EXPECT_EQ(ToHttp({{"Content-Length", "3"}, {"Expect", "e"}}, Direction::kResponse),
            (Fields{{"Content-Length", "3"}, {"Expect", "e"}}));
}

TEST(StripHopByHop, TokensToo) {
  http::Headers headers = Make(
      {{"Connection", "X-One"}, {"X-One", "1"}, {"Kept", "2"}, {"Transfer-Encoding", "chunked"}});
  StripHopByHop(headers);
  EXPECT_EQ(List(headers), (Fields{{"Kept", "2"}}));
  http::Headers plain = Make({{"A", "1"}, {"grpc-x", "2"}});
  StripHopByHop(plain);
  EXPECT_EQ(List(plain), (Fields{{"A", "1"}, {"grpc-x", "2"}}));
}

TEST(ToGrpc, FieldsOfHttpGetAPrefix) {
  for (const char* name : {"Accept",
                           "Accept-Charset",
                           "Accept-Language",
                           "Accept-Ranges",
                           "Connection",
                           "Keep-Alive",
                           "Proxy-Connection",
                           "Transfer-Encoding",
                           "Upgrade",
                           "Cache-Control",
                           "Content-Type",
                           "Content-Length",
                           "Cookie",
                           "Date",
                           "Expect",
                           "From",
                           "Host",
                           "If-Match",
                           "If-Modified-Since",
                           "If-None-Match",
                           "If-Schedule-Tag-Match",
                           "If-Unmodified-Since",
                           "Max-Forwards",
                           "Origin",
                           "Pragma",
                           "Referer",
                           "Via",
                           "Warning"}) {
    std::string want = "dapr-";
    for (const char* c = name; *c; ++c) want += static_cast<char>(std::tolower(*c));
    EXPECT_EQ(ToGrpc({{name, "v"}}, false), (Fields{{want, "v"}})) << name;
  }
  EXPECT_EQ(ToGrpc({{"X-Mine", "v"}, {"Accept-Encoding", "gzip"}}, false),
            (Fields{{"x-mine", "v"}, {"accept-encoding", "gzip"}}));
}

TEST(ToGrpc, FromGrpcNothingIsPrefixedAndGrpcsOwnIsLeftOut) {
  EXPECT_EQ(ToGrpc({{"content-type", "application/grpc"},
                    {"te", "trailers"},
                    {"grpc-timeout", "1S"},
                    {"grpc-accept-encoding", "gzip"},
                    {"user-agent", "u"},
                    {":authority", "h"},
                    {"destination-app-id", "d"},
                    {"traceparent", "t"},
                    {"cookie", "c"},
                    {"accept", "a"},
                    {"x-mine", "v"}},
                   true),
            (Fields{{"cookie", "c"}, {"accept", "a"}, {"x-mine", "v"}}));
}

TEST(ToGrpc, BinaryValues) {
  EXPECT_EQ(ToGrpc({{"a-bin", "AQI="}, {"b-bin", "AQI"}, {"c-bin", "!!"}}, true),
            (Fields{{"a-bin", "AQI="}, {"b-bin", "AQI"}}));
}

TEST(Trace, TheCallsSpanWins) {
  telemetry::TraceContext span =
      *telemetry::ParseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  span.tracestate = "a=b";
  contracts::Call call;
  call.trace = &span;
  http::Headers out;
  AddTrace(call, Make({{"traceparent", "old"}}), false, out);
  EXPECT_EQ(List(out),
            (Fields{{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                    {"tracestate", "a=b"}}));
  out.Clear();
  AddTrace(call, {}, true, out);
  ASSERT_EQ(out.size(), 3U);
  EXPECT_EQ(TraceOf(out)->trace_id, span.trace_id);
  EXPECT_EQ(TraceOf(out)->span_id, span.span_id);
}

TEST(Trace, WithoutSpanTheCallersGoesOn) {
  http::Headers out;
  AddTrace(contracts::Call(), Make({{"Traceparent", "x"}, {"grpc-trace-bin", "y"}, {"a", "b"}}),
           false, out);
  EXPECT_EQ(List(out), (Fields{{"traceparent", "x"}}));
}

TEST(Target, ByteForByteAndEscaped) {
  const auto target = [](std::string_view method, std::string_view query) {
    std::string out;
    return AppendTarget(method, query, out) ? out : "refused";
  };
  EXPECT_EQ(target("a%2Fb//c/./..", "x=1&y=%20?z"), "/a%2Fb//c/./..?x=1&y=%20?z");
  EXPECT_EQ(target("{id}|\"", ""), "/{id}|\"");
  EXPECT_EQ(target("a b\xc3\xa9", ""), "/a%20b%C3%A9");
  EXPECT_EQ(target("", ""), "/");
  for (const std::string_view bad : {"a?b", "a#b", "a\r\nb", "a\x01", "a\x7f"}) {
    EXPECT_EQ(target(bad, ""), "refused") << bad;
  }
  EXPECT_EQ(target(std::string_view("a\0b", 3), ""), "refused");
  EXPECT_EQ(target("a", "q\r\n"), "refused");
}

}  // namespace
}  // namespace blocks::invoke
