#include "blocks/state/errors.hpp"

#include "base/strings.hpp"
#include "contracts/state_store.hpp"

namespace blocks::state {

using base::Error;
using base::ErrorId;
using base::ErrorInfo;
using base::Kind;
using base::StrCat;

namespace {

// An error of an operation on a store, with the error code as its gRPC reason. Of these the API
// calls only a wrong etag the caller's fault; what else a store refuses is a failure of the
// operation.
Error Failed(const Error& cause, ErrorId id, std::string message, std::string_view reason) {
  const Kind kind = cause.kind == Kind::kInvalidArgument ? Kind::kInternal : cause.kind;
  Error error(kind, id, std::move(message));
  error.http_override = cause.http_override;
  return std::move(error).With(ErrorInfo{.reason = std::string(reason)});
}

}  // namespace

Error StoreNotConfigured(std::string_view store, std::string_view app_id) {
  return Error(Kind::kPreconditionFailed, ErrorId::kStateStoreNotConfigured,
               StrCat("state store ", store, " is not configured"))
      .With(ErrorInfo{.reason = "DAPR_STATE_NOT_CONFIGURED",
                      .metadata = {{"appID", std::string(app_id)}}});
}

Error StoreNotFound(std::string_view store, std::string_view app_id) {
  return Error(Kind::kNotFound, ErrorId::kStateStoreNotFound,
               StrCat("state store ", store, " is not found"))
      .With(ErrorInfo{.reason = "DAPR_STATE_NOT_FOUND",
                      .metadata = {{"appID", std::string(app_id)}}});
}

Error InvalidKey(std::string_view store, std::string_view key, bool name_field) {
  std::string text = StrCat("input key/keyPrefix '", key, "' can't contain '||'");
  return Error(Kind::kInvalidArgument, ErrorId::kStateInvalidKeyName, text)
      .With(base::FieldViolation{.field = name_field ? std::string(key) : std::string(),
                                 .description = text})
      .With(base::ResourceInfo{.type = "state", .name = std::string(store)})
      .With(ErrorInfo{.reason = "DAPR_STATE_ILLEGAL_KEY", .has_metadata = false});
}

Error EmptyKey() {
  return Error(Kind::kInvalidArgument, ErrorId::kStateSave, "state key cannot be empty")
      .With(ErrorInfo{.reason = "ERR_STATE_SAVE"});
}

Error MalformedRequest(std::string message) {
  return Error(Kind::kInvalidArgument, ErrorId::kMalformedRequest, std::move(message));
}

Error SaveFailed(std::string_view store, const Error& cause) {
  return Failed(cause, ErrorId::kStateSave,
                StrCat("failed saving state in state store ", store, ": ", cause.message),
                "ERR_STATE_SAVE");
}
Error GetFailed(std::string_view store, std::string_view key, const Error& cause) {
  return Failed(cause, ErrorId::kStateGet,
                StrCat("fail to get ", key, " from ", store, ": ", cause.message), "ERR_STATE_GET");
}
Error DeleteFailed(std::string_view key, const Error& cause) {
  return Failed(cause, ErrorId::kStateDelete,
                StrCat("failed deleting state with key ", key, ": ", cause.message),
                "ERR_STATE_DELETE");
}
Error BulkGetFailed(std::string_view store, const Error& cause) {
  return Failed(cause, ErrorId::kStateBulkGet,
                StrCat("failed getting state from state store ", store, ": ", cause.message),
                "ERR_STATE_BULK_GET");
}
Error BulkDeleteFailed(std::string_view store, const Error& cause) {
  return Failed(cause, ErrorId::kStateBulkDelete,
                StrCat("failed deleting state in state store ", store, ": ", cause.message),
                "ERR_STATE_BULK_DELETE");
}
Error TransactionFailed(const Error& cause) {
  return Failed(cause, ErrorId::kStateTransaction,
                StrCat("error while executing state transaction: ", cause.message),
                "ERR_STATE_TRANSACTION");
}
Error QueryFailed(std::string_view store, const Error& cause) {
  return Failed(cause, ErrorId::kStateQuery,
                StrCat("state store ", store, " query failed: ", cause.message),
                "DAPR_STATE_QUERY_FAILED");
}

Error OperationNotSupported(std::string_view operation) {
  return Error(Kind::kUnimplemented, ErrorId::kStateOperationNotSupported,
               StrCat("operation type ", operation, " not supported"))
      .With(ErrorInfo{.reason = "ERR_NOT_SUPPORTED_STATE_OPERATION"});
}
Error TransactionsNotSupported(std::string_view store) {
  return Error(Kind::kUnimplemented, ErrorId::kStateTransactionsNotSupported,
               StrCat("state store ", store, " doesn't support transactions"))
      .With(base::HelpLink{
          .url = "https://docs.dapr.io/reference/components-reference/supported-state-stores/",
          .description = "Check the list of state stores and the features they support"})
      .With(base::ResourceInfo{.type = "state", .name = std::string(store)})
      .With(ErrorInfo{.reason = "DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED"});
}
Error TooManyOperations(std::size_t count, std::size_t limit) {
  return Error(Kind::kInvalidArgument, ErrorId::kStateTooManyTransactions,
               StrCat("the transaction contains ", count,
                      " operations, which is more than what the state store supports: ", limit))
      .With(ErrorInfo{.reason = "DAPR_STATE_TOO_MANY_TRANSACTIONS",
                      .metadata = {{"currentOpsTransaction", std::to_string(count)},
                                   {"maxOpsPerTransaction", std::to_string(limit)}}});
}
Error QueryNotSupported() {
  return Error(Kind::kUnimplemented, ErrorId::kStateQueryNotSupported,
               "state store does not support querying")
      .With(ErrorInfo{.reason = "DAPR_STATE_QUERYING_NOT_SUPPORTED"});
}

Error AsBulkError(const Error& cause) {
  if (cause.kind == Kind::kConflict) return contracts::EtagMismatch(cause.message);
  if (cause.kind == Kind::kInvalidEtag) return contracts::EtagInvalid(cause.message);
  return cause;
}

}  // namespace blocks::state
