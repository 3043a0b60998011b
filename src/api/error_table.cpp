#include "api/error_table.hpp"

#include <array>
#include <cstddef>

namespace api {
namespace {

using base::ErrorId;
using base::Kind;
using grpc::Code;

constexpr auto kBoth = Details::kBoth;
constexpr auto kGrpc = Details::kGrpc;
constexpr auto kNo = Details::kNone;

constexpr auto kInvalid = Code::kInvalidArgument;
constexpr auto kPrecondition = Code::kFailedPrecondition;

constexpr std::size_t kRows = static_cast<std::size_t>(ErrorId::kCount);

// In the order of base::ErrorId.
constexpr std::array<ErrorRow, kRows> kTable = {{
    {ErrorId::kNone, "ERROR", 500, Code::kUnknown, kBoth, "common"},

    {ErrorId::kBadRequest, "ERR_BAD_REQUEST", 400, kInvalid, kNo, "common"},
    {ErrorId::kApiUnimplemented, "ERR_API_UNIMPLEMENTED", 501, Code::kUnimplemented, kNo, "common"},
    {ErrorId::kBodyRead, "ERR_BODY_READ", 400, kInvalid, kNo, "common"},
    {ErrorId::kMalformedRequest, "ERR_MALFORMED_REQUEST", 400, kInvalid, kNo, "common"},
    {ErrorId::kMalformedRequestData, "ERR_MALFORMED_REQUEST_DATA", 500, Code::kInternal, kNo,
     "common"},
    {ErrorId::kMalformedResponse, "ERR_MALFORMED_RESPONSE", 500, Code::kInternal, kNo, "common"},
    {ErrorId::kAppChannelNil, "ERR_APP_CHANNEL_NIL", 500, Code::kInternal, kNo, "common"},
    {ErrorId::kInternal, "ERR_INTERNAL", 500, Code::kInternal, kNo, "common"},

    {ErrorId::kNoSuchInstance, "ERR_APP_NOT_SERVED", 421, kPrecondition, kNo, "sharing"},
    {ErrorId::kInstanceToken, "ERR_APP_TOKEN", 401, Code::kUnauthenticated, kNo, "sharing"},
    {ErrorId::kInstanceTokenMismatch, "ERR_APP_TOKEN_MISMATCH", 401, Code::kUnauthenticated, kNo,
     "sharing"},

    {ErrorId::kDirectInvoke, "ERR_DIRECT_INVOKE", 500, Code::kInternal, kNo, "serviceinvocation"},
    {ErrorId::kDirectInvokeNoAppId, "ERR_DIRECT_INVOKE", 404, Code::kNotFound, kNo,
     "serviceinvocation"},
    {ErrorId::kDirectInvokeNotReady, "ERR_DIRECT_INVOKE", 500, Code::kInternal, kNo,
     "serviceinvocation"},
    // The status is the callee's verdict over HTTP only; a gRPC caller sees an internal error.
    {ErrorId::kDirectInvokeDenied, "ERR_DIRECT_INVOKE", 403, Code::kInternal, kNo,
     "serviceinvocation"},

    {ErrorId::kHealthNotReady, "ERR_HEALTH_NOT_READY", 500, Code::kInternal, kNo, "health"},
    {ErrorId::kOutboundHealthNotReady, "ERR_OUTBOUND_HEALTH_NOT_READY", 500, Code::kInternal, kNo,
     "health"},
    {ErrorId::kHealthAppIdNotMatch, "ERR_HEALTH_APPID_NOT_MATCH", 500, Code::kInternal, kNo,
     "health"},

    {ErrorId::kSecretStoreNotConfigured, "ERR_SECRET_STORES_NOT_CONFIGURED", 500, kPrecondition,
     kNo, "secret"},
    {ErrorId::kSecretStoreNotFound, "ERR_SECRET_STORE_NOT_FOUND", 401, kInvalid, kNo, "secret"},
    {ErrorId::kSecretPermissionDenied, "ERR_PERMISSION_DENIED", 403, Code::kPermissionDenied, kNo,
     "secret"},
    {ErrorId::kSecretGet, "ERR_SECRET_GET", 500, Code::kInternal, kNo, "secret"},
    {ErrorId::kBulkSecretGet, "ERR_SECRET_GET", 500, Code::kInternal, kNo, "secret"},

    {ErrorId::kCryptoProvidersNotConfigured, "ERR_CRYPTO_PROVIDERS_NOT_CONFIGURED", 500,
     Code::kInternal, kNo, "crypto"},
    {ErrorId::kCryptoProviderNotFound, "ERR_CRYPTO_PROVIDER_NOT_FOUND", 400, kInvalid, kNo,
     "crypto"},
    {ErrorId::kCryptoGetKey, "ERR_CRYPTO_KEY", 500, Code::kInternal, kNo, "crypto"},
    {ErrorId::kCryptoOperation, "ERR_CRYPTO", 500, Code::kInternal, kNo, "crypto"},

    {ErrorId::kActorReminderOpActorNotHosted, "ERR_ACTOR_REMINDER_NON_HOSTED", 403,
     Code::kPermissionDenied, kNo, "actor"},
    {ErrorId::kActorTypeReserved, "ERR_ACTOR_TYPE_RESERVED", 403, Code::kPermissionDenied, kNo,
     "actor"},
    {ErrorId::kActorRuntimeNotFound, "ERR_ACTOR_RUNTIME_NOT_FOUND", 500, Code::kInternal, kNo,
     "actor"},
    {ErrorId::kActorNoAppChannel, "ERR_ACTOR_NO_APP_CHANNEL", 400, Code::kUnavailable, kNo,
     "actor"},
    {ErrorId::kActorInstanceMissing, "ERR_ACTOR_INSTANCE_MISSING", 400, Code::kInternal, kNo,
     "actor"},
    {ErrorId::kActorInvoke, "ERR_ACTOR_INVOKE_METHOD", 500, Code::kInternal, kNo, "actor"},
    {ErrorId::kActorStateGet, "ERR_ACTOR_STATE_GET", 500, Code::kInternal, kNo, "actor"},
    {ErrorId::kActorStateTransactionSave, "ERR_ACTOR_STATE_TRANSACTION_SAVE", 500, Code::kInternal,
     kNo, "actor"},
    {ErrorId::kActorReminderCreate, "ERR_ACTOR_REMINDER_CREATE", 500, Code::kInternal, kNo,
     "actor"},
    {ErrorId::kActorReminderGet, "ERR_ACTOR_REMINDER_GET", 500, Code::kInternal, kNo, "actor"},
    {ErrorId::kActorReminderDelete, "ERR_ACTOR_REMINDER_DELETE", 500, Code::kInternal, kNo,
     "actor"},
    {ErrorId::kActorReminderNotFound, "ERR_ACTOR_REMINDER_NOT_FOUND", 404, Code::kNotFound, kNo,
     "actor"},
    {ErrorId::kActorReminderAlreadyExists, "ERR_ACTOR_REMINDER_ALREADY_EXISTS", 409,
     Code::kAlreadyExists, kNo, "actor"},
    {ErrorId::kActorTimerCreate, "ERR_ACTOR_TIMER_CREATE", 500, Code::kInternal, kNo, "actor"},
    {ErrorId::kActorMaxStackDepthExceeded, "ERR_ACTOR_STACK_DEPTH", 500, Code::kResourceExhausted,
     kNo, "actor"},
    {ErrorId::kActorNoPlacement, "ERR_ACTOR_NO_PLACEMENT", 400, Code::kUnavailable, kNo, "actor"},
    {ErrorId::kActorRuntimeClosed, "ERR_ACTOR_RUNTIME_CLOSED", 503, Code::kUnavailable, kNo,
     "actor"},
    {ErrorId::kActorNamespaceRequired, "ERR_ACTOR_NAMESPACE_REQUIRED", 412, kPrecondition, kNo,
     "actor"},
    {ErrorId::kActorNoAddress, "ERR_ACTOR_NO_ADDRESS", 404, kPrecondition, kNo, "actor"},

    {ErrorId::kLockStoresNotConfigured, "ERR_LOCK_STORE_NOT_CONFIGURED", 500, kPrecondition, kNo,
     "lock"},
    {ErrorId::kResourceIdEmpty, "ERR_MALFORMED_REQUEST", 400, kInvalid, kNo, "common"},
    {ErrorId::kLockOwnerEmpty, "ERR_MALFORMED_REQUEST", 400, kInvalid, kNo, "common"},
    {ErrorId::kExpiryNotPositive, "ERR_MALFORMED_REQUEST", 400, kInvalid, kNo, "common"},
    {ErrorId::kLockStoreNotFound, "ERR_LOCK_STORE_NOT_FOUND", 400, kInvalid, kNo, "lock"},
    {ErrorId::kTryLockFailed, "ERR_TRY_LOCK", 500, Code::kInternal, kNo, "lock"},
    {ErrorId::kUnlockFailed, "ERR_UNLOCK", 500, Code::kInternal, kNo, "lock"},

    {ErrorId::kStartWorkflow, "ERR_START_WORKFLOW", 500, Code::kInternal, kNo, "workflow"},
    {ErrorId::kWorkflowGetResponse, "ERR_GET_WORKFLOW", 500, Code::kInternal, kNo, "workflow"},
    {ErrorId::kWorkflowNameMissing, "ERR_WORKFLOW_NAME_MISSING", 400, kInvalid, kNo, "workflow"},
    {ErrorId::kInstanceIdTooLong, "ERR_INSTANCE_ID_TOO_LONG", 400, kInvalid, kNo, "workflow"},
    {ErrorId::kInvalidInstanceId, "ERR_INSTANCE_ID_INVALID", 400, kInvalid, kNo, "workflow"},
    {ErrorId::kWorkflowComponentDoesNotExist, "ERR_WORKFLOW_COMPONENT_NOT_FOUND", 400, kInvalid,
     kNo, "workflow"},
    {ErrorId::kMissingOrEmptyInstance, "ERR_INSTANCE_ID_PROVIDED_MISSING", 400, kInvalid, kNo,
     "workflow"},
    {ErrorId::kWorkflowInstanceNotFound, "ERR_INSTANCE_ID_NOT_FOUND", 404, Code::kNotFound, kNo,
     "workflow"},
    {ErrorId::kNoOrMissingWorkflowComponent, "ERR_WORKFLOW_COMPONENT_MISSING", 400, kInvalid, kNo,
     "workflow"},
    {ErrorId::kTerminateWorkflow, "ERR_TERMINATE_WORKFLOW", 500, Code::kInternal, kNo, "workflow"},
    {ErrorId::kMissingWorkflowEventName, "ERR_WORKFLOW_EVENT_NAME_MISSING", 400, kInvalid, kNo,
     "workflow"},
    {ErrorId::kRaiseEventWorkflow, "ERR_RAISE_EVENT_WORKFLOW", 500, Code::kInternal, kNo,
     "workflow"},
    {ErrorId::kPauseWorkflow, "ERR_PAUSE_WORKFLOW", 500, Code::kInternal, kNo, "workflow"},
    {ErrorId::kResumeWorkflow, "ERR_RESUME_WORKFLOW", 500, Code::kInternal, kNo, "workflow"},
    {ErrorId::kPurgeWorkflow, "ERR_PURGE_WORKFLOW", 500, Code::kInternal, kNo, "workflow"},

    {ErrorId::kConversationNotFound, "ERR_CONVERSATION_NOT_FOUND", 400, kInvalid, kNo,
     "conversation"},
    {ErrorId::kConversationInvalidParams, "ERR_CONVERSATION_INVALID_PARMS", 400, kInvalid, kNo,
     "conversation"},
    {ErrorId::kConversationInvoke, "ERR_CONVERSATION_INVOKE", 500, Code::kInternal, kNo,
     "conversation"},
    {ErrorId::kConversationMissingInputs, "ERR_CONVERSATION_MISSING_INPUTS", 400, kInvalid, kNo,
     "conversation"},

    {ErrorId::kStateStoreNotFound, "ERR_STATE_STORE_NOT_FOUND", 400, kInvalid, kBoth, "state"},
    {ErrorId::kStateStoreNotConfigured, "ERR_STATE_STORE_NOT_CONFIGURED", 500, kPrecondition, kBoth,
     "state"},
    {ErrorId::kStateInvalidKeyName, "ERR_MALFORMED_REQUEST", 400, kInvalid, kBoth, "state"},
    {ErrorId::kStateSave, "ERR_STATE_SAVE", 500, Code::kInternal, kGrpc, "state"},
    {ErrorId::kStateGet, "ERR_STATE_GET", 500, Code::kInternal, kGrpc, "state"},
    {ErrorId::kStateDelete, "ERR_STATE_DELETE", 500, Code::kInternal, kGrpc, "state"},
    {ErrorId::kStateBulkGet, "ERR_STATE_BULK_GET", 500, Code::kInternal, kGrpc, "state"},
    {ErrorId::kStateBulkDelete, "ERR_STATE_BULK_DELETE", 500, Code::kInternal, kGrpc, "state"},
    {ErrorId::kStateTransaction, "ERR_STATE_TRANSACTION", 500, Code::kInternal, kGrpc, "state"},
    {ErrorId::kStateOperationNotSupported, "ERR_NOT_SUPPORTED_STATE_OPERATION", 400,
     Code::kUnimplemented, kGrpc, "state"},
    {ErrorId::kStateTransactionsNotSupported, "ERR_STATE_STORE_NOT_SUPPORTED", 500,
     Code::kUnimplemented, kBoth, "state"},
    {ErrorId::kStateTooManyTransactions, "ERR_STATE_STORE_TOO_MANY_TRANSACTIONS", 400, kInvalid,
     kBoth, "state"},
    {ErrorId::kStateQueryNotSupported, "ERR_STATE_STORE_NOT_SUPPORTED", 500, Code::kInternal, kBoth,
     "state"},
    {ErrorId::kStateQuery, "ERR_STATE_QUERY", 500, Code::kInternal, kBoth, "state"},

    {ErrorId::kPubsubNotConfigured, "ERR_PUBSUB_NOT_CONFIGURED", 404, kInvalid, kBoth, "pubsub"},
    {ErrorId::kPubsubNameEmpty, "ERR_PUBSUB_EMPTY", 404, kInvalid, kBoth, "pubsub"},
    {ErrorId::kPubsubNotFound, "ERR_PUBSUB_NOT_FOUND", 404, kInvalid, kBoth, "pubsub"},
    {ErrorId::kPubsubTestNotFound, "ERR_PUBSUB_NOT_FOUND", 400, Code::kNotFound, kBoth, "pubsub"},
    {ErrorId::kPubsubTopicEmpty, "ERR_TOPIC_NAME_EMPTY", 404, kInvalid, kBoth, "pubsub"},
    {ErrorId::kPubsubMetadata, "ERR_PUBSUB_REQUEST_METADATA", 400, kInvalid, kBoth, "pubsub"},
    {ErrorId::kPubsubForbidden, "ERR_PUBSUB_FORBIDDEN", 403, Code::kPermissionDenied, kBoth,
     "pubsub"},
    {ErrorId::kPubsubPublish, "ERR_PUBSUB_PUBLISH_MESSAGE", 500, Code::kInternal, kBoth, "pubsub"},
    {ErrorId::kPubsubCloudEventCreation, "ERR_PUBSUB_CLOUD_EVENTS_SER", 500, kInvalid, kBoth,
     "pubsub"},
    {ErrorId::kPubsubMarshalEnvelope, "ERR_PUBSUB_EVENTS_SER", 400, kInvalid, kBoth, "pubsub"},
    {ErrorId::kPubsubMarshalEvents, "ERR_PUBSUB_EVENTS_SER", 400, kInvalid, kBoth, "pubsub"},
    {ErrorId::kPubsubUnmarshalEvents, "ERR_PUBSUB_EVENTS_SER", 400, kInvalid, kBoth, "pubsub"},
    {ErrorId::kPubsubOutbox, "ERR_PUBLISH_OUTBOX", 500, Code::kInternal, kBoth, "pubsub"},

    {ErrorId::kInvokeOutputBinding, "ERR_INVOKE_OUTPUT_BINDING", 500, Code::kInternal, kGrpc,
     "binding"},
    {ErrorId::kConfigurationGet, "ERR_CONFIGURATION_GET", 500, Code::kInternal, kGrpc,
     "configuration"},
    {ErrorId::kConfigurationStoreNotConfigured, "ERR_CONFIGURATION_STORE_NOT_CONFIGURED", 500,
     kPrecondition, kGrpc, "configuration"},
    {ErrorId::kConfigurationStoreNotFound, "ERR_CONFIGURATION_STORE_NOT_FOUND", 400, kInvalid,
     kGrpc, "configuration"},
    {ErrorId::kConfigurationSubscribe, "ERR_CONFIGURATION_SUBSCRIBE", 500, Code::kInternal, kGrpc,
     "configuration"},
    {ErrorId::kConfigurationUnsubscribe, "ERR_CONFIGURATION_UNSUBSCRIBE", 500, Code::kInternal,
     kGrpc, "configuration"},

    // These have no tag: the reason, which is the same text in every one of them, is shown instead.
    {ErrorId::kSchedulerScheduleJob, "", 500, Code::kInternal, kBoth, "job"},
    {ErrorId::kSchedulerJobName, "", 400, kInvalid, kBoth, "job"},
    {ErrorId::kSchedulerJobNameEmpty, "", 400, kInvalid, kBoth, "job"},
    {ErrorId::kSchedulerGetJob, "", 500, Code::kInternal, kBoth, "job"},
    {ErrorId::kSchedulerListJobs, "", 500, Code::kInternal, kBoth, "job"},
    {ErrorId::kSchedulerDeleteJob, "", 500, Code::kInternal, kBoth, "job"},
    {ErrorId::kSchedulerEmpty, "", 400, kInvalid, kBoth, "job"},
    {ErrorId::kSchedulerScheduleEmpty, "", 400, kInvalid, kBoth, "job"},
}};

consteval bool IsComplete() {
  for (std::size_t i = 0; i < kRows; ++i) {
    if (kTable[i].id != static_cast<ErrorId>(i)) return false;
    if (kTable[i].http_status < 400 || kTable[i].grpc_code == Code::kOk) return false;
    if (kTable[i].category.empty()) return false;
  }
  return true;
}
static_assert(IsComplete(), "kTable needs one row for each base::ErrorId, in its order");

int HttpStatusOfKind(Kind kind) {
  switch (kind) {
    case Kind::kInternal:
    case Kind::kProtocol:
      return 500;
    case Kind::kTooLarge:
      return 500;  // never 413: Dapr reports it as a failed read
    case Kind::kInvalidArgument:
    case Kind::kInvalidEtag:
    case Kind::kPreconditionFailed:
      return 400;
    case Kind::kNotFound:
      return 404;
    case Kind::kConflict:
    case Kind::kAlreadyExists:
      return 409;
    case Kind::kTimeout:
      return 504;
    case Kind::kCanceled:
      return 408;
    case Kind::kUnavailable:
    case Kind::kUnreachable:
      return 503;
    case Kind::kUnauthenticated:
      return 401;
    case Kind::kPermissionDenied:
      return 403;
    case Kind::kExhausted:
      return 429;
    case Kind::kUnimplemented:
      return 501;
  }
  return 500;
}

// Errors of these ids tell a wrong etag apart; a failed transaction or read is always a failure.
bool ShowsEtagKind(ErrorId id) {
  return id == ErrorId::kStateSave || id == ErrorId::kStateDelete ||
         id == ErrorId::kStateBulkDelete;
}

}  // namespace

const ErrorRow& RowOf(ErrorId id) {
  const auto index = static_cast<std::size_t>(id);
  return kTable[index < kRows ? index : 0];
}

std::string_view ErrorCodeOf(const base::Error& error) {
  const std::string_view tag = RowOf(error.id).tag;
  if (!tag.empty()) return tag;
  for (const base::ErrorDetail& detail : error.details()) {
    const auto* info = std::get_if<base::ErrorInfo>(&detail);
    if (info && !info->reason.empty()) return info->reason;
  }
  return "ERROR";
}

int HttpStatusOf(const base::Error& error) {
  if (error.http_override != 0) return error.http_override;
  if (error.id == ErrorId::kNone) return HttpStatusOfKind(error.kind);
  if (ShowsEtagKind(error.id)) {
    if (error.kind == Kind::kConflict) return 409;
    if (error.kind == Kind::kInvalidEtag || error.kind == Kind::kInvalidArgument) return 400;
  }
  if (error.id == ErrorId::kSchedulerScheduleJob && error.kind == Kind::kAlreadyExists) return 409;
  return RowOf(error.id).http_status;
}

Code GrpcCodeOf(const base::Error& error) {
  if (error.id == ErrorId::kNone) return grpc::CodeOfKind(error.kind);
  if (ShowsEtagKind(error.id)) {
    if (error.kind == Kind::kConflict) return Code::kAborted;
    if (error.kind == Kind::kInvalidEtag || error.kind == Kind::kInvalidArgument) return kInvalid;
  }
  return RowOf(error.id).grpc_code;
}

}  // namespace api
