// The handlers of the HTTP API, one function an operation: decode, call the block, encode. Each
// answers the call exactly once. Try forms answer without a coroutine or return false and have
// changed nothing.
#pragma once

#include "api/http/http_call.hpp"
#include "async/task.hpp"

namespace api {

// state_handlers.cpp
async::Task<void> GetState(HttpCall& call);
bool TryGetState(HttpCall& call);
async::Task<void> DeleteState(HttpCall& call);
bool TryDeleteState(HttpCall& call);
async::Task<void> SaveState(HttpCall& call);
bool TrySaveState(HttpCall& call);
async::Task<void> BulkGetState(HttpCall& call);
async::Task<void> StateTransaction(HttpCall& call);
async::Task<void> QueryState(HttpCall& call);

// publish_handlers.cpp
async::Task<void> Publish(HttpCall& call);
bool TryPublish(HttpCall& call);
async::Task<void> BulkPublish(HttpCall& call);

// secret_handlers.cpp
async::Task<void> GetSecret(HttpCall& call);
async::Task<void> GetBulkSecret(HttpCall& call);

// meta_handlers.cpp; none of these ever waits but PutMetadata for its body.
bool TryGetMetadata(HttpCall& call);
bool TryShutdown(HttpCall& call);
bool TryHealthz(HttpCall& call);
bool TryHealthzOutbound(HttpCall& call);
async::Task<void> PutMetadata(HttpCall& call);

// invoke_handler.cpp
async::Task<void> Invoke(HttpCall& call);

// absent_handlers.cpp: the APIs whose building block this runtime does not have yet answer as if
// nothing were configured for them.
async::Task<void> AnswerAbsent(HttpCall& call);

}  // namespace api
