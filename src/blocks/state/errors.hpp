// The errors of the state API: id, text and details. The APIs differ in which details they show
// (HTTP shows none for save, delete and transaction, gRPC shows no app id); all are put in here.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace blocks::state {

base::Error StoreNotConfigured(std::string_view store, std::string_view app_id);
base::Error StoreNotFound(std::string_view store, std::string_view app_id);
/// `key` is a user's key or a keyPrefix that holds the separator. A transaction names no field.
base::Error InvalidKey(std::string_view store, std::string_view key, bool name_field = true);
base::Error EmptyKey();
base::Error MalformedRequest(std::string message);

/// The API's form of what a store said; keeps its kind, on which status codes and policies depend.
base::Error SaveFailed(std::string_view store, const base::Error& cause);
base::Error GetFailed(std::string_view store, std::string_view key, const base::Error& cause);
base::Error DeleteFailed(std::string_view key, const base::Error& cause);
base::Error BulkGetFailed(std::string_view store, const base::Error& cause);
base::Error BulkDeleteFailed(std::string_view store, const base::Error& cause);
base::Error TransactionFailed(const base::Error& cause);
base::Error QueryFailed(std::string_view store, const base::Error& cause);

base::Error OperationNotSupported(std::string_view operation);
base::Error TransactionsNotSupported(std::string_view store);
base::Error TooManyOperations(std::size_t count, std::size_t limit);
base::Error QueryNotSupported();

/// An etag error as a bulk operation words it; other errors stay as they are.
base::Error AsBulkError(const base::Error& cause);

}  // namespace blocks::state
