// Documents and queries. No Debian package has RedisJSON and RediSearch: a stub answers in the form
// in which they are recorded to answer.
#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "components/redis/test_stub.hpp"
#include "components/state/redis/test_store.hpp"

namespace components::state::redis {
namespace {

using components::redis::testing::List;
using components::redis::testing::Stub;
using components::redis::testing::Text;
using contracts::GetResponse;

constexpr std::string_view kUnknownIndex = "-Unknown index name\r\n";

// A server that has documents, hashes and at most one index.
class Modules {
 public:
  std::map<std::string, std::string> documents;
  std::map<std::string, std::string> hashes;      // key -> data, version 1
  std::vector<std::vector<std::string>> indexed;  // path, alias and type of each field
  std::string found = "*1\r\n:0\r\n";             // by FT.SEARCH
  bool may_drop = true;
  bool may_look = true;

  std::string address() const { return stub_.address(); }
  // The commands of one kind so far, each in one line.
  std::vector<std::string> Seen(std::string_view start) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const std::string& line : seen_) {
      if (line.starts_with(start)) out.push_back(line);
    }
    return out;
  }

 private:
  std::string Answer(const Stub::Command& command) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(base::Join(command, " "));
    const std::string& name = command[0];
    if (name == "JSON.GET") {
      if (command.size() < 2) return "-ERR wrong number of arguments for 'JSON.GET' command\r\n";
      if (hashes.contains(command[1])) return "-Existing key has wrong Redis type\r\n";
      const auto it = documents.find(command[1]);
      return it == documents.end() ? "$-1\r\n" : Text(it->second);
    }
    if (name == "HMGET") {
      if (documents.contains(command[1])) return "-WRONGTYPE Operation against a key\r\n";
      const auto it = hashes.find(command[1]);
      return it == hashes.end() ? "*2\r\n$-1\r\n$-1\r\n" : List({Text(it->second), Text("1")});
    }
    if (name == "HLEN") return ":0\r\n";
    if (name == "FT.CREATE") return Create(command);
    if (name == "FT.INFO") return may_look ? Info(command[1]) : "-NOPERM this user\r\n";
    if (name == "FT.DROPINDEX") {
      if (command[1] != "people") return "+OK\r\n";
      if (!may_drop) return "-NOPERM this user has no permissions\r\n";
      if (std::exchange(indexed, {}).empty()) return std::string(kUnknownIndex);
      return "+OK\r\n";
    }
    if (name == "FT.SEARCH") return found;
    return "-ERR unknown command\r\n";
  }
  std::string Create(const Stub::Command& command) {
    const bool trial = command[1] != "people";
    if (!trial && !indexed.empty()) return "-Index already exists\r\n";
    if (command[8] == "GEOSHAPE") return "-Could not parse schema\r\n";
    if (trial) return "+OK\r\n";
    for (std::size_t i = 5; i + 4 < command.size(); i += 5) {
      indexed.push_back({command[i], command[i + 2], command[i + 3]});
    }
    return "+OK\r\n";
  }
  std::string Info(const std::string& name) const {
    if (indexed.empty()) return std::string(kUnknownIndex);
    std::vector<std::string> fields;
    for (const auto& field : indexed) {
      fields.push_back(List({Text("identifier"), Text(field[0]), Text("attribute"), Text(field[1]),
                             Text("type"), Text(field[2]), Text("SORTABLE")}));
    }
    return List({Text("index_name"), Text(name), Text("index_options"), List({}),
                 Text("index_definition"), List({Text("key_type"), Text("JSON")}),
                 Text("attributes"), List(fields), Text("num_docs"), Text("0")});
  }

  std::mutex mutex_;
  std::vector<std::string> seen_;
  Stub stub_{[this](const Stub::Command& command, int) { return Answer(command); }};
};

const contracts::Metadata kJson{{"contentType", "application/json"}};

base::Result<GetResponse> GetDocument(TestStore& store, std::string key) {
  return store.Run<base::Result<GetResponse>>([&](const contracts::Call& call) {
    return store.store().Get(call, {.key = key, .metadata = kJson});
  });
}

TEST(DocumentReads, AreReadAsGoWritesThem) {
  Modules server;
  server.documents = {
      {"numbers",
       R"({"data":{"b":1.5,"a":[1e2,-0.25,100,1e-9,12345678901234567890]},"version":3})"},
      {"text", R"({"version":12,"first-write":0,"data":"a \u00e4 \"q\" <i>"})"},
      {"old", R"({"data":true,"version":"7"})"},
      {"null", R"({"data":null})"},
      {"foreign", R"({"date":1})"},
      {"list", "[1]"},
      {"broken", R"({"data":)"}};
  TestStore store({{"redisHost", server.address()}});
  ASSERT_EQ(ErrorText(store.status()), "");
  EXPECT_NE(store.store().Features() & contracts::kStateQueryApi, 0U);
  EXPECT_EQ(GetDocument(store, "numbers")->data,
            R"({"a":[100,-0.25,100,0,12345678901234567000],"b":1.5})");
  EXPECT_EQ(GetDocument(store, "numbers")->etag, "3");
  EXPECT_EQ(GetDocument(store, "text")->data, R"("a ä \"q\" <i>")");
  EXPECT_EQ(GetDocument(store, "text")->etag, "12");
  EXPECT_EQ(GetDocument(store, "old")->data, "true");
  EXPECT_EQ(GetDocument(store, "old")->etag, "7");
  EXPECT_EQ(GetDocument(store, "null")->data, "null");
  EXPECT_FALSE(GetDocument(store, "null")->etag.has_value());
  EXPECT_TRUE(GetDocument(store, "null")->found);
  EXPECT_FALSE(GetDocument(store, "none")->found);
  for (const char* key : {"foreign", "list", "broken"}) {
    EXPECT_TRUE(ErrorText(GetDocument(store, key)).starts_with("invalid argument: the key \""));
  }
}

TEST(DocumentReads, OtherFormsAreReadToo) {
  Modules server;
  server.documents = {{"a", R"({"data":0.1,"version":1})"}};
  server.hashes = {{"h", "1"}};
  TestStore store({{"redisHost", server.address()}});
  ASSERT_EQ(ErrorText(store.status()), "");
  EXPECT_EQ(GetDocument(store, "h")->data, "1");
  using Items = base::Result<std::vector<contracts::BulkGetItem>>;
  const Items items = store.Run<Items>([&](const contracts::Call& call) {
    std::vector<contracts::GetRequest> requests;
    for (const char* key : {"a", "h", "none"}) requests.push_back({.key = key, .metadata = kJson});
    requests.push_back({.key = "h", .metadata = {}});
    return store.store().BulkGet(call, std::move(requests), {});
  });
  ASSERT_TRUE(items);
  EXPECT_EQ((*items)[0].value.data, "0.1");
  EXPECT_EQ((*items)[0].value.etag, "1");
  EXPECT_EQ((*items)[1].value.data, "1");
  EXPECT_FALSE((*items)[2].value.found);
  EXPECT_EQ((*items)[2].error, "");
  EXPECT_EQ((*items)[3].value.data, "1");
}

std::vector<config::Properties::Entry> WithIndex(const Modules& server, std::string_view fields) {
  return {{"redisHost", server.address()},
          {"queryIndexes", base::StrCat(R"([{"name":"people","indexes":[)", fields, "]}]")}};
}
constexpr std::string_view kOrgAndId =
    R"({"key":"person.org","type":"TEXT"},{"key":"person.id","type":"NUMERIC"})";
constexpr std::string_view kIdAndOrg =
    R"({"key":"person.id","type":"NUMERIC"},{"key":"person.org","type":"TEXT"})";

TEST(Queries, AnIndexThatFitsStays) {
  Modules server;
  for (int i = 0; i < 2; ++i) {
    TestStore store(WithIndex(server, kOrgAndId));
    EXPECT_EQ(ErrorText(store.status()), "");
  }
  EXPECT_EQ(server.Seen("FT.CREATE").size(), 2U);
  EXPECT_EQ(server.Seen("FT.DROPINDEX").size(), 0U);
}

TEST(Queries, AnIndexOfOtherFieldsIsMadeAnew) {
  Modules server;
  const auto start = [&](std::string_view fields) {
    TestStore store(WithIndex(server, fields));
    return ErrorText(store.status());
  };
  EXPECT_EQ(start(kOrgAndId), "");
  EXPECT_EQ(start(kIdAndOrg), "");
  EXPECT_EQ(server.indexed[0][0], "$.data.person.id");
  EXPECT_EQ(start(R"({"key":"person.id","type":"NUMERIC"})"), "");
  EXPECT_EQ(server.indexed.size(), 1U);
  EXPECT_EQ(start(R"({"key":"person.id","type":"TAG"})"), "");
  EXPECT_EQ(server.indexed[0][2], "TAG");
  // The documents stay.
  EXPECT_EQ(server.Seen("FT.DROPINDEX people"),
            std::vector<std::string>({"FT.DROPINDEX people-dapr-check", "FT.DROPINDEX people",
                                      "FT.DROPINDEX people-dapr-check", "FT.DROPINDEX people",
                                      "FT.DROPINDEX people-dapr-check", "FT.DROPINDEX people"}));
  // A mistake in the new fields costs nobody the old ones, nor does a user that may not look.
  EXPECT_TRUE(start(R"({"key":"person.id","type":"GEOSHAPE"})").contains("Could not parse schema"));
  EXPECT_EQ(server.indexed[0][2], "TAG");
  server.may_look = false;
  EXPECT_EQ(start(kOrgAndId), "");
  EXPECT_EQ(server.indexed[0][2], "TAG");
  server.may_look = true;
  server.may_drop = false;
  EXPECT_TRUE(start(kOrgAndId).starts_with("unavailable: redis store: error registering query"));
}

TEST(Queries, FindDocuments) {
  Modules server;
  server.found = List({":9\r\n", Text("app||a"),
                       List({Text("$.data"), Text(R"({"n":1.5})"), Text("$.version"), Text("3")}),
                       Text("app||b"), List({Text("$.data"), Text("2")})});
  TestStore store(WithIndex(server, kOrgAndId));
  ASSERT_EQ(ErrorText(store.status()), "");
  using Response = base::Result<contracts::QueryResponse>;
  const auto query = [&](std::string index) {
    return store.Run<Response>([&](const contracts::Call& call) {
      contracts::QueryRequest request;
      request.query = *contracts::ParseStateQuery(
          R"({"filter":{"EQ":{"person.id":5}},"page":{"limit":2,"token":"4"}})");
      request.metadata.Set("queryIndexName", index);
      return store.store().Query(call, std::move(request));
    });
  };
  const Response response = query("people");
  ASSERT_EQ(ErrorText(response), "");
  ASSERT_EQ(response->items.size(), 2U);
  EXPECT_EQ(response->items[0].key, "app||a");
  EXPECT_EQ(response->items[0].data, R"({"n":1.5})");
  EXPECT_EQ(response->items[0].etag, "3");
  EXPECT_EQ(response->items[1].data, "2");
  EXPECT_EQ(response->token, "6");
  EXPECT_EQ(server.Seen("FT.SEARCH"), std::vector<std::string>{"FT.SEARCH people @var1:[5 5] LIMIT "
                                                               "4 2 RETURN 2 $.data $.version"});
  EXPECT_TRUE(ErrorText(query("nobody")).starts_with("invalid argument: "));
  server.found = "-Syntax error at offset 1\r\n";
  EXPECT_TRUE(ErrorText(query("people")).starts_with("internal: redis: Syntax error"));
}

}  // namespace
}  // namespace components::state::redis
