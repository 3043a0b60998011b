#include "blocks/state/state_block.hpp"

#include <gtest/gtest.h>

#include "async/loop_group.hpp"
#include "base/strings.hpp"
#include "blocks/state/map_store_test.hpp"
#include "telemetry/exposition.hpp"

namespace blocks::state {
namespace {

using base::ErrorId;
using base::Kind;
using contracts::Call;
using contracts::GetResponse;
using contracts::SetRequest;

// A store that must be waited for, on top of the in-memory one; notes which operations were called.
class SlowStore final : public contracts::StateStore {
 public:
  async::Task<base::Status> Init(const Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  uint32_t Features() const override { return features; }
  int MultiMaxSize() const override { return 2; }
  async::Task<base::Result<contracts::QueryResponse>> Query(
      const Call&, contracts::QueryRequest request) override {
    calls += "query ";
    asked = std::move(request);
    if (broken) co_return base::Fail(Kind::kUnavailable, "connection refused");
    co_return found;
  }
  async::Task<base::Result<GetResponse>> Get(const Call&, contracts::GetRequest request) override {
    calls += "get ";
    if (broken) co_return base::Fail(Kind::kUnavailable, "connection refused");
    co_return inner.GetNow(request);
  }
  async::Task<base::Status> Set(const Call&, SetRequest request) override {
    calls += "set ";
    if (broken) co_return base::Fail(Kind::kUnavailable, "connection refused");
    co_return inner.SetNow(std::move(request));
  }
  async::Task<base::Status> Delete(const Call&, contracts::DeleteRequest request) override {
    calls += "delete ";
    co_return inner.DeleteNow(request);
  }
  async::Task<base::Status> Multi(const Call& call,
                                  contracts::TransactionRequest request) override {
    calls += "multi ";
    co_return co_await inner.Multi(call, std::move(request));
  }
  std::string calls;
  contracts::QueryRequest asked;
  contracts::QueryResponse found;
  bool broken = false;
  uint32_t features = contracts::kStateEtag | contracts::kStateTransactional;
  MapStore inner;
};

SetRequest Item(std::string key, std::string json) {
  return {.key = std::move(key), .value = std::move(json), .json = true};
}

class StateBlockTest : public testing::Test {
 protected:
  StateBlockTest() : block_(Stores(), "myapp") {}

  std::vector<NamedStore> Stores() {
    std::vector<NamedStore> stores;
    stores.push_back({"fast", fast_, KeyPrefix::Make("", "fast", "myapp", "").value(), nullptr});
    stores.push_back({"slow", slow_, KeyPrefix::Make("", "slow", "myapp", "").value(), nullptr});
    stores.push_back(
        {"sealed", sealed_, KeyPrefix::Make("none", "sealed", "myapp", "").value(),
         std::make_shared<const Encryption>(
             Encryption::ParseKey("primaryEncryptionKey", "sec", std::string(32, '1')).value(),
             std::nullopt)});
    stores.push_back({"locked", slow_, KeyPrefix::Make("", "locked", "myapp", "").value(),
                      stores.back().encryption});
    return stores;
  }
  template <class T>
  T Run(async::Task<T> task) {
    std::optional<T> result;
    loops_.RunTaskOn(0, [&]() -> async::Task<void> { result.emplace(co_await task); });
    return *std::move(result);
  }
  base::Status Save(std::string_view store, std::vector<SetRequest> items) {
    if (auto done = block_.TrySave(call_, store, items)) return *done;
    return Run(block_.Save(call_, store, std::move(items)));
  }
  base::Result<GetResponse> Get(std::string_view store, std::string key) {
    contracts::GetRequest request{.key = std::move(key)};
    if (auto done = block_.TryGet(call_, store, request)) return *std::move(done);
    return Run(block_.Get(call_, store, std::move(request)));
  }
  base::Status Delete(std::string_view store, contracts::DeleteRequest request) {
    if (auto done = block_.TryDelete(call_, store, request)) return *done;
    return Run(block_.Delete(call_, store, std::move(request)));
  }
  base::Status Transact(std::string_view store, std::string_view json) {
    auto body = ParseTransaction(json);
    EXPECT_TRUE(body);
    return Run(block_.Transaction(call_, store, *std::move(body)));
  }
  template <class T>
  void ExpectError(const base::Result<T>& result, ErrorId id, Kind kind, std::string_view message) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().id, id);
    EXPECT_EQ(base::KindName(result.error().kind), base::KindName(kind));
    EXPECT_EQ(result.error().message, message);
  }
  static const base::ErrorInfo& InfoOf(const base::Error& error) {
    return std::get<base::ErrorInfo>(error.details().back());
  }

  const Call call_;
  std::shared_ptr<MapStore> fast_ = std::make_shared<MapStore>();
  std::shared_ptr<SlowStore> slow_ = std::make_shared<SlowStore>();
  std::shared_ptr<MapStore> sealed_ = std::make_shared<MapStore>();
  async::LoopGroup loops_{1};
  StateBlock block_;
};

TEST_F(StateBlockTest, SavesAndGetsUnderThePrefix) {
  for (const char* store : {"fast", "slow"}) {
    ASSERT_TRUE(Save(store, {Item("k", "1")}));
    const auto got = Get(store, "k");
    ASSERT_TRUE(got);
    EXPECT_EQ(got->data, "1");
    EXPECT_TRUE(got->etag.has_value());
    EXPECT_FALSE(Get(store, "other")->found);
  }
  EXPECT_TRUE(fast_->GetNow({.key = "myapp||k"})->found);
  EXPECT_TRUE(slow_->inner.GetNow({.key = "myapp||k"})->found);
}

TEST_F(StateBlockTest, OneItemIsSetSeveralAreBulkSet) {
  EXPECT_TRUE(Save("slow", {}));
  EXPECT_EQ(slow_->calls, "");
  EXPECT_TRUE(Save("slow", {Item("a", "1")}));
  EXPECT_EQ(slow_->calls, "set ");
  EXPECT_TRUE(Save("slow", {Item("a", "1"), Item("b", "2")}));
  EXPECT_EQ(slow_->calls, "set set set ");
}

TEST_F(StateBlockTest, UnknownStores) {
  ExpectError(Get("none", "k"), ErrorId::kStateStoreNotFound, Kind::kNotFound,
              "state store none is not found");
  const auto error = Get("none", "k").error();
  EXPECT_EQ(InfoOf(error).reason, "DAPR_STATE_NOT_FOUND");
  EXPECT_EQ(InfoOf(error).metadata.at("appID"), "myapp");
  const StateBlock empty({}, "myapp");
  ExpectError(empty.Find("x"), ErrorId::kStateStoreNotConfigured, Kind::kPreconditionFailed,
              "state store x is not configured");
}

TEST_F(StateBlockTest, KeysWithTheSeparator) {
  for (const char* store : {"fast", "slow"}) {
    const auto got = Get(store, "a||b");
    ExpectError(got, ErrorId::kStateInvalidKeyName, Kind::kInvalidArgument,
                "input key/keyPrefix 'a||b' can't contain '||'");
    ASSERT_EQ(got.error().details().size(), 3u);
    EXPECT_EQ(std::get<base::FieldViolation>(got.error().details()[0]).field, "a||b");
    EXPECT_EQ(std::get<base::ResourceInfo>(got.error().details()[1]).name, store);
    EXPECT_EQ(InfoOf(got.error()).reason, "DAPR_STATE_ILLEGAL_KEY");
    EXPECT_FALSE(InfoOf(got.error()).has_metadata);
    EXPECT_EQ(Save(store, {Item("a||b", "1")}).error().id, ErrorId::kStateInvalidKeyName);
    EXPECT_EQ(Delete(store, {.key = "a||b"}).error().id, ErrorId::kStateInvalidKeyName);
    const auto transaction =
        Transact(store, R"({"operations":[{"operation":"delete","request":{"key":"a||b"}}]})");
    ASSERT_FALSE(transaction);
    EXPECT_EQ(std::get<base::FieldViolation>(transaction.error().details()[0]).field, "");
  }
}

TEST_F(StateBlockTest, EtagErrorsOfSaveAndDelete) {
  constexpr std::string_view kMismatch = "possible etag mismatch. error from state store";
  for (const char* store : {"fast", "slow"}) {
    SetRequest item = Item("k", "1");
    item.etag = "bogus";
    const base::Status single = Save(store, {item});
    ASSERT_FALSE(single);
    EXPECT_EQ(single.error().id, ErrorId::kStateSave);
    EXPECT_EQ(single.error().kind, Kind::kConflict);
    const std::string start =
        "failed saving state in state store " + std::string(store) + ": " + std::string(kMismatch);
    EXPECT_TRUE(single.error().message.starts_with(start)) << single.error().message;
    EXPECT_EQ(InfoOf(single.error()).reason, "ERR_STATE_SAVE");
    const base::Status bulk = Save(store, {item, Item("b", "2")});
    ASSERT_FALSE(bulk);
    EXPECT_TRUE(bulk.error().message.starts_with(start + ": " + std::string(kMismatch)))
        << bulk.error().message;
    const base::Status gone = Delete(store, {.key = "k", .etag = "bogus"});
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().id, ErrorId::kStateDelete);
    EXPECT_EQ(gone.error().kind, Kind::kConflict);
    EXPECT_TRUE(gone.error().message.starts_with("failed deleting state with key k: " +
                                                 std::string(kMismatch)));
  }
}

TEST_F(StateBlockTest, FailuresOfTheStore) {
  slow_->broken = true;
  ExpectError(Get("slow", "k"), ErrorId::kStateGet, Kind::kUnavailable,
              "fail to get k from slow: connection refused");
  ExpectError(Save("slow", {Item("k", "1")}), ErrorId::kStateSave, Kind::kUnavailable,
              "failed saving state in state store slow: connection refused");
  SetRequest item = Item("k", "1");
  item.metadata.Set("ttlInSeconds", "soon");
  const base::Status ttl = Save("fast", {item});
  ASSERT_FALSE(ttl);
  EXPECT_EQ(ttl.error().kind, Kind::kInternal);
}

TEST_F(StateBlockTest, AnEmptyKeyCannotBeSaved) {
  ExpectError(Save("fast", {Item("", "1")}), ErrorId::kStateSave, Kind::kInvalidArgument,
              "state key cannot be empty");
}

TEST_F(StateBlockTest, GrpcValuesWithJsonContentTypeAreDecoded) {
  SetRequest item{.key = "k", .value = "{ \"b\": 1.0, \"a\": 2 }"};
  item.metadata.Set("contentType", "application/json");
  ASSERT_TRUE(Save("fast", {item}));
  EXPECT_EQ(Get("fast", "k")->data, R"({"a":2,"b":1})");
  item.value = "{oops";
  EXPECT_EQ(Save("fast", {item}).error().id, ErrorId::kMalformedRequest);
  item.metadata = {};
  ASSERT_TRUE(Save("fast", {item}));
  EXPECT_EQ(Get("fast", "k")->data, "{oops");
}

TEST_F(StateBlockTest, BulkGetGivesTheUsersKeys) {
  ASSERT_TRUE(Save("fast", {Item("a", "1"), Item("b", "2")}));
  auto items = Run(block_.BulkGet(call_, "fast", {.keys = {"a", "zz", "b"}}));
  ASSERT_TRUE(items);
  std::map<std::string, std::string> data;
  for (const auto& item : *items) data[item.key] = item.value.data;
  EXPECT_EQ(data, (std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}, {"zz", ""}}));
  EXPECT_TRUE(Run(block_.BulkGet(call_, "fast", {}))->empty());
  slow_->broken = true;
  auto broken = Run(block_.BulkGet(call_, "slow", {.keys = {"a", "b"}}));
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->at(1).error, "connection refused");
}

TEST_F(StateBlockTest, BulkDelete) {
  ASSERT_TRUE(Save("slow", {Item("a", "1"), Item("b", "2")}));
  std::vector<contracts::DeleteRequest> items;
  items.push_back({.key = "a", .etag = "bogus"});
  items.push_back({.key = "b"});
  const base::Status status = Run(block_.BulkDelete(call_, "slow", std::move(items)));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().id, ErrorId::kStateBulkDelete);
  EXPECT_EQ(status.error().kind, Kind::kConflict);
  EXPECT_TRUE(Get("slow", "a")->found);
  EXPECT_FALSE(Get("slow", "b")->found);
}

TEST_F(StateBlockTest, Transactions) {
  ASSERT_TRUE(Transact("fast", R"({"operations":[
      {"operation":"upsert","request":{"key":"a","value":1}},
      {"operation":"upsert","request":{"key":"b","value":2}},
      {"operation":"delete","request":{"key":"a"}}]})"));
  EXPECT_FALSE(Get("fast", "a")->found);
  EXPECT_EQ(Get("fast", "b")->data, "2");
  EXPECT_TRUE(Transact("fast", "{}"));
  ExpectError(Transact("fast", R"({"operations":[{"operation":"odd"}]})"),
              ErrorId::kStateOperationNotSupported, Kind::kUnimplemented,
              "operation type odd not supported");
  const base::Status conflict = Transact(
      "fast", R"({"operations":[{"operation":"delete","request":{"key":"a","etag":"x"}}]})");
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().id, ErrorId::kStateTransaction);
  EXPECT_TRUE(conflict.error().message.starts_with("error while executing state transaction: "));
}

TEST_F(StateBlockTest, TransactionLimits) {
  constexpr std::string_view kThree = R"({"operations":[
      {"operation":"upsert","request":{"key":"a"}},{"operation":"upsert","request":{"key":"b"}},
      {"operation":"upsert","request":{"key":"c"}}]})";
  const base::Status many = Transact("slow", kThree);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().id, ErrorId::kStateTooManyTransactions);
  EXPECT_EQ(InfoOf(many.error()).metadata,
            (std::map<std::string, std::string>{{"currentOpsTransaction", "3"},
                                                {"maxOpsPerTransaction", "2"}}));
  slow_->features = contracts::kStateEtag;
  const base::Status unsupported = Transact("slow", kThree);
  ASSERT_FALSE(unsupported);
  EXPECT_EQ(unsupported.error().id, ErrorId::kStateTransactionsNotSupported);
  EXPECT_TRUE(std::holds_alternative<base::HelpLink>(unsupported.error().details()[0]));
}

TEST_F(StateBlockTest, AnUnknownConcurrencyFailsTheTransactionLast) {
  constexpr std::string_view kOdd =
      R"({"operation":"upsert","request":{"key":"a","options":{"concurrency":"odd"}}})";
  const auto body = [&](std::string_view more) {
    return base::StrCat(R"({"operations":[)", kOdd, more, "]}");
  };
  ExpectError(Transact("fast", body("")), ErrorId::kStateTransaction, Kind::kInternal,
              "error while executing state transaction: unrecognized concurrency model 'odd'");
  EXPECT_FALSE(Get("fast", "a")->found);
  ExpectError(Transact("fast", body(R"(,{"operation":"move"})")),
              ErrorId::kStateOperationNotSupported, Kind::kUnimplemented,
              "operation type move not supported");
}

TEST_F(StateBlockTest, QueriesReachTheStoreParsed) {
  slow_->features = contracts::kStateQueryApi;
  slow_->found.items.push_back(
      {.key = "myapp||a", .data = "1", .etag = std::string("7"), .error = {}});
  slow_->found.items.push_back({.key = "myapp||b", .data = {}, .etag = {}, .error = "odd row"});
  // Of another app that keeps its values in the same backend.
  slow_->found.items.push_back({.key = "other||c", .data = "3", .etag = {}, .error = {}});
  slow_->found.token = "2";
  slow_->found.metadata.Set("m", "n");
  auto got = Run(block_.Query(call_, "slow",
                              {.document = R"({"filter":{"EQ":{"a":1}},"page":{"limit":2}})",
                               .metadata = {{"queryIndexName", "i"}}}));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(slow_->asked.query.filter->key, "a");
  EXPECT_EQ(slow_->asked.query.limit, 2);
  EXPECT_EQ(slow_->asked.key_prefix, "myapp||");
  EXPECT_EQ(*slow_->asked.metadata.Find("queryIndexName"), "i");
  ASSERT_EQ(got->items.size(), 2u);
  EXPECT_EQ(got->items[0].key, "a");
  EXPECT_EQ(got->items[1].key, "b");
  EXPECT_EQ(WriteQueryResponse(*got),
            R"({"results":[{"key":"a","data":1,"etag":"7"},{"key":"b","error":"odd row"}],)"
            R"("token":"2","metadata":{"m":"n"}})"
            "\n");
  // A page of nothing but other apps' values is no end.
  slow_->found.items = {{.key = "other||c", .data = "3", .etag = {}, .error = {}}};
  got = Run(block_.Query(call_, "slow", {.document = "{}"}));
  ASSERT_TRUE(got);
  EXPECT_EQ(WriteQueryResponse(*got), R"({"results":[],"token":"2","metadata":{"m":"n"}})"
                                      "\n");
  // Nothing found is nothing at all.
  slow_->found.items.clear();
  got = Run(block_.Query(call_, "slow", {.document = "{}"}));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->token, "");
  EXPECT_TRUE(got->metadata.empty());
}

TEST_F(StateBlockTest, QueryErrors) {
  slow_->features = contracts::kStateQueryApi;
  const auto bad = Run(block_.Query(call_, "slow", {.document = "{filter"}));
  ExpectError(bad, ErrorId::kStateQuery, Kind::kInternal,
              "state store slow query failed: failed to parse JSON query body: invalid character "
              "'f' looking for beginning of object key string");
  EXPECT_EQ(InfoOf(bad.error()).reason, "DAPR_STATE_QUERY_FAILED");
  ExpectError(Run(block_.Query(call_, "slow", {.document = R"({"filter":{"LIKE":{"a":1}}})"})),
              ErrorId::kStateQuery, Kind::kInternal,
              "state store slow query failed: failed to parse JSON query body: unsupported filter "
              "\"LIKE\"");
  EXPECT_EQ(slow_->calls, "");
  slow_->broken = true;
  ExpectError(Run(block_.Query(call_, "slow", {.document = "{}"})), ErrorId::kStateQuery,
              Kind::kUnavailable, "state store slow query failed: connection refused");
  ExpectError(Run(block_.Query(call_, "none", {.document = "{}"})), ErrorId::kStateStoreNotFound,
              Kind::kNotFound, "state store none is not found");
  ExpectError(Run(block_.Query(call_, "locked", {.document = "{}"})), ErrorId::kStateQuery,
              Kind::kPreconditionFailed,
              "state store locked query failed: cannot query encrypted store");
}

TEST_F(StateBlockTest, QueryNeedsAStoreThatCan) {
  // The document is not looked at.
  ExpectError(Run(block_.Query(call_, "fast", {.document = "{oops"})),
              ErrorId::kStateQueryNotSupported, Kind::kUnimplemented,
              "state store does not support querying");
  ExpectError(Run(block_.Query(call_, "fast", {.document = "{}"})),
              ErrorId::kStateQueryNotSupported, Kind::kUnimplemented,
              "state store does not support querying");
}

TEST_F(StateBlockTest, EncryptedStores) {
  ASSERT_TRUE(Save("sealed", {Item("json", R"({"a":1,"b":"x"})")}));
  ASSERT_TRUE(Save("sealed", {{.key = "bytes", .value = "raw"}}));
  EXPECT_EQ(Get("sealed", "json")->data, "map[a:1 b:x]");
  EXPECT_EQ(Get("sealed", "bytes")->data, "raw");
  const std::string stored = sealed_->GetNow({.key = "bytes"})->data;
  EXPECT_TRUE(stored.ends_with("||sec")) << stored;
  ASSERT_TRUE(Transact(
      "sealed", R"({"operations":[{"operation":"upsert","request":{"key":"t","value":[1]}}]})"));
  EXPECT_EQ(Get("sealed", "t")->data, "[1]");
  ASSERT_TRUE(sealed_->SetNow({.key = "open", .value = "plain"}));
  EXPECT_EQ(Get("sealed", "open").error().id, ErrorId::kStateGet);
  auto items = Run(block_.BulkGet(call_, "sealed", {.keys = {"bytes", "open"}}));
  ASSERT_TRUE(items);
  EXPECT_EQ(items->at(0).value.data, "raw");
  EXPECT_NE(items->at(1).error, "");
}

TEST_F(StateBlockTest, EncryptionCoversBulkAndContentTypes) {
  ASSERT_TRUE(Save("sealed", {Item("a", "1000000"), Item("b", "null"), Item("c", "\"t\"")}));
  EXPECT_EQ(Get("sealed", "a")->data, "1e+06");
  EXPECT_EQ(Get("sealed", "b")->data, "<nil>");
  EXPECT_EQ(Get("sealed", "c")->data, "t");
  // Bytes of gRPC stay bytes, whatever their content type says.
  SetRequest item{.key = "j", .value = "{ \"a\": 1 }"};
  item.metadata.Set("contentType", "application/json");
  ASSERT_TRUE(Save("sealed", {item}));
  EXPECT_EQ(Get("sealed", "j")->data, "{ \"a\": 1 }");
  auto items = Run(block_.BulkGet(call_, "sealed", {.keys = {"a", "zz"}}));
  ASSERT_TRUE(items);
  EXPECT_EQ(items->at(0).value.data, "1e+06");
  EXPECT_FALSE(items->at(1).value.found);
  EXPECT_EQ(items->at(1).error, "");
  EXPECT_TRUE(Delete("sealed", {.key = "a", .etag = Get("sealed", "a")->etag}));
}

TEST_F(StateBlockTest, EveryOperationIsCounted) {
  telemetry::Registry registry{1};
  const auto metrics = telemetry::InstanceMetrics::Create(registry, {.app_id = "myapp"});
  ASSERT_TRUE(metrics);
  const StateBlock block(Stores(), "myapp", metrics->get());
  slow_->features |= contracts::kStateQueryApi;
  for (const bool broken : {false, true}) {
    slow_->broken = broken;
    (void)Run(block.Get(call_, "slow", {.key = "k"}));
    (void)Run(block.Save(call_, "slow", {Item("k", "1")}));
    (void)Run(block.Save(call_, "slow", {Item("k", "1"), Item("l", "2")}));
    (void)Run(block.BulkGet(call_, "slow", {.keys = {"k"}}));
    (void)Run(block.Query(call_, "slow", {.document = "{}"}));
  }
  (void)Run(block.Delete(call_, "slow", {.key = "k"}));
  std::vector<contracts::DeleteRequest> gone{{.key = "a"}, {.key = "b"}};
  (void)Run(block.BulkDelete(call_, "slow", gone));
  (void)Run(block.Transaction(call_, "slow",
                              *ParseTransaction(R"({"operations":[{"operation":"delete"}]})")));
  // What never reaches the store is not counted.
  (void)Run(block.Get(call_, "slow", {.key = "a||b"}));
  (void)Run(block.Save(call_, "slow", {}));
  const std::string text = telemetry::Exposition(registry);
  const auto count = [&](std::string_view operation, std::string_view success) {
    const std::string start = base::StrCat(
        "dapr_component_state_count{app_id=\"myapp\",component=\"slow\",namespace=\"\",operation="
        "\"",
        operation, "\",success=\"", success, "\"} ");
    const std::size_t at = text.find(start);
    return at == std::string::npos ? std::string("none") : text.substr(at + start.size(), 1);
  };
  for (const char* operation : {"get", "set", "bulk_set", "query"}) {
    EXPECT_EQ(count(operation, "true"), "1") << operation;
    EXPECT_EQ(count(operation, "false"), "1") << operation;
  }
  EXPECT_EQ(count("bulk_get", "true"), "2");  // the keys failed, not the operation
  EXPECT_EQ(count("delete", "true"), "1");
  EXPECT_EQ(count("bulk_delete", "true"), "1");
  EXPECT_EQ(count("transaction", "true"), "1");
}

TEST(MakeNamedStore, ReadsPrefixAndKeys) {
  config::Component component;
  component.meta.name = "mystore";
  component.metadata.push_back(
      {.name = "PrimaryEncryptionKey", .secret_key_ref = {.name = "mysecret", .key = "k"}});
  const std::string hex(64, 'a');
  const config::Properties good("mystore", {{"keyPrefix", "name"}, {"primaryEncryptionKey", hex}});
  const auto named = MakeNamedStore(nullptr, component, good, "app", "ns");
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(named->prefix.text(), "mystore||");
  EXPECT_TRUE(named->encryption->Encrypt("x")->ends_with("||mysecret"));
  component.metadata.clear();
  const auto literal = MakeNamedStore(nullptr, component, good, "app", "ns");
  ASSERT_FALSE(literal);
  EXPECT_NE(literal.error().message.find("must be given with a secretKeyRef"), std::string::npos);
}

}  // namespace
}  // namespace blocks::state
