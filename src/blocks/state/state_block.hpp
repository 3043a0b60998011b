// StateBlock: the rules of the state API for one app, the same for HTTP and gRPC. Decoding is done
// before (request.hpp for HTTP), encoding after; everything between is here: key prefixes, single
// or bulk, transaction limits, encryption, errors and metrics.
//
// Part of an Instance's snapshot: immutable, called on any loop. Requests in flight keep the
// snapshot, and with it the stores, alive. Names passed as string_view must live until the task has
// ended.
//
// Every operation with a Try form may answer at once, without a coroutine: nullopt means that the
// store has to be waited for, that nothing has happened, and that the Task form must be used.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "blocks/state/named_store.hpp"
#include "blocks/state/request.hpp"
#include "contracts/state_store.hpp"
#include "telemetry/dapr_metrics.hpp"

namespace blocks::state {

class StateBlock {
 public:
  /// `metrics` may be null; it outlives the block.
  StateBlock(std::vector<NamedStore> stores, std::string app_id,
             telemetry::InstanceMetrics* metrics = nullptr);

  const std::vector<NamedStore>& stores() const { return stores_; }
  /// The store, or the error every operation gives for this name. Handlers call it before they
  /// decode a body, because a wrong store wins over a wrong body.
  base::Result<const NamedStore*> Find(std::string_view store) const;

  std::optional<base::Result<contracts::GetResponse>> TryGet(
      const contracts::Call& call, std::string_view store,
      const contracts::GetRequest& request) const;
  async::Task<base::Result<contracts::GetResponse>> Get(const contracts::Call& call,
                                                        std::string_view store,
                                                        contracts::GetRequest request) const;

  /// One item is set, several are bulk set. No items: success. Values of gRPC whose metadata
  /// contentType is application/json become JSON values here. TrySave takes the items if it
  /// answers.
  std::optional<base::Status> TrySave(const contracts::Call& call, std::string_view store,
                                      std::vector<contracts::SetRequest>& items) const;
  async::Task<base::Status> Save(const contracts::Call& call, std::string_view store,
                                 std::vector<contracts::SetRequest> items) const;

  std::optional<base::Status> TryDelete(const contracts::Call& call, std::string_view store,
                                        const contracts::DeleteRequest& request) const;
  async::Task<base::Status> Delete(const contracts::Call& call, std::string_view store,
                                   contracts::DeleteRequest request) const;
  async::Task<base::Status> BulkDelete(const contracts::Call& call, std::string_view store,
                                       std::vector<contracts::DeleteRequest> items) const;

  /// Items carry the user's keys.
  async::Task<base::Result<std::vector<contracts::BulkGetItem>>> BulkGet(
      const contracts::Call& call, std::string_view store, BulkGetBody request) const;
  async::Task<base::Status> Transaction(const contracts::Call& call, std::string_view store,
                                        TransactionBody request) const;
  async::Task<base::Result<contracts::QueryResponse>> Query(const contracts::Call& call,
                                                            std::string_view store,
                                                            QueryBody request) const;

 private:
  class Timing;
  /// Turns a user's request into the store's: key, value form, encryption.
  base::Status Prepare(const NamedStore& store, contracts::SetRequest& request) const;
  base::Status PrepareItems(const NamedStore& store,
                            std::vector<contracts::SetRequest>& items) const;
  base::Result<contracts::TransactionRequest> PrepareTransaction(const NamedStore& store,
                                                                 TransactionBody& request) const;
  base::Result<contracts::GetResponse> FinishGet(const NamedStore& store, std::string_view user_key,
                                                 base::Result<contracts::GetResponse> got) const;

  const std::vector<NamedStore> stores_;
  const std::string app_id_;
  telemetry::InstanceMetrics* const metrics_;
};

}  // namespace blocks::state
