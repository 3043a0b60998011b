#include "components/state/postgresql/store.hpp"

#include <gtest/gtest.h>

#include "base/uuid.hpp"
#include "components/state/postgresql/descriptor.hpp"
#include "components/state/postgresql/test_store.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::state::postgresql {
namespace {

using base::Kind;

void ExpectInitFails(Layout layout, const Entries& entries, Kind kind, std::string_view text) {
  TestStore store(layout, entries);
  ASSERT_FALSE(store.status());
  EXPECT_EQ(store.status().error().kind, kind) << store.status().error().message;
  EXPECT_NE(store.status().error().message.find(text), std::string::npos)
      << store.status().error().message;
  EXPECT_EQ(store.status().error().message.find("hidden"), std::string::npos)
      << "holds the password";
}

TEST(PostgresStore, WrongMetadataIsExplained) {
  const config::Properties::Entry target{"connectionString",
                                         "host=127.0.0.1 port=1 user=u password=hidden"};
  const auto fails = [&](const Entries& more, std::string_view text, Layout layout = Layout::kV1) {
    ExpectInitFails(layout, With({target}, more), Kind::kInvalidArgument, text);
  };
  ExpectInitFails(Layout::kV1, {}, Kind::kInvalidArgument, "missing connection string");
  fails({{"timeout", "soon"}}, "timeout");
  fails({{"timeout", "10ms"}}, "at least 1s");
  fails({{"cleanupInterval", "often"}}, "cleanupInterval");
  fails({{"maxConns", "many"}}, "maxConns");
  fails({{"queryExecMode", "fast"}}, "queryExecMode");
  fails({{"tableName", "a; DROP TABLE b"}}, "metadata field tableName");
  fails({{"metadataTableName", "1a"}}, "metadata field metadataTableName");
  fails({{"metadataTableName", "state"}}, "another table");
  fails({{"tablePrefix", "a'"}}, "tablePrefix", Layout::kV2);
  ExpectInitFails(Layout::kV1, {target, {"useAzureAD", "true"}}, Kind::kUnimplemented,
                  "useAzureAD is not supported");
  ExpectInitFails(Layout::kV1, {target, {"useAWSIAM", "yes"}}, Kind::kUnimplemented,
                  "useAWSIAM is not supported");
}

TEST(PostgresStore, ValuesPostgresCannotKeepAreRefused) {
  TestStore v1 = TestStore::Shared(Layout::kV1, "refused1_");
  ASSERT_TRUE(v1.status()) << v1.status().error().message;
  const base::Status nul = v1.Set({.key = "k", .value = R"("a\u0000b")", .json = true});
  ASSERT_FALSE(nul);
  EXPECT_EQ(nul.error().kind, Kind::kInvalidArgument) << nul.error().message;
  EXPECT_NE(nul.error().message.find("jsonb cannot hold \\u0000"), std::string::npos);
  for (const Layout layout : {Layout::kV1, Layout::kV2}) {
    TestStore store = TestStore::Shared(layout, layout == Layout::kV1 ? "refused2_" : "refused3_");
    const base::Status zero =
        store.Set({.key = std::string("a\0b", 3), .value = "1", .json = true});
    ASSERT_FALSE(zero);
    EXPECT_EQ(zero.error().kind, Kind::kInvalidArgument) << zero.error().message;
    const base::Status wrong = store.Set({.key = "a\xff", .value = "1", .json = true});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().kind, Kind::kInvalidArgument) << wrong.error().message;
    std::string key;
    for (uint32_t i = 1; key.size() < 100'000; i = i * 1664525 + 1013904223)
      key += std::to_string(i);
    const base::Status large = store.Set({.key = key, .value = "1", .json = true});
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().kind, Kind::kTooLarge) << large.error().message;
    EXPECT_TRUE(store.Set({.key = "k", .value = "1", .json = true}));
  }
}

TEST(PostgresStore, EtagsAreXminOrUuid) {
  TestStore v1 = TestStore::Shared(Layout::kV1, "etags1_");
  ASSERT_TRUE(v1.Set({.key = "k", .value = "1", .json = true}));
  const std::string etag = *v1.Get("k")->etag;
  EXPECT_EQ(etag, postgres::SharedServer().sql().One("SELECT xmin FROM etags1_"));
  for (const auto& [text, message] :
       {std::pair("x1", "invalid etag value: strconv.ParseUint: parsing \"x1\": invalid syntax"),
        std::pair("99999999999",
                  "invalid etag value: strconv.ParseUint: parsing \"99999999999\": value out of "
                  "range")}) {
    const base::Status set = v1.Set({.key = "k", .value = "2", .json = true, .etag = text});
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().kind, Kind::kInvalidEtag);
    EXPECT_EQ(set.error().message, message);
    EXPECT_EQ(v1.Delete({.key = "k", .etag = text}).error().kind, Kind::kInvalidEtag);
  }
  TestStore v2 = TestStore::Shared(Layout::kV2, "etags2_");
  ASSERT_TRUE(v2.Set({.key = "k", .value = "1", .json = true}));
  EXPECT_TRUE(base::IsUuid(*v2.Get("k")->etag));
  EXPECT_EQ(v2.Set({.key = "k", .value = "2", .etag = "bogus"}).error().kind, Kind::kConflict);
  EXPECT_EQ(v2.Delete({.key = "k", .etag = "bogus"}).error().kind, Kind::kConflict);
}

TEST(PostgresStore, FirstWriteThatLosesIsAPlainError) {
  for (const Layout layout : {Layout::kV1, Layout::kV2}) {
    TestStore store = TestStore::Shared(layout, layout == Layout::kV1 ? "first1_" : "first2_");
    contracts::SetRequest request{.key = "k", .value = "1", .json = true};
    request.options.concurrency = contracts::Concurrency::kFirstWrite;
    ASSERT_TRUE(store.Set(request));
    const base::Status lost = store.Set(request);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().kind, Kind::kInternal);
    EXPECT_EQ(lost.error().message, "no item was updated");
    const base::Status multi = store.Multi(
        {.operations = {contracts::SetRequest{.key = "a", .value = "1"}, request}, .metadata = {}});
    ASSERT_FALSE(multi);
    EXPECT_EQ(multi.error().message, "no item was updated");
    EXPECT_FALSE(store.Get("a")->found);
  }
}

TEST(PostgresStore, ABadItemOfABulkSetLeavesTheOthersWritten) {
  TestStore store = TestStore::Shared(Layout::kV1, "bulk1_");
  std::vector<contracts::SetRequest> requests{{.key = "a", .value = "1", .json = true},
                                              {.key = "b", .value = R"("\u0000")", .json = true},
                                              {.key = "c", .value = "3", .json = true},
                                              {.key = "a", .value = "4", .json = true}};
  const base::Status status = store.Run<base::Status>([&](const contracts::Call& call) {
    return store.store().BulkSet(call, std::move(requests), {});
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, Kind::kInvalidArgument) << status.error().message;
  EXPECT_EQ(store.Get("a")->data, "4");
  EXPECT_FALSE(store.Get("b")->found);
  EXPECT_EQ(store.Get("c")->data, "3");
}

TEST(PostgresStore, TransactionsInOppositeOrdersDoNotDeadlock) {
  TestStore store = TestStore::Shared(Layout::kV2, "deadlock_");
  async::LoopGroup& loops = store.loops();
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int loop = 0; loop < 2; ++loop) {
    threads.emplace_back([&, loop] {
      loops.RunTaskOn(loop, [&, loop]() -> async::Task<void> {
        const contracts::Call call;
        for (int round = 0; round < 40; ++round) {
          contracts::TransactionRequest request;
          for (int i = 0; i < 20; ++i) {
            const int number = loop == 0 ? i : 19 - i;
            request.operations.emplace_back(
                contracts::SetRequest{.key = std::to_string(number), .value = "1"});
          }
          const base::Status status = co_await store.store().Multi(call, std::move(request));
          if (!status) ++failed;
          EXPECT_TRUE(status) << status.error().message;
        }
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

TEST(PostgresStore, ATransactionThatDeadlocksIsTriedAgain) {
  TestStore store = TestStore::Shared(Layout::kV2, "victim_");
  ASSERT_TRUE(store.Set({.key = "a", .value = "1"}));
  ASSERT_TRUE(store.Set({.key = "b", .value = "1"}));
  postgres::Sql other = postgres::SharedServer().sql();
  other.Exec("SET deadlock_timeout = '60s'");  // so that the store is the one to give way
  other.Exec("BEGIN");
  other.Exec("UPDATE victim_state SET value = '2' WHERE key = 'b'");
  base::Status status;
  std::thread thread([&] {
    status = store.Multi({.operations = {contracts::SetRequest{.key = "a", .value = "3"},
                                         contracts::SetRequest{.key = "b", .value = "3"}},
                          .metadata = {}});
  });
  // Once the transaction waits for b, and so has a.
  postgres::Sql watch = postgres::SharedServer().sql();
  while (watch.One("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0") {
    std::this_thread::yield();
  }
  other.Exec("UPDATE victim_state SET value = '2' WHERE key = 'a'");
  other.Exec("COMMIT");
  thread.join();
  EXPECT_TRUE(status) << status.error().message;
  EXPECT_EQ(store.Get("a")->data, "3");
  EXPECT_EQ(store.Get("b")->data, "3");
}

async::Task<void> Increment(Store& store, int times, int& conflicts) {
  const contracts::Call call;
  for (int i = 0; i < times;) {
    auto got = co_await store.Get(call, {.key = "counter"});
    EXPECT_TRUE(got);
    if (!got) co_return;
    const int value = std::stoi(got->data);
    const base::Status status = co_await store.Set(
        call,
        {.key = "counter", .value = std::to_string(value + 1), .json = true, .etag = got->etag});
    if (status) {
      ++i;
    } else {
      EXPECT_EQ(status.error().kind, Kind::kConflict) << status.error().message;
      ++conflicts;
    }
  }
}

TEST(PostgresStore, EtagsCountExactlyUnderConcurrency) {
  for (const Layout layout : {Layout::kV1, Layout::kV2}) {
    TestStore store = TestStore::Shared(layout, layout == Layout::kV1 ? "count1_" : "count2_");
    ASSERT_TRUE(store.Set({.key = "counter", .value = "0", .json = true}));
    std::vector<std::thread> threads;
    for (int loop = 0; loop < 2; ++loop) {
      threads.emplace_back([&store, loop] {
        store.loops().RunTaskOn(loop, [&store]() -> async::Task<void> {
          async::Gate gate;
          int conflicts = 0;
          for (int i = 0; i < 4; ++i) gate.Spawn(Increment(store.store(), 25, conflicts));
          const async::Context patient;
          // Close would cancel; the work ends by itself.
          while (gate.size() > 0) {
            co_await async::Sleep(patient,
                                  async::Loop::Current()->After(std::chrono::milliseconds(5)));
          }
          co_await gate.Close(patient);
        });
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(store.Get("counter")->data, "200");
  }
}

TEST(PostgresStore, NumbersAreComparedAndSortedAsNumbers) {
  TestStore store = TestStore::Shared(Layout::kV1, "query1_");
  for (const auto& [key, value] :
       {std::pair("a", R"({"n":9,"s":"x"})"), std::pair("b", R"({"n":10,"s":"y"})"),
        std::pair("c", R"({"n":"10","s":null})"), std::pair("d", R"({"s":"y","p":{"q":true}})")}) {
    ASSERT_TRUE(store.Set({.key = key, .value = value, .json = true}));
  }
  contracts::SetRequest expired{.key = "e", .value = R"({"n":10})", .json = true};
  ASSERT_TRUE(store.Set(expired));
  postgres::SharedServer().sql().Exec(
      "UPDATE query1_ SET expiredate = now() - interval '1 second' WHERE key = 'e'");
  const auto keys = [&](std::string_view document) {
    auto parsed = contracts::ParseStateQuery(document);
    EXPECT_TRUE(parsed) << document;
    const auto found =
        store.Run<base::Result<contracts::QueryResponse>>([&](const contracts::Call& call) {
          return store.store().Query(call, {.query = *parsed, .metadata = {}});
        });
    EXPECT_TRUE(found) << found.error().message;
    std::string out;
    for (const contracts::QueryItem& item : found->items) out += item.key;
    return out + (found->token.empty() ? "" : "+" + found->token);
  };
  EXPECT_EQ(keys("{}"), "abcd");
  EXPECT_EQ(keys(R"({"filter":{"GT":{"n":9}}})"), "b");
  EXPECT_EQ(keys(R"({"filter":{"GTE":{"n":9}}})"), "ab");
  EXPECT_EQ(keys(R"({"filter":{"LT":{"n":10}}})"), "a");
  EXPECT_EQ(keys(R"({"filter":{"LTE":{"n":10.5}}})"), "ab");
  EXPECT_EQ(keys(R"({"filter":{"EQ":{"n":10}}})"), "bc");
  EXPECT_EQ(keys(R"({"filter":{"EQ":{"n":1e1}}})"), "bc");
  EXPECT_EQ(keys(R"({"filter":{"EQ":{"n":"10"}}})"), "bc");
  EXPECT_EQ(keys(R"({"filter":{"NEQ":{"n":10}}})"), "a");
  EXPECT_EQ(keys(R"({"filter":{"GT":{"s":"x"}}})"), "bd");
  EXPECT_EQ(keys(R"({"filter":{"EQ":{"s":null}}})"), "c");
  EXPECT_EQ(keys(R"({"filter":{"EQ":{"p.q":true}}})"), "d");
  EXPECT_EQ(keys(R"({"filter":{"EQ":{"p":{"q":true}}}})"), "d");
  EXPECT_EQ(keys(R"({"filter":{"IN":{"n":[9,10]}}})"), "abc");
  EXPECT_EQ(keys(R"({"filter":{"IN":{"n":[]}}})"), "");
  EXPECT_EQ(keys(R"({"filter":{"OR":[{"EQ":{"n":9}},{"AND":[{"EQ":{"s":"y"}},{"GT":{"n":1}}]}]}})"),
            "ab");
  EXPECT_EQ(keys(R"({"sort":[{"key":"n","order":"DESC"}]})"), "bacd");
  EXPECT_EQ(keys(R"({"sort":[{"key":"s","order":"DESC"},{"key":"n"}]})"), "bdac");
  EXPECT_EQ(keys(R"({"page":{"limit":3}})"), "abc+3");
  EXPECT_EQ(keys(R"({"page":{"limit":3,"token":"3"}})"), "d");
  EXPECT_EQ(keys(R"({"filter":{"EQ":{"a'; DROP TABLE query1_; --":"'"}}})"), "");
}

TEST(PostgresStore, PagesAreOfTheKeysWithThePrefix) {
  TestStore store = TestStore::Shared(Layout::kV1, "query3_");
  for (const std::string_view key :
       {"a_||1", "a_||2", "a_||3", "ab||1", "a'||1", "z||1", "z||2", "z||3"}) {
    ASSERT_TRUE(store.Set({.key = std::string(key), .value = R"({"n":1})", .json = true}));
  }
  const auto keys = [&](std::string_view prefix, std::string_view document) {
    const auto found =
        store.Run<base::Result<contracts::QueryResponse>>([&](const contracts::Call& call) {
          return store.store().Query(call, {.query = *contracts::ParseStateQuery(document),
                                            .key_prefix = std::string(prefix),
                                            .metadata = {}});
        });
    EXPECT_TRUE(found) << found.error().message;
    std::string out;
    for (const contracts::QueryItem& item : found->items) out += item.key + " ";
    return out + found->token;
  };
  EXPECT_EQ(keys("z||", R"({"page":{"limit":2}})"), "z||1 z||2 2");
  EXPECT_EQ(keys("z||", R"({"filter":{"EQ":{"n":1}},"page":{"limit":2,"token":"2"}})"), "z||3 ");
  EXPECT_EQ(keys("a_||", "{}"), "a_||1 a_||2 a_||3 ") << "the prefix is no pattern";
  EXPECT_EQ(keys("a'||", R"({"sort":[{"key":"n"}]})"), "a'||1 ");
  EXPECT_EQ(keys("none||", R"({"page":{"limit":2}})"), "");
  EXPECT_EQ(keys("", R"({"page":{"limit":2,"token":"6"}})"), "z||2 z||3 8");
}

TEST(PostgresStore, QueriesNeedVersion1) {
  TestStore store = TestStore::Shared(Layout::kV2, "query2_");
  EXPECT_FALSE(store.store().Features() & contracts::kStateQueryApi);
  const auto found = store.Run<base::Result<contracts::QueryResponse>>(
      [&](const contracts::Call& call) { return store.store().Query(call, {}); });
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, Kind::kUnimplemented);
}

TEST(PostgresDescriptor, IsDocumented) {
  contracts::ExpectDocsAreCurrent(v1::Descriptor());
  contracts::ExpectDocsAreCurrent(v2::Descriptor());
}

TEST(PostgresDescriptor, FeaturesAreTheStores) {
  for (const contracts::Descriptor* descriptor : {&v1::Descriptor(), &v2::Descriptor()}) {
    const auto make = std::get<std::unique_ptr<contracts::StateStore> (*)()>(descriptor->factory);
    const auto names = contracts::StateFeatureNames(make()->Features());
    EXPECT_EQ(std::vector<std::string>(names.begin(), names.end()), descriptor->features);
  }
}

}  // namespace
}  // namespace components::state::postgresql
