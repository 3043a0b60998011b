#include "api/grpc/grpc_test_util.hpp"

namespace api::test {
namespace {

runtime::SaveStateRequest Save(const std::string& key, const std::string& value) {
  runtime::SaveStateRequest request;
  request.set_store_name("store");
  request.add_states()->set_key(key);
  request.mutable_states(0)->set_value(value);
  return request;
}

TEST_F(GrpcApiTest, StateComesBack) {
  for (const bool streamed : {false, true}) {
    const std::string value = streamed ? "two" : "one";
    EXPECT_TRUE(Call("SaveState", Save("k", value), {}, streamed).status.ok());
    const auto got = Parse<runtime::GetStateResponse>(Call("GetState", Get("k"), {}, streamed));
    EXPECT_EQ(got.data(), value);
    EXPECT_FALSE(got.etag().empty());
  }
  const auto none = Parse<runtime::GetStateResponse>(Call("GetState", Get("none")));
  EXPECT_TRUE(none.data().empty());
}

TEST_F(GrpcApiTest, BothFormsOfGetStateAgree) {
  auto save = Save("k", "v");
  (*save.mutable_states(0)->mutable_metadata())["ttlInSeconds"] = "100";
  EXPECT_TRUE(Call("SaveState", save).status.ok());
  const auto quick = Parse<runtime::GetStateResponse>(Call("GetState", Get("k")));
  const auto typed = Parse<runtime::GetStateResponse>(Call("GetState", Get("k"), {}, true));
  EXPECT_EQ(quick.data(), typed.data());
  EXPECT_EQ(quick.etag(), typed.etag());
  EXPECT_EQ(quick.metadata().at("ttlExpireTime"), typed.metadata().at("ttlExpireTime"));
  auto with_metadata = Get("k");
  (*with_metadata.mutable_metadata())["a"] = "b";
  EXPECT_EQ(Parse<runtime::GetStateResponse>(Call("GetState", with_metadata)).data(), "v");
  auto accented = Get("k\xc3\xa9");
  EXPECT_TRUE(Parse<runtime::GetStateResponse>(Call("GetState", accented)).data().empty());
}

TEST_F(GrpcApiTest, EtagsDecide) {
  EXPECT_TRUE(Call("SaveState", Save("k", "v")).status.ok());
  auto wrong = Save("k", "w");
  wrong.mutable_states(0)->mutable_etag()->set_value("wrong");
  Result result = Call("SaveState", wrong);
  EXPECT_EQ(result.status.code, grpc::Code::kAborted);
  EXPECT_TRUE(result.status.message.starts_with(
      "failed saving state in state store store: possible etag mismatch."))
      << result.status.message;
  EXPECT_EQ(result.info.reason(), "ERR_STATE_SAVE");
  runtime::DeleteStateRequest remove;
  remove.set_store_name("store");
  remove.set_key("k");
  remove.mutable_etag()->set_value("wrong");
  EXPECT_EQ(Call("DeleteState", remove).status.code, grpc::Code::kAborted);
  remove.clear_etag();
  EXPECT_TRUE(Call("DeleteState", remove).status.ok());
  auto bad = Save("k", "w");
  bad.set_store_name("bad");
  bad.mutable_states(0)->mutable_etag()->set_value("x");
  ExpectStatus(Call("SaveState", bad), grpc::Code::kInvalidArgument,
               "failed saving state in state store bad: invalid etag value: not a number",
               "ERR_STATE_SAVE");
}

TEST_F(GrpcApiTest, BulkAndTransactions) {
  auto save = Save("a", "1");
  save.add_states()->set_key("b");
  save.mutable_states(1)->set_value("2");
  EXPECT_TRUE(Call("SaveState", save).status.ok());
  runtime::GetBulkStateRequest get;
  get.set_store_name("store");
  get.add_keys("a");
  get.add_keys("none");
  const auto bulk = Parse<runtime::GetBulkStateResponse>(Call("GetBulkState", get));
  ASSERT_EQ(bulk.items_size(), 2);
  for (const auto& item : bulk.items()) EXPECT_EQ(item.data(), item.key() == "a" ? "1" : "");

  runtime::ExecuteStateTransactionRequest transaction;
  transaction.set_storename("store");
  auto& upsert = *transaction.add_operations();
  upsert.set_operationtype("upsert");
  upsert.mutable_request()->set_key("c");
  upsert.mutable_request()->set_value("3");
  auto& remove = *transaction.add_operations();
  remove.set_operationtype("delete");
  remove.mutable_request()->set_key("a");
  EXPECT_TRUE(Call("ExecuteStateTransaction", transaction).status.ok());
  EXPECT_EQ(Parse<runtime::GetStateResponse>(Call("GetState", Get("c"))).data(), "3");
  EXPECT_EQ(Parse<runtime::GetStateResponse>(Call("GetState", Get("a"))).data(), "");
  transaction.mutable_operations(0)->set_operationtype("move");
  ExpectStatus(Call("ExecuteStateTransaction", transaction), grpc::Code::kUnimplemented,
               "operation type move not supported", "ERR_NOT_SUPPORTED_STATE_OPERATION");

  runtime::DeleteBulkStateRequest remove_all;
  remove_all.set_store_name("store");
  remove_all.add_states()->set_key("b");
  remove_all.add_states()->set_key("c");
  EXPECT_TRUE(Call("DeleteBulkState", remove_all).status.ok());
  EXPECT_EQ(Parse<runtime::GetStateResponse>(Call("GetState", Get("c"))).data(), "");
}

TEST_F(GrpcApiTest, StateErrors) {
  ExpectStatus(Call("GetState", Get("k", "nope")), grpc::Code::kInvalidArgument,
               "state store nope is not found", "DAPR_STATE_NOT_FOUND");
  ExpectStatus(Call("GetState", Get("a||b")), grpc::Code::kInvalidArgument,
               "input key/keyPrefix 'a||b' can't contain '||'", "DAPR_STATE_ILLEGAL_KEY");
  ExpectStatus(Call("SaveState", Save("", "v")), grpc::Code::kInvalidArgument,
               "state key cannot be empty", "ERR_STATE_SAVE");
  ExpectStatus(Call("GetState", Get("k", "bad")), grpc::Code::kInternal,
               "fail to get k from bad: backend away", "ERR_STATE_GET");
  runtime::QueryStateRequest query;
  query.set_store_name("store");
  query.set_query("{}");
  ExpectStatus(Call("QueryStateAlpha1", query), grpc::Code::kInternal,
               "state store does not support querying", "DAPR_STATE_QUERYING_NOT_SUPPORTED");
  Start(false);
  ExpectStatus(Call("GetState", Get("k", "s")), grpc::Code::kFailedPrecondition,
               "state store s is not configured", "DAPR_STATE_NOT_CONFIGURED");
}

runtime::QueryStateRequest Query(const std::string& store, const std::string& document) {
  runtime::QueryStateRequest request;
  request.set_store_name(store);
  request.set_query(document);
  return request;
}

TEST_F(GrpcApiTest, Queries) {
  auto request = Query("lookup", R"({"filter":{"EQ":{"a":1}}})");
  (*request.mutable_metadata())["m"] = "n";
  const auto found = Parse<runtime::QueryStateResponse>(Call("QueryStateAlpha1", request));
  ASSERT_EQ(found.results_size(), 2);
  EXPECT_EQ(found.results(0).key(), "a");
  EXPECT_EQ(found.results(0).data(), R"({"n": "<"})");
  EXPECT_EQ(found.results(0).etag(), "7");
  EXPECT_EQ(found.results(1).key(), "b");
  EXPECT_EQ(found.results(1).error(), "odd row");
  EXPECT_EQ(found.token(), "2");
  EXPECT_EQ(found.metadata().at("m"), "n");
  const auto none = Parse<runtime::QueryStateResponse>(
      Call("QueryStateAlpha1", Query("lookup", R"({"page":{"limit":9}})")));
  EXPECT_EQ(none.ByteSizeLong(), 0u);
}

TEST_F(GrpcApiTest, QueryErrors) {
  ExpectStatus(Call("QueryStateAlpha1", Query("lookup", R"({"page":{"limit":8}})")),
               grpc::Code::kInternal, "state store lookup query failed: backend away",
               "DAPR_STATE_QUERY_FAILED");
  ExpectStatus(Call("QueryStateAlpha1", Query("lookup", "")), grpc::Code::kInternal,
               "state store lookup query failed: failed to parse JSON query body: unexpected end "
               "of JSON input",
               "DAPR_STATE_QUERY_FAILED");
  ExpectStatus(Call("QueryStateAlpha1", Query("sealed", "{}")), grpc::Code::kInternal,
               "state store sealed query failed: cannot query encrypted store",
               "DAPR_STATE_QUERY_FAILED");
  ExpectStatus(Call("QueryStateAlpha1", Query("nope", "{}")), grpc::Code::kInvalidArgument,
               "state store nope is not found", "DAPR_STATE_NOT_FOUND");
}

TEST_F(GrpcApiTest, EncryptedValuesAreTheBytesGiven) {
  for (const bool streamed : {false, true}) {
    auto save = Save("k", "{ \"a\": 1.0 }");
    save.set_store_name("sealed");
    EXPECT_TRUE(Call("SaveState", save, {}, streamed).status.ok());
    const auto got =
        Parse<runtime::GetStateResponse>(Call("GetState", Get("k", "sealed"), {}, streamed));
    EXPECT_EQ(got.data(), "{ \"a\": 1.0 }");
  }
}

TEST_F(GrpcApiTest, TransactionLimitsAndWords) {
  runtime::ExecuteStateTransactionRequest transaction;
  transaction.set_storename("lookup");
  for (const char* key : {"a", "b", "c"}) {
    auto& upsert = *transaction.add_operations();
    upsert.set_operationtype("upsert");
    upsert.mutable_request()->set_key(key);
  }
  ExpectStatus(Call("ExecuteStateTransaction", transaction), grpc::Code::kInvalidArgument,
               "the transaction contains 3 operations, which is more than what the state store "
               "supports: 2",
               "DAPR_STATE_TOO_MANY_TRANSACTIONS");
  transaction.mutable_operations()->RemoveLast();
  transaction.mutable_operations(0)->mutable_request()->mutable_etag()->set_value("old");
  const Result stale = Call("ExecuteStateTransaction", transaction);
  EXPECT_EQ(stale.status.code, grpc::Code::kInternal);
  EXPECT_TRUE(stale.status.message.starts_with("error while executing state transaction: "));
  transaction.set_storename("bad");
  ExpectStatus(Call("ExecuteStateTransaction", transaction), grpc::Code::kUnimplemented,
               "state store bad doesn't support transactions",
               "DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED");
  // An empty etag is none.
  auto save = Save("e", "1");
  save.mutable_states(0)->mutable_etag();
  EXPECT_TRUE(Call("SaveState", save).status.ok());
  EXPECT_TRUE(Call("SaveState", save).status.ok());
}

}  // namespace
}  // namespace api::test
