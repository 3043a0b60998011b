// StateStore: keys with values, entity tags, time to live and transactions.
//
// blocks/state is the caller: keys arrive complete (with their prefix), values arrive in one of two
// forms, which stores may keep differently:
//   bytes: the caller's bytes, to be given back unchanged;
//   json:  text that Go's encoding/json would write for the decoded value (keys sorted, numbers
//   through
//          float64), from the HTTP API or from gRPC with a JSON content type.
// All operations may be called on any loop at any time between Init and Close.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "contracts/component.hpp"
#include "contracts/metadata.hpp"
#include "contracts/state_query.hpp"

namespace contracts {

enum class Concurrency : uint8_t { kUnspecified, kFirstWrite, kLastWrite };
enum class Consistency : uint8_t { kUnspecified, kEventual, kStrong };

struct StateOptions {
  Concurrency concurrency = Concurrency::kUnspecified;
  Consistency consistency = Consistency::kUnspecified;
};

struct SetRequest {
  std::string key;
  std::string value;
  bool json = false;  // which of the two forms `value` has
  /// Presence matters: some stores refuse an etag that is present and empty.
  std::optional<std::string> etag;
  StateOptions options;
  Metadata metadata;
  std::string content_type;

  bool has_etag() const { return etag && !etag->empty(); }
};

struct DeleteRequest {
  std::string key;
  std::optional<std::string> etag;
  StateOptions options;
  Metadata metadata;

  bool has_etag() const { return etag && !etag->empty(); }
};

struct GetRequest {
  std::string key;
  Consistency consistency = Consistency::kUnspecified;
  Metadata metadata;
};

struct GetResponse {
  bool found = false;  // false: everything else is empty
  std::string data;
  std::optional<std::string> etag;
  Metadata metadata;  // such as ttlExpireTime
  std::string content_type;
};

/// One answer of a bulk get. `error` is empty unless this key alone failed.
struct BulkGetItem {
  std::string key;
  GetResponse value;
  std::string error;
};

struct BulkOptions {
  int parallelism = 0;  // operations at once; 0 = the store's choice
};

using TransactionOperation = std::variant<SetRequest, DeleteRequest>;
struct TransactionRequest {
  std::vector<TransactionOperation> operations;
  Metadata metadata;
};

struct QueryRequest {
  StateQuery query;
  /// Only values whose stored key starts so are meant; empty = all. A store that cannot restrict
  /// its search leaves the others to the block, which drops them, at the price of short pages.
  std::string key_prefix;
  Metadata metadata;
};
/// One value found. `error` is empty unless this value alone could not be read.
struct QueryItem {
  std::string key;
  std::string data;
  std::optional<std::string> etag;
  std::string error;
};
struct QueryResponse {
  std::vector<QueryItem> items;  // in the order asked for
  std::string token;             // of the next page; empty: there is none
  Metadata metadata;
};

/// Keys that match an SQL LIKE pattern ('%', '_', escape '\'), page by page, in a stable order.
struct KeysLikeRequest {
  std::string pattern;
  uint32_t page_size = 0;  // 0 = all
  std::string token;       // continuation token of the page before
};
struct KeysLikeResponse {
  std::vector<std::string> keys;
  std::string token;  // empty: no further page
};

/// Bits of Features().
enum StateFeature : uint32_t {
  kStateEtag = 1 << 0,
  kStateTransactional = 1 << 1,
  kStateQueryApi = 1 << 2,
  kStateTtl = 1 << 3,
  kStateDeleteWithPrefix = 1 << 4,
  kStateKeysLike = 1 << 5,
};
/// The names the metadata API shows for the bits, with ACTOR for stores that can hold actors.
std::vector<std::string_view> StateFeatureNames(uint32_t features);

/// Error texts are those the Dapr API shows; `detail` may be empty.
base::Error EtagMismatch(std::string_view detail = {});
base::Error EtagInvalid(std::string_view detail = {});

/// Seconds to live of a request: none if absent or empty. Fails with kInvalidArgument on anything
/// but a decimal integer of 32 bits.
base::Result<std::optional<int64_t>> ParseTtlSeconds(const Metadata& metadata);

inline constexpr std::string_view kTtlMetadataKey = "ttlInSeconds";
inline constexpr std::string_view kTtlExpireTimeKey = "ttlExpireTime";

class StateStore : public Component {
 public:
  virtual uint32_t Features() const = 0;

  virtual async::Task<base::Result<GetResponse>> Get(const Call& call, GetRequest request) = 0;
  /// kConflict on an etag mismatch, kInvalidEtag on an etag that cannot be one of this store.
  virtual async::Task<base::Status> Set(const Call& call, SetRequest request) = 0;
  /// A missing key is no error unless an etag was given.
  virtual async::Task<base::Status> Delete(const Call& call, DeleteRequest request) = 0;

  /// One item per request, in any order; missing keys are items that were not found. The standard
  /// forms of the three make single operations, several at once. Writes are not atomic: every item
  /// is tried, the first error by position is returned.
  virtual async::Task<base::Result<std::vector<BulkGetItem>>> BulkGet(
      const Call& call, std::vector<GetRequest> requests, BulkOptions options);
  virtual async::Task<base::Status> BulkSet(const Call& call, std::vector<SetRequest> requests,
                                            BulkOptions options);
  virtual async::Task<base::Status> BulkDelete(const Call& call,
                                               std::vector<DeleteRequest> requests,
                                               BulkOptions options);

  /// All operations in their order, or none. Only with kStateTransactional.
  virtual async::Task<base::Status> Multi(const Call& call, TransactionRequest request);
  /// How many operations one Multi may have; 0 = any number.
  virtual int MultiMaxSize() const { return 0; }

  /// Only with the feature bit of the same name; kUnimplemented otherwise.
  virtual async::Task<base::Result<QueryResponse>> Query(const Call& call, QueryRequest request);
  /// Deletes every key that starts with `prefix`; the number of keys deleted.
  virtual async::Task<base::Result<int64_t>> DeleteWithPrefix(const Call& call, std::string prefix);
  virtual async::Task<base::Result<KeysLikeResponse>> KeysLike(const Call& call,
                                                               KeysLikeRequest request);

  /// A store that answers from memory is asked through these first: no coroutine, no wait. They
  /// must return within about a microsecond, and then always with a value; stores that keep
  /// `answers_at_once` false are never asked.
  virtual bool answers_at_once() const { return false; }
  virtual base::Result<GetResponse> GetNow(const GetRequest& request);
  virtual base::Status SetNow(SetRequest&& request);
  virtual base::Status DeleteNow(const DeleteRequest& request);
};

}  // namespace contracts
