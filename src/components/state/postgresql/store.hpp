// The PostgreSQL store, versions v1 and v2, which differ in their tables (schema.hpp). Every
// operation is one statement, or one transaction, in one round trip on a connection of the loop
// that asks.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "components/postgres/client.hpp"
#include "components/state/postgresql/schema.hpp"
#include "contracts/state_store.hpp"

namespace components::state::postgresql {

class Store final : public contracts::StateStore {
 public:
  explicit Store(Layout layout);
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
  /// One statement, whatever the number of keys; `parallelism` means nothing.
  async::Task<base::Result<std::vector<contracts::BulkGetItem>>> BulkGet(
      const contracts::Call& call, std::vector<contracts::GetRequest> requests,
      contracts::BulkOptions options) override;
  /// One statement for what has no condition, one each for the others.
  async::Task<base::Status> BulkSet(const contracts::Call& call,
                                    std::vector<contracts::SetRequest> requests,
                                    contracts::BulkOptions options) override;
  async::Task<base::Status> BulkDelete(const contracts::Call& call,
                                       std::vector<contracts::DeleteRequest> requests,
                                       contracts::BulkOptions options) override;
  async::Task<base::Status> Multi(const contracts::Call& call,
                                  contracts::TransactionRequest request) override;
  /// v1 only.
  async::Task<base::Result<contracts::QueryResponse>> Query(
      const contracts::Call& call, contracts::QueryRequest request) override;
  async::Task<base::Result<contracts::KeysLikeResponse>> KeysLike(
      const contracts::Call& call, contracts::KeysLikeRequest request) override;

  /// Deletes expired rows unless another process did so within the interval; the number of rows.
  async::Task<base::Result<int64_t>> Cleanup(const contracts::Call& call);

 private:
  struct Settings {
    postgres::Settings postgres;
    Tables tables;
    std::chrono::nanoseconds cleanup_interval{};
  };
  /// A write made ready: its statement, and the texts its parameters refer to besides the request.
  struct Write {
    postgres::Query query;
    std::string value;
    bool conditional = false;  // must change exactly one row
    bool has_etag = false;
  };
  base::Result<Settings> ReadSettings(const contracts::InitRequest& request) const;

  base::Status PrepareSet(const contracts::SetRequest& request, bool checked, Write& out) const;
  base::Status PrepareDelete(const contracts::DeleteRequest& request, bool checked,
                             Write& out) const;
  base::Status AddEtag(const std::string& etag, postgres::Params& params) const;
  base::Result<contracts::GetResponse> ReadRow(const postgres::Rows& rows, int row) const;
  async::Task<base::Status> SetMany(const contracts::Call& call,
                                    const std::vector<contracts::SetRequest>& requests,
                                    const std::vector<std::size_t>& plain) const;
  async::Task<base::Status> Start(const contracts::Call& call);
  async::Task<void> CleanupLoop(std::chrono::nanoseconds interval);

  const Layout layout_;
  Settings settings_;
  std::unique_ptr<postgres::Client> client_;
  std::unique_ptr<Statements> sql_;
  async::Gate gate_;
};

}  // namespace components::state::postgresql
