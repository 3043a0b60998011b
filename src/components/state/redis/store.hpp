// The Redis store. Every operation is one command (a read, or a script) on the client's shared,
// pipelined connections; bulk operations are many in one go, a transaction is one script. Any loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "components/redis/client.hpp"
#include "components/state/redis/query.hpp"
#include "contracts/state_store.hpp"

namespace components::state::redis {

struct Write;

class Store : public contracts::StateStore {
 public:
  Store();
  ~Store() override;

  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  async::Task<base::Status> Ping(const contracts::Call& call) override;
  async::Task<void> Close(const contracts::Call& call) override;
  uint32_t Features() const override;

  async::Task<base::Result<contracts::GetResponse>> Get(const contracts::Call& call,
                                                        contracts::GetRequest request) override;
  async::Task<base::Status> Set(const contracts::Call& call,
                                contracts::SetRequest request) override;
  async::Task<base::Status> Delete(const contracts::Call& call,
                                   contracts::DeleteRequest request) override;
  /// One round trip each (in a cluster one a node, at the same time); `parallelism` means nothing.
  async::Task<base::Result<std::vector<contracts::BulkGetItem>>> BulkGet(
      const contracts::Call& call, std::vector<contracts::GetRequest> requests,
      contracts::BulkOptions options) override;
  async::Task<base::Status> BulkSet(const contracts::Call& call,
                                    std::vector<contracts::SetRequest> requests,
                                    contracts::BulkOptions options) override;
  async::Task<base::Status> BulkDelete(const contracts::Call& call,
                                       std::vector<contracts::DeleteRequest> requests,
                                       contracts::BulkOptions options) override;
  /// All keys must be of one slot of a cluster.
  async::Task<base::Status> Multi(const contracts::Call& call,
                                  contracts::TransactionRequest request) override;
  async::Task<base::Result<contracts::QueryResponse>> Query(
      const contracts::Call& call, contracts::QueryRequest request) override;

  /// For tests.
  components::redis::Client& client() { return *client_; }

 private:
  using Requests = std::vector<components::redis::Request>;

  async::Task<base::Status> Start(const contracts::Call& call);
  async::Task<base::Status> CreateIndexes(const contracts::Call& call);
  async::Task<base::Status> CreateIndex(const contracts::Call& call, const QueryIndex& index);
  bool AsJson(const contracts::Metadata& metadata) const;
  base::Status Prepare(contracts::SetRequest&& request, Write& write) const;
  void Prepare(contracts::DeleteRequest&& request, Write& write) const;
  async::Task<base::Status> RunWrite(const contracts::Call& call, Write& write);
  async::Task<base::Status> RunWrites(const contracts::Call& call, std::vector<Write>& writes);
  async::Task<base::Status> WaitForReplicas(const contracts::Call& call, Write& write);
  async::Task<base::Status> AskReplicas(const contracts::Call& call, Write& write);
  async::Task<base::Result<contracts::GetResponse>> GetAllFields(const contracts::Call& call,
                                                                 std::string_view key);
  async::Task<base::Result<contracts::GetResponse>> Look(const contracts::Call& call,
                                                         std::string_view key);
  async::Task<base::Result<contracts::GetResponse>> GetOldForm(const contracts::Call& call,
                                                               std::string_view key);
  async::Task<base::Result<contracts::GetResponse>> GetDocument(const contracts::Call& call,
                                                                std::string_view key);

  std::unique_ptr<components::redis::Client> client_;
  std::optional<int64_t> ttl_;  // ttlInSeconds of the component
  bool has_json_ = false;       // the server has RedisJSON
  std::vector<QueryIndex> indexes_;
};

}  // namespace components::state::redis
