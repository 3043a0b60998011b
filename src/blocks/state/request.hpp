// The JSON bodies of the HTTP state API, decoded by the rules of Go's encoding/json: field names in
// any case, the last of equal fields wins, unknown ones are ignored, null leaves a field unset.
// Values come out as text that encoding/json would write. All input is hostile. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "contracts/state_store.hpp"

namespace blocks::state {

/// One operation of a transaction, not yet known to be supported.
struct TransactionItem {
  std::string operation;  // "upsert" or "delete", else an error of the block
  contracts::SetRequest request;
};
struct TransactionBody {
  std::vector<TransactionItem> operations;
  contracts::Metadata metadata;
  /// A concurrency or consistency that is none, as text; empty if all are fine. It fails the
  /// transaction as the store's own errors do, after all other rules.
  std::string bad_options;
};
struct BulkGetBody {
  std::vector<std::string> keys;
  contracts::Metadata metadata;
  int parallelism = 0;
};

/// A query as it came: the document is parsed by the block, because a store that cannot be queried
/// wins over a wrong document.
struct QueryBody {
  std::string document;
  contracts::Metadata metadata;
};

/// The body of a save: an array of items. `url_metadata` overrides each item's own.
/// kMalformedRequest on anything that does not decode or lacks a key; kStateSave on an unknown
/// concurrency or consistency, for which the message needs the name of the store.
base::Result<std::vector<contracts::SetRequest>> ParseSaveRequest(
    std::string_view json, std::string_view store, const contracts::Metadata& url_metadata = {});

/// The bodies of transaction and bulk get. `url_metadata` overrides the body's metadata.
/// kMalformedRequest on anything that does not decode.
base::Result<TransactionBody> ParseTransaction(std::string_view json,
                                               const contracts::Metadata& url_metadata = {});
base::Result<BulkGetBody> ParseBulkGet(std::string_view json,
                                       const contracts::Metadata& url_metadata = {});

/// The query values `concurrency` and `consistency`; empty is unspecified. kInvalidArgument on
/// others.
base::Result<contracts::StateOptions> ParseStateOptions(std::string_view concurrency,
                                                        std::string_view consistency);

/// The answer of a bulk get: an array of {key, data, etag, metadata, error}, ended by a newline.
/// What is empty is left out. Data that is no JSON makes an error of its item.
std::string WriteBulkGetResponse(const std::vector<contracts::BulkGetItem>& items);
/// The answer of a query: {results: [{key, data, etag, error}], token, metadata}, likewise.
std::string WriteQueryResponse(const contracts::QueryResponse& response);

}  // namespace blocks::state
