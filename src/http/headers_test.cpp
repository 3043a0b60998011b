#include "http/headers.hpp"

#include <gtest/gtest.h>

#include "http/message.hpp"

namespace http {
namespace {

std::string Dump(const Headers& headers) {
  std::string out;
  for (const auto field : headers) {
    out.append(field.name).append("=").append(field.value).append(";");
  }
  return out;
}

TEST(Headers, KeepsOrderCaseAndRepeats) {
  Headers headers;
  headers.Add("X-One", "1");
  headers.Add("x-two", "");
  headers.Add("X-ONE", "again");
  EXPECT_EQ(Dump(headers), "X-One=1;x-two=;X-ONE=again;");
  EXPECT_EQ(headers.Get("x-one"), "1");
  EXPECT_EQ(headers.Get("X-Two"), "");
  EXPECT_EQ(headers.Get("x-three"), std::nullopt);
  EXPECT_EQ(headers.Count("x-One"), 2u);
  EXPECT_TRUE(headers.Has("X-TWO"));
  EXPECT_EQ(headers.bytes(), std::string("X-One1x-twoX-ONEagain").size());
}

TEST(Headers, RemoveTakesAllAndLeavesNoGap) {
  Headers headers;
  headers.Add("a", "1");
  headers.Add("b", "22");
  headers.Add("A", "333");
  headers.Add("c", "4444");
  EXPECT_TRUE(headers.Remove("a"));
  EXPECT_EQ(Dump(headers), "b=22;c=4444;");
  EXPECT_EQ(headers.bytes(), 8u);
  EXPECT_FALSE(headers.Remove("a"));
  EXPECT_TRUE(headers.Remove("c"));
  EXPECT_TRUE(headers.Remove("b"));
  EXPECT_TRUE(headers.empty());
  EXPECT_EQ(headers.bytes(), 0u);
}

TEST(Headers, SetReplacesAllByOne) {
  Headers headers;
  headers.Add("k", "1");
  headers.Add("other", "o");
  headers.Add("K", "2");
  headers.Set("k", "3");
  EXPECT_EQ(headers.Count("k"), 1u);
  EXPECT_EQ(headers.Get("k"), "3");
  headers.Set("new", "n");
  EXPECT_EQ(headers.Get("new"), "n");
  EXPECT_EQ(headers.size(), 3u);
}

TEST(Headers, ArgumentsMayBeViewsOfItself) {
  Headers headers;
  headers.Add("name", std::string(100, 'v'));
  for (int i = 0; i < 20; ++i) headers.Add(*headers.Get("name"), headers[0].name);
  EXPECT_EQ(headers[20].name, std::string(100, 'v'));
  EXPECT_EQ(headers[20].value, "name");
  headers.Set("name", *headers.Get("name"));
  EXPECT_EQ(headers.Get("name"), std::string(100, 'v'));
  EXPECT_TRUE(headers.Remove(headers[0].name));
}

TEST(Headers, NamesCompareByAsciiLettersOnly) {
  EXPECT_TRUE(NameEquals("Content-Length", "cONTENT-lENGTH"));
  EXPECT_FALSE(NameEquals("a^", "a~"));
  EXPECT_FALSE(NameEquals("a", "ab"));
  EXPECT_TRUE(IsHopByHop("TE"));
  EXPECT_TRUE(IsHopByHop("proxy-connection"));
  EXPECT_FALSE(IsHopByHop("Content-Length"));
}

TEST(Message, PathAndQuery) {
  RequestHead head;
  head.target = "/a%2Fb?x=1?y";
  EXPECT_EQ(head.path(), "/a%2Fb");
  EXPECT_EQ(head.query(), "x=1?y");
  head.target = "/plain";
  EXPECT_EQ(head.path(), "/plain");
  EXPECT_EQ(head.query(), "");
  EXPECT_EQ(ReasonPhrase(204), "No Content");
  EXPECT_EQ(ReasonPhrase(799), "");
}

}  // namespace
}  // namespace http
