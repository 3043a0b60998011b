#include "api/grpc/method.hpp"
#include "blocks/secrets/secrets_block.hpp"
#include "dapr/proto/runtime/v1/secret.pb.h"

namespace api {
namespace {

namespace runtime = dapr::proto::runtime::v1;

async::Task<Reply<runtime::GetSecretResponse>> GetSecret(GrpcCall& call,
                                                         const runtime::GetSecretRequest& request) {
  auto secret = co_await call.app().secrets->Get(
      call.context(), request.store_name(),
      {.name = request.key(), .metadata = MetadataOf(request.metadata())});
  if (!secret) co_return std::unexpected(std::move(secret).error());
  runtime::GetSecretResponse out;
  for (const auto& [key, value] : *secret) (*out.mutable_data())[key] = value;
  co_return out;
}

async::Task<Reply<runtime::GetBulkSecretResponse>> GetBulkSecret(
    GrpcCall& call, const runtime::GetBulkSecretRequest& request) {
  auto secrets = co_await call.app().secrets->BulkGet(call.context(), request.store_name(),
                                                      {.metadata = MetadataOf(request.metadata())});
  if (!secrets) co_return std::unexpected(std::move(secrets).error());
  runtime::GetBulkSecretResponse out;
  for (const auto& [name, secret] : *secrets) {
    auto& added = *(*out.mutable_data())[name].mutable_secrets();
    for (const auto& [key, value] : secret) added[key] = value;
  }
  co_return out;
}

}  // namespace

void AddSecretMethods(const Registrar& registrar) {
  registrar.Add(
      "GetSecret",
      UnaryMethod<runtime::GetSecretRequest, runtime::GetSecretResponse, GetSecret>(registrar.app));
  registrar.Add(
      "GetBulkSecret",
      UnaryMethod<runtime::GetBulkSecretRequest, runtime::GetBulkSecretResponse, GetBulkSecret>(
          registrar.app));
}

}  // namespace api
