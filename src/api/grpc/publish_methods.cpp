#include <google/protobuf/empty.pb.h>

#include <utility>

#include "api/grpc/method.hpp"
#include "blocks/pubsub/publish.hpp"
#include "dapr/proto/runtime/v1/pubsub.pb.h"

namespace api {
namespace {

namespace pubsub = blocks::pubsub;
namespace runtime = dapr::proto::runtime::v1;
using google::protobuf::Empty;

std::optional<grpc::UnaryReply> TryPublishEvent(const AppContext& app, grpc::ServerCall& server,
                                                std::string_view bytes) {
  runtime::PublishEventRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return grpc::UnaryReply(std::unexpected(BadMessage()));
  }
  contracts::Metadata metadata = MetadataOf(request.metadata());
  const auto target = app.publish->Open(request.pubsub_name(), request.topic(), metadata);
  if (!target) return grpc::UnaryReply(std::unexpected(Refuse(app, target.error())));
  // What has to wait is left to the coroutine; its spans and envelope are its own.
  if (!target->pubsub->pubsub->publishes_at_once()) return std::nullopt;
  const GrpcCall call(app, server);
  const auto status = app.publish->TryPublish(call.context(), *target, request.data(),
                                              request.data_content_type(), metadata);
  if (!status) return std::nullopt;
  if (!*status) return grpc::UnaryReply(std::unexpected(Refuse(app, status->error())));
  return grpc::UnaryReply(std::string());
}

async::Task<Reply<Empty>> PublishEvent(GrpcCall& call,
                                       const runtime::PublishEventRequest& request) {
  const pubsub::PublishBlock& block = *call.app().publish;
  contracts::Metadata metadata = MetadataOf(request.metadata());
  CO_ASSIGN_OR_RETURN(const pubsub::PublishTarget target,
                      block.Open(request.pubsub_name(), request.topic(), metadata));
  CO_RETURN_IF_ERROR(co_await block.Publish(call.context(), target, request.data(),
                                            request.data_content_type(), std::move(metadata)));
  co_return Empty();
}

pubsub::BulkInput InputOf(const runtime::BulkPublishRequest& request) {
  pubsub::BulkInput input{.entries = {}, .metadata = MetadataOf(request.metadata())};
  input.entries.reserve(static_cast<std::size_t>(request.entries_size()));
  for (const runtime::BulkPublishRequestEntry& entry : request.entries()) {
    pubsub::BulkEntry& added = input.entries.emplace_back();
    added.entry_id = entry.entry_id();
    added.data = entry.event();
    added.content_type = entry.content_type();
    if (!entry.metadata().empty()) added.metadata = MetadataOf(entry.metadata());
  }
  return input;
}

async::Task<Reply<runtime::BulkPublishResponse>> BulkPublish(
    GrpcCall& call, const runtime::BulkPublishRequest& request) {
  const pubsub::PublishBlock& block = *call.app().publish;
  pubsub::BulkInput input = InputOf(request);
  CO_ASSIGN_OR_RETURN(const pubsub::PublishTarget target,
                      block.Open(request.pubsub_name(), request.topic(), input.metadata));
  CO_ASSIGN_OR_RETURN(const pubsub::BulkOutcome outcome,
                      co_await block.BulkPublish(call.context(), target, std::move(input)));
  // Entries that failed are told in the answer; only what kept all of them away is an error.
  if (outcome.error && outcome.failures.empty()) co_return std::unexpected(*outcome.error);
  runtime::BulkPublishResponse out;
  for (const contracts::BulkPublishFailure& failure : outcome.failures) {
    auto& added = *out.add_failedentries();
    added.set_entry_id(failure.entry_id);
    added.set_error(failure.error.message);
  }
  co_return out;
}

}  // namespace

void AddPublishMethods(const Registrar& registrar) {
  const AppContext& app = registrar.app;
  auto publish = UnaryMethod<runtime::PublishEventRequest, Empty, PublishEvent>(app);
  publish.try_unary = [&app](grpc::ServerCall& server, std::string_view bytes) {
    return TryPublishEvent(app, server, bytes);
  };
  registrar.Add("PublishEvent", std::move(publish));
  for (const char* name : {"BulkPublishEvent", "BulkPublishEventAlpha1"}) {
    registrar.Add(
        name,
        UnaryMethod<runtime::BulkPublishRequest, runtime::BulkPublishResponse, BulkPublish>(app));
  }
}

}  // namespace api
