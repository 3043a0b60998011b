// Every distinct error of the Dapr API, one id each (source paths: pkg/messages/predefined.go and
// pkg/api/errors in the Dapr repository). api/error_table.cpp maps an id to its ERR_ tag, HTTP
// status and gRPC code; nothing else does.
#pragma once

#include <cstdint>

namespace base {

enum class ErrorId : uint16_t {
  kNone = 0,  // not an API error: rendered as "ERROR", 500, Unknown

  // common
  kBadRequest,
  kApiUnimplemented,
  kBodyRead,
  kMalformedRequest,
  kMalformedRequestData,
  kMalformedResponse,
  kAppChannelNil,
  kInternal,

  // sharing: which app a caller speaks for (ours)
  kNoSuchInstance,         // no app answers to this listener, token or host name
  kInstanceToken,          // missing or wrong token
  kInstanceTokenMismatch,  // a token of another app than the port or the name says

  // service invocation
  kDirectInvoke,
  kDirectInvokeNoAppId,
  kDirectInvokeNotReady,
  kDirectInvokeDenied,  // access control of the callee

  // health
  kHealthNotReady,
  kOutboundHealthNotReady,
  kHealthAppIdNotMatch,

  // secrets
  kSecretStoreNotConfigured,
  kSecretStoreNotFound,
  kSecretPermissionDenied,
  kSecretGet,
  kBulkSecretGet,

  // crypto
  kCryptoProvidersNotConfigured,
  kCryptoProviderNotFound,
  kCryptoGetKey,
  kCryptoOperation,

  // actors
  kActorReminderOpActorNotHosted,
  kActorTypeReserved,
  kActorRuntimeNotFound,
  kActorNoAppChannel,
  kActorInstanceMissing,
  kActorInvoke,
  kActorStateGet,
  kActorStateTransactionSave,
  kActorReminderCreate,
  kActorReminderGet,
  kActorReminderDelete,
  kActorReminderNotFound,
  kActorReminderAlreadyExists,
  kActorTimerCreate,
  kActorMaxStackDepthExceeded,
  kActorNoPlacement,
  kActorRuntimeClosed,
  kActorNamespaceRequired,
  kActorNoAddress,

  // lock
  kLockStoresNotConfigured,
  kResourceIdEmpty,
  kLockOwnerEmpty,
  kExpiryNotPositive,
  kLockStoreNotFound,
  kTryLockFailed,
  kUnlockFailed,

  // workflow
  kStartWorkflow,
  kWorkflowGetResponse,
  kWorkflowNameMissing,
  kInstanceIdTooLong,
  kInvalidInstanceId,
  kWorkflowComponentDoesNotExist,
  kMissingOrEmptyInstance,
  kWorkflowInstanceNotFound,
  kNoOrMissingWorkflowComponent,
  kTerminateWorkflow,
  kMissingWorkflowEventName,
  kRaiseEventWorkflow,
  kPauseWorkflow,
  kResumeWorkflow,
  kPurgeWorkflow,

  // conversation
  kConversationNotFound,
  kConversationInvalidParams,
  kConversationInvoke,
  kConversationMissingInputs,

  // state
  kStateStoreNotFound,
  kStateStoreNotConfigured,
  kStateInvalidKeyName,
  kStateSave,
  kStateGet,
  kStateDelete,
  kStateBulkGet,
  kStateBulkDelete,
  kStateTransaction,
  kStateOperationNotSupported,
  kStateTransactionsNotSupported,
  kStateTooManyTransactions,
  kStateQueryNotSupported,
  kStateQuery,

  // pub/sub
  kPubsubNotConfigured,
  kPubsubNameEmpty,
  kPubsubNotFound,
  kPubsubTestNotFound,
  kPubsubTopicEmpty,
  kPubsubMetadata,
  kPubsubForbidden,
  kPubsubPublish,
  kPubsubCloudEventCreation,
  kPubsubMarshalEnvelope,
  kPubsubMarshalEvents,
  kPubsubUnmarshalEvents,
  kPubsubOutbox,

  // bindings, configuration
  kInvokeOutputBinding,
  kConfigurationGet,
  kConfigurationStoreNotConfigured,
  kConfigurationStoreNotFound,
  kConfigurationSubscribe,
  kConfigurationUnsubscribe,

  // jobs
  kSchedulerScheduleJob,
  kSchedulerJobName,
  kSchedulerJobNameEmpty,
  kSchedulerGetJob,
  kSchedulerListJobs,
  kSchedulerDeleteJob,
  kSchedulerEmpty,
  kSchedulerScheduleEmpty,

  kCount,
};

}  // namespace base
