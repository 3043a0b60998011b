#include <google/protobuf/empty.pb.h>

#include <utility>

#include "api/grpc/method.hpp"
#include "blocks/invoke/wire.hpp"
#include "blocks/state/state_block.hpp"
#include "dapr/proto/common/v1/common.pb.h"
#include "dapr/proto/runtime/v1/state.pb.h"

namespace api {
namespace {

namespace common = dapr::proto::common::v1;
namespace runtime = dapr::proto::runtime::v1;
namespace wire = blocks::invoke::wire;
using google::protobuf::Empty;

const blocks::state::StateBlock& Block(const AppContext& app) {
  return *app.state;
}

contracts::Consistency ConsistencyOf(int value) {
  switch (value) {
    case common::StateOptions::CONSISTENCY_EVENTUAL:
      return contracts::Consistency::kEventual;
    case common::StateOptions::CONSISTENCY_STRONG:
      return contracts::Consistency::kStrong;
    default:
      return contracts::Consistency::kUnspecified;
  }
}

contracts::StateOptions OptionsOf(const common::StateOptions& options) {
  contracts::StateOptions out;
  out.consistency = ConsistencyOf(options.consistency());
  if (options.concurrency() == common::StateOptions::CONCURRENCY_FIRST_WRITE) {
    out.concurrency = contracts::Concurrency::kFirstWrite;
  } else if (options.concurrency() == common::StateOptions::CONCURRENCY_LAST_WRITE) {
    out.concurrency = contracts::Concurrency::kLastWrite;
  }
  return out;
}

contracts::SetRequest SetRequestOf(const common::StateItem& item) {
  contracts::SetRequest out;
  out.key = item.key();
  out.value = item.value();
  if (item.has_etag()) out.etag = item.etag().value();
  if (item.has_options()) out.options = OptionsOf(item.options());
  out.metadata = MetadataOf(item.metadata());
  return out;
}

contracts::DeleteRequest DeleteRequestOf(const common::StateItem& item) {
  contracts::DeleteRequest out;
  out.key = item.key();
  if (item.has_etag()) out.etag = item.etag().value();
  if (item.has_options()) out.options = OptionsOf(item.options());
  out.metadata = MetadataOf(item.metadata());
  return out;
}

std::vector<contracts::SetRequest> ItemsOf(const runtime::SaveStateRequest& request) {
  std::vector<contracts::SetRequest> items;
  items.reserve(static_cast<std::size_t>(request.states_size()));
  for (const common::StateItem& item : request.states()) items.push_back(SetRequestOf(item));
  return items;
}

bool IsAscii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

// The busiest method is read and written without message objects. Anything beyond store, key and
// consistency, and text that is not ASCII and so would need checking, is left to the typed form.
std::optional<grpc::UnaryReply> TryGetState(const AppContext& app, grpc::ServerCall& server,
                                            std::string_view bytes) {
  std::string_view store;
  contracts::GetRequest request;
  wire::Reader reader(bytes);
  while (reader.Next()) {
    if (reader.Is(1, wire::Type::kBytes)) {
      store = reader.bytes();
    } else if (reader.Is(2, wire::Type::kBytes)) {
      request.key = reader.bytes();
    } else if (reader.Is(3, wire::Type::kVarint)) {
      request.consistency = ConsistencyOf(static_cast<int>(reader.number()));
    } else {
      return std::nullopt;
    }
  }
  if (!reader.ok() || !IsAscii(store) || !IsAscii(request.key)) return std::nullopt;
  contracts::Call context(server.context());
  context.app_id = app.app_id;
  auto got = Block(app).TryGet(context, store, request);
  if (!got) return std::nullopt;
  if (!*got) return grpc::UnaryReply(std::unexpected(Refuse(app, got->error())));
  const contracts::GetResponse& response = **got;
  std::string out;
  out.reserve(response.data.size() + 64);
  if (!response.data.empty()) wire::AppendBytes(out, 1, response.data);
  if (response.etag && !response.etag->empty()) wire::AppendBytes(out, 2, *response.etag);
  for (const auto& [key, value] : response.metadata) {
    std::string entry;
    wire::AppendBytes(entry, 1, key);
    wire::AppendBytes(entry, 2, value);
    wire::AppendBytes(out, 3, entry);
  }
  return grpc::UnaryReply(std::move(out));
}

async::Task<Reply<runtime::GetStateResponse>> GetState(GrpcCall& call,
                                                       const runtime::GetStateRequest& request) {
  auto got = co_await Block(call.app())
                 .Get(call.context(), request.store_name(),
                      {.key = request.key(),
                       .consistency = ConsistencyOf(request.consistency()),
                       .metadata = MetadataOf(request.metadata())});
  if (!got) co_return std::unexpected(std::move(got).error());
  runtime::GetStateResponse out;
  out.set_data(std::move(got->data));
  if (got->etag) out.set_etag(*got->etag);
  for (const auto& [key, value] : got->metadata) (*out.mutable_metadata())[key] = value;
  co_return out;
}

async::Task<Reply<runtime::GetBulkStateResponse>> GetBulkState(
    GrpcCall& call, const runtime::GetBulkStateRequest& request) {
  blocks::state::BulkGetBody body;
  body.keys.assign(request.keys().begin(), request.keys().end());
  body.metadata = MetadataOf(request.metadata());
  body.parallelism = request.parallelism();
  auto items =
      co_await Block(call.app()).BulkGet(call.context(), request.store_name(), std::move(body));
  if (!items) co_return std::unexpected(std::move(items).error());
  runtime::GetBulkStateResponse out;
  for (contracts::BulkGetItem& item : *items) {
    runtime::BulkStateItem& added = *out.add_items();
    added.set_key(std::move(item.key));
    added.set_data(std::move(item.value.data));
    if (item.value.etag) added.set_etag(*item.value.etag);
    added.set_error(std::move(item.error));
    for (const auto& [key, value] : item.value.metadata) (*added.mutable_metadata())[key] = value;
  }
  co_return out;
}

std::optional<grpc::UnaryReply> TrySaveState(const AppContext& app, grpc::ServerCall& server,
                                             std::string_view bytes) {
  runtime::SaveStateRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return grpc::UnaryReply(std::unexpected(BadMessage()));
  }
  if (const auto store = Block(app).Find(request.store_name());
      store && !(*store)->store->answers_at_once()) {
    return std::nullopt;
  }
  contracts::Call context(server.context());
  context.app_id = app.app_id;
  auto items = ItemsOf(request);
  const auto status = Block(app).TrySave(context, request.store_name(), items);
  if (!status) return std::nullopt;
  if (!*status) return grpc::UnaryReply(std::unexpected(Refuse(app, status->error())));
  return grpc::UnaryReply(std::string());
}

async::Task<Reply<Empty>> SaveState(GrpcCall& call, const runtime::SaveStateRequest& request) {
  auto status =
      co_await Block(call.app()).Save(call.context(), request.store_name(), ItemsOf(request));
  if (!status) co_return std::unexpected(std::move(status).error());
  co_return Empty();
}

async::Task<Reply<Empty>> DeleteState(GrpcCall& call, const runtime::DeleteStateRequest& request) {
  contracts::DeleteRequest out;
  out.key = request.key();
  if (request.has_etag()) out.etag = request.etag().value();
  if (request.has_options()) out.options = OptionsOf(request.options());
  out.metadata = MetadataOf(request.metadata());
  auto status =
      co_await Block(call.app()).Delete(call.context(), request.store_name(), std::move(out));
  if (!status) co_return std::unexpected(std::move(status).error());
  co_return Empty();
}

async::Task<Reply<Empty>> DeleteBulkState(GrpcCall& call,
                                          const runtime::DeleteBulkStateRequest& request) {
  std::vector<contracts::DeleteRequest> items;
  items.reserve(static_cast<std::size_t>(request.states_size()));
  for (const common::StateItem& item : request.states()) items.push_back(DeleteRequestOf(item));
  auto status =
      co_await Block(call.app()).BulkDelete(call.context(), request.store_name(), std::move(items));
  if (!status) co_return std::unexpected(std::move(status).error());
  co_return Empty();
}

async::Task<Reply<Empty>> ExecuteStateTransaction(
    GrpcCall& call, const runtime::ExecuteStateTransactionRequest& request) {
  blocks::state::TransactionBody body;
  body.metadata = MetadataOf(request.metadata());
  body.operations.reserve(static_cast<std::size_t>(request.operations_size()));
  for (const runtime::TransactionalStateOperation& operation : request.operations()) {
    body.operations.push_back({operation.operationtype(), SetRequestOf(operation.request())});
  }
  auto status =
      co_await Block(call.app()).Transaction(call.context(), request.storename(), std::move(body));
  if (!status) co_return std::unexpected(std::move(status).error());
  co_return Empty();
}

async::Task<Reply<runtime::QueryStateResponse>> QueryState(
    GrpcCall& call, const runtime::QueryStateRequest& request) {
  auto response =
      co_await Block(call.app())
          .Query(call.context(), request.store_name(),
                 {.document = request.query(), .metadata = MetadataOf(request.metadata())});
  if (!response) co_return std::unexpected(std::move(response).error());
  runtime::QueryStateResponse out;
  for (contracts::QueryItem& item : response->items) {
    runtime::QueryStateItem& added = *out.add_results();
    added.set_key(std::move(item.key));
    added.set_data(std::move(item.data));
    if (item.etag) added.set_etag(*item.etag);
    added.set_error(std::move(item.error));
  }
  out.set_token(std::move(response->token));
  for (const auto& [key, value] : response->metadata) (*out.mutable_metadata())[key] = value;
  co_return out;
}

}  // namespace

void AddStateMethods(const Registrar& registrar) {
  const AppContext& app = registrar.app;
  auto get = UnaryMethod<runtime::GetStateRequest, runtime::GetStateResponse, GetState>(app);
  get.try_unary = [&app](grpc::ServerCall& server, std::string_view bytes) {
    return TryGetState(app, server, bytes);
  };
  registrar.Add("GetState", std::move(get));
  auto save = UnaryMethod<runtime::SaveStateRequest, Empty, SaveState>(app);
  save.try_unary = [&app](grpc::ServerCall& server, std::string_view bytes) {
    return TrySaveState(app, server, bytes);
  };
  registrar.Add("SaveState", std::move(save));
  registrar.Add(
      "GetBulkState",
      UnaryMethod<runtime::GetBulkStateRequest, runtime::GetBulkStateResponse, GetBulkState>(app));
  registrar.Add("DeleteState", UnaryMethod<runtime::DeleteStateRequest, Empty, DeleteState>(app));
  registrar.Add("DeleteBulkState",
                UnaryMethod<runtime::DeleteBulkStateRequest, Empty, DeleteBulkState>(app));
  registrar.Add(
      "ExecuteStateTransaction",
      UnaryMethod<runtime::ExecuteStateTransactionRequest, Empty, ExecuteStateTransaction>(app));
  registrar.Add(
      "QueryStateAlpha1",
      UnaryMethod<runtime::QueryStateRequest, runtime::QueryStateResponse, QueryState>(app));
}

}  // namespace api
