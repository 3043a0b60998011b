// The scripts' ways with documents. No Debian package has RedisJSON, so a few lines of Lua take its
// place: documents are strings, and the scripts' calls of JSON.GET and JSON.SET work on these.
#include <gtest/gtest.h>

#include "components/state/redis/scripts.hpp"
#include "components/state/redis/test_store.hpp"

namespace components::state::redis {
namespace {

constexpr std::string_view kStandIn = R"lua(
local server = redis
local function json_get(key, path)
  local kind = server.call('TYPE', key).ok
  if kind == 'none' then return false end
  if kind ~= 'string' then return {err = 'Existing key has wrong Redis type'} end
  local value = cjson.decode(server.call('GET', key))[string.sub(path, 2)]
  if value == nil then return {err = 'ERR Path does not exist'} end
  return tostring(value)
end
local function json_set(key, path, text)
  if path == '$' then return server.call('SET', key, text) end
  local document = cjson.decode(server.call('GET', key))
  document[string.sub(path, 3)] = tonumber(text)
  return server.call('SET', key, cjson.encode(document), 'KEEPTTL')
end
local function call(name, ...)
  if name == 'JSON.GET' then return json_get(...) end
  if name == 'JSON.SET' then return json_set(...) end
  return server.call(name, ...)
end
local function pcall(name, ...)
  if string.sub(name, 1, 5) == 'JSON.' then return call(name, ...) end
  return server.pcall(name, ...)
end
local redis = {call = call, pcall = pcall, error_reply = server.error_reply}
)lua";

class Documents : public testing::Test {
 protected:
  std::string Run(std::string_view script, const std::vector<std::string>& keys,
                  const std::vector<std::string>& args) {
    std::vector<std::string> command{"EVAL", std::string(kStandIn) + std::string(script),
                                     std::to_string(keys.size())};
    command.insert(command.end(), keys.begin(), keys.end());
    command.insert(command.end(), args.begin(), args.end());
    return server_.Do(command);
  }
  std::string Set(const std::string& etag, const std::string& data, const std::string& first = "",
                  const std::string& ttl = "") {
    return Run(kSetJsonText, {"k"}, {etag, "{\"data\":" + data + "}", first, ttl});
  }
  std::string Field(const std::string& name) {
    return server_.Do({"EVAL", "return tostring(cjson.decode(redis.call('GET', KEYS[1]))[ARGV[1]])",
                       "1", "k", name});
  }

  const Server& server_ = SharedServer();
};

TEST_F(Documents, AreSet) {
  EXPECT_EQ(Set("0", "1"), "1");
  EXPECT_EQ(Field("data"), "1");
  EXPECT_EQ(Field("version"), "1");
  EXPECT_EQ(Field("first-write"), "nil");
  EXPECT_EQ(Set("0", "2", "", "100"), "1");
  EXPECT_EQ(Field("version"), "2");
  EXPECT_EQ(server_.Do({"TTL", "k"}), "100");
  EXPECT_EQ(Set("1", "3"), "0");
  EXPECT_EQ(Field("data"), "2");
  EXPECT_EQ(Set("2", "3", "0", "-1"), "1");
  EXPECT_EQ(Field("first-write"), "0");
  EXPECT_EQ(Field("version"), "3");
  EXPECT_EQ(server_.Do({"TTL", "k"}), "-1");
  EXPECT_EQ(Set("0", "4"), "0");
  EXPECT_EQ(Set("3", "4"), "1");
}

TEST_F(Documents, TakeThePlaceOfHashes) {
  server_.Do({"HSET", "k", "data", "x", "version", "7"});
  EXPECT_EQ(Set("99", "1"), "1");
  EXPECT_EQ(Field("version"), "1");
}

TEST_F(Documents, AreDeleted) {
  EXPECT_EQ(Run(kDeleteJsonText, {"k"}, {"5"}), "1");
  EXPECT_EQ(Set("0", "1"), "1");
  EXPECT_EQ(Run(kDeleteJsonText, {"k"}, {"5"}), "0");
  EXPECT_EQ(server_.Do({"EXISTS", "k"}), "1");
  EXPECT_EQ(Run(kDeleteJsonText, {"k"}, {"1"}), "1");
  EXPECT_EQ(server_.Do({"EXISTS", "k"}), "0");
}

TEST_F(Documents, TakePartInTransactions) {
  EXPECT_EQ(Set("0", "1"), "1");
  EXPECT_EQ(
      Run(kMultiText, {"k", "k", "h"},
          {"j", "1", R"({"data":2})", "", "j", "2", R"({"data":3})", "50", "s", "0", "x", ""}),
      "1");
  EXPECT_EQ(Field("data"), "3");
  EXPECT_EQ(Field("version"), "3");
  EXPECT_EQ(server_.Do({"TTL", "k"}), "50");
  EXPECT_EQ(server_.Do({"HGET", "h", "version"}), "1");
  EXPECT_EQ(Run(kMultiText, {"h", "k"}, {"s", "0", "y", "", "j", "9", "{}", ""}), "-2");
  EXPECT_EQ(server_.Do({"HGET", "h", "data"}), "x");
  EXPECT_EQ(Run(kMultiText, {"k", "k"}, {"e", "3", "", "", "j", "0", R"({"data":1})", ""}), "1");
  EXPECT_EQ(Field("version"), "1");
  // A hash becomes a document and the other way round.
  EXPECT_EQ(Run(kMultiText, {"h", "k"}, {"j", "0", R"({"data":1})", "", "s", "0", "z", ""}), "1");
  EXPECT_EQ(server_.Do({"TYPE", "h"}), "string");
  EXPECT_EQ(server_.Do({"HGETALL", "k"}), "data z version 1");
  // What first-write has marked.
  EXPECT_EQ(server_.Do({"DEL", "k"}), "1");
  EXPECT_EQ(Set("0", "1", "0"), "1");
  EXPECT_EQ(Run(kMultiText, {"k"}, {"j", "0", R"({"data":2})", ""}), "-1");
  EXPECT_EQ(
      Run(kMultiText, {"k", "k"}, {"j", "1", R"({"data":2})", "", "j", "0", R"({"data":3})", ""}),
      "1");
}

}  // namespace
}  // namespace components::state::redis
