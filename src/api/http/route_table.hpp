// The rows of the router (private to it).
#pragma once

#include <array>

#include "api/http/router.hpp"

namespace api {

inline constexpr uint8_t kAllWorkflow = kAlpha1 | kBeta1 | kV1;

// Rows that start with the same word stand together. Where a literal and a parameter compete for a
// segment the literal stands first.
inline constexpr auto kRoutes = std::to_array<Route>({
    {Op::kSaveState, kPost | kPut, kV1, "state/{storeName}", "SaveState", "state"},
    {Op::kBulkGetState, kPost | kPut, kV1, "state/{storeName}/bulk", "GetBulkState", "state"},
    {Op::kStateTransaction, kPost | kPut, kV1, "state/{storeName}/transaction",
     "ExecuteStateTransaction", "state"},
    {Op::kQueryState, kPost | kPut, kAlpha1, "state/{storeName}/query", "QueryStateAlpha1",
     "state"},
    {Op::kGetState, kGet, kV1, "state/{storeName}/{key}", "GetState", "state"},
    {Op::kDeleteState, kDelete, kV1, "state/{storeName}/{key}", "DeleteState", "state"},

    {Op::kBulkPublish, kPost | kPut, kV1 | kAlpha1, "publish/bulk/{pubsubname}/*",
     "BulkPublishEvent", "publish"},
    {Op::kPublish, kPost | kPut, kV1, "publish/{pubsubname}/*", "PublishEvent", "publish"},

    {Op::kInvokeBinding, kPost | kPut, kV1, "bindings/{name}", "InvokeBinding", "bindings"},

    {Op::kSubscribeConfiguration, kGet, kV1 | kAlpha1, "configuration/{storeName}/subscribe",
     "SubscribeConfiguration", "configuration"},
    {Op::kUnsubscribeConfiguration, kGet, kV1 | kAlpha1,
     "configuration/{storeName}/{configurationSubscribeID}/unsubscribe", "UnsubscribeConfiguration",
     "configuration"},
    {Op::kGetConfiguration, kGet, kV1 | kAlpha1, "configuration/{storeName}", "GetConfiguration",
     "configuration"},

    {Op::kGetBulkSecret, kGet, kV1, "secrets/{secretStoreName}/bulk", "GetBulkSecret", "secrets"},
    {Op::kGetSecret, kGet, kV1, "secrets/{secretStoreName}/{key}", "GetSecret", "secrets"},

    {Op::kTryLock, kPost, kAlpha1, "lock/{storeName}", "TryLock", "lock"},
    {Op::kUnlock, kPost, kAlpha1, "unlock/{storeName}", "Unlock", "unlock"},

    {Op::kEncrypt, kPut, kAlpha1, "crypto/{name}/encrypt", "Encrypt", "crypto"},
    {Op::kDecrypt, kPut, kAlpha1, "crypto/{name}/decrypt", "Decrypt", "crypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/getkey", "SubtleGetKey",
     "subtlecrypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/encrypt", "SubtleEncrypt",
     "subtlecrypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/decrypt", "SubtleDecrypt",
     "subtlecrypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/wrapkey", "SubtleWrapKey",
     "subtlecrypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/unwrapkey", "SubtleUnwrapKey",
     "subtlecrypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/sign", "SubtleSign", "subtlecrypto"},
    {Op::kSubtleCrypto, kPost, kAlpha1, "subtlecrypto/{name}/verify", "SubtleVerify",
     "subtlecrypto"},

    {Op::kGetWorkflow, kGet, kAllWorkflow, "workflows/{workflowComponent}/{instanceID}",
     "GetWorkflow", "workflows"},
    {Op::kWorkflowAction, kPost, kAllWorkflow,
     "workflows/{workflowComponent}/{instanceID}/raiseEvent/{eventName}", "RaiseEventWorkflow",
     "workflows"},
    {Op::kStartWorkflow, kPost, kAllWorkflow, "workflows/{workflowComponent}/{workflowName}/start",
     "StartWorkflow", "workflows"},
    {Op::kWorkflowAction, kPost, kAllWorkflow, "workflows/{workflowComponent}/{instanceID}/pause",
     "PauseWorkflow", "workflows"},
    {Op::kWorkflowAction, kPost, kAllWorkflow, "workflows/{workflowComponent}/{instanceID}/resume",
     "ResumeWorkflow", "workflows"},
    {Op::kWorkflowAction, kPost, kAllWorkflow,
     "workflows/{workflowComponent}/{instanceID}/terminate", "TerminateWorkflow", "workflows"},
    {Op::kWorkflowAction, kPost, kAllWorkflow, "workflows/{workflowComponent}/{instanceID}/purge",
     "PurgeWorkflow", "workflows"},

    {Op::kScheduleJob, kPost, kV1 | kAlpha1, "jobs/{name}", "ScheduleJob", "jobs"},
    {Op::kGetJob, kGet, kV1 | kAlpha1, "jobs/{name}", "GetJob", "jobs"},
    {Op::kDeleteJob, kDelete, kV1 | kAlpha1, "jobs/{name}", "DeleteJob", "jobs"},

    {Op::kConverse, kPost, kAlpha1, "conversation/{name}/converse", "Converse", "conversation"},
    {Op::kConverse, kPost, kAlpha2, "conversation/{name}/converse", "Converse", "conversation"},

    {Op::kGetMetadata, kGet, kV1, "metadata", "GetMetadata", "metadata"},
    {Op::kPutMetadata, kPut, kV1, "metadata/{key}", "PutMetadata", "metadata"},
    {Op::kShutdown, kPost, kV1, "shutdown", "Shutdown", "shutdown"},

    {Op::kActor, kPost | kPut, kV1, "actors/{actorType}/{actorId}/state",
     "ExecuteActorStateTransaction", "actors"},
    {Op::kActor, kGet, kV1, "actors/{actorType}/{actorId}/state/{key}", "GetActorState", "actors"},
    {Op::kActor, kGet | kPost | kDelete | kPut, kV1, "actors/{actorType}/{actorId}/method/{method}",
     "InvokeActor", "actors"},
    {Op::kActor, kPost | kPut, kV1, "actors/{actorType}/{actorId}/reminders/{name}",
     "RegisterActorReminder", "actors"},
    {Op::kActor, kDelete, kV1, "actors/{actorType}/{actorId}/reminders/{name}",
     "UnregisterActorReminder", "actors"},
    {Op::kActor, kGet, kV1, "actors/{actorType}/{actorId}/reminders/{name}", "GetActorReminder",
     "actors"},
    {Op::kActor, kPost | kPut, kV1, "actors/{actorType}/{actorId}/timers/{name}",
     "RegisterActorTimer", "actors"},
    {Op::kActor, kDelete, kV1, "actors/{actorType}/{actorId}/timers/{name}", "UnregisterActorTimer",
     "actors"},

    {Op::kHealthz, kGet, kV1, "healthz", "Healthz", "healthz"},
    {Op::kHealthzOutbound, kGet, kV1, "healthz/outbound", "HealthzOutbound", "healthz"},
});

inline constexpr Route kInvokeRoute{Op::kInvoke, 0xff, kV1, "invoke/*", "InvokeService", "invoke"};

}  // namespace api
