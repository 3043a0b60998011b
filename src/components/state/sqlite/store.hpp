// The SQLite store. Every operation hops to a thread of the store's own: one for writes, because
// SQLite has one writer, and two for reads, which see a stable snapshot meanwhile (write-ahead
// logging). An in-memory database lives in its one connection and uses the writer's thread for
// everything.
//
// Threads and connections start with the first operation that needs them. Operations may be called
// on any loop; each is bounded by `timeout` and by the call's deadline, checked again inside
// SQLite.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async/blocking_pool.hpp"
#include "async/gate.hpp"
#include "components/sqlite/database.hpp"
#include "components/sqlite/fields.hpp"
#include "components/state/sqlite/schema.hpp"
#include "contracts/state_store.hpp"

namespace components::state::sqlite {

class Store final : public contracts::StateStore {
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
  /// One hop and one transaction each, whatever the number of items; `parallelism` means nothing.
  async::Task<base::Result<std::vector<contracts::BulkGetItem>>> BulkGet(
      const contracts::Call& call, std::vector<contracts::GetRequest> requests,
      contracts::BulkOptions options) override;
  async::Task<base::Status> BulkSet(const contracts::Call& call,
                                    std::vector<contracts::SetRequest> requests,
                                    contracts::BulkOptions options) override;
  async::Task<base::Status> BulkDelete(const contracts::Call& call,
                                       std::vector<contracts::DeleteRequest> requests,
                                       contracts::BulkOptions options) override;
  async::Task<base::Status> Multi(const contracts::Call& call,
                                  contracts::TransactionRequest request) override;
  async::Task<base::Result<contracts::KeysLikeResponse>> KeysLike(
      const contracts::Call& call, contracts::KeysLikeRequest request) override;

  /// Deletes expired rows unless another process did so within the interval; the number of rows.
  async::Task<base::Result<int64_t>> Cleanup(const contracts::Call& call);

 private:
  struct Settings {
    components::sqlite::Target target;
    std::chrono::nanoseconds timeout{};
    std::chrono::milliseconds busy_timeout{};
    std::chrono::nanoseconds cleanup_interval{};
    bool wal = true;
    components::sqlite::Tables tables;
  };
  static base::Result<Settings> ReadSettings(const contracts::InitRequest& request);

  /// `work(Database&)` returns a Result and runs on a thread of the kind named.
  template <class F>
  auto OnWriter(const contracts::Call& call, F work)
      -> async::Task<std::invoke_result_t<F, Database&>>;
  template <class F>
  auto OnReader(const contracts::Call& call, F work)
      -> async::Task<std::invoke_result_t<F, Database&>>;
  base::TimePoint DeadlineOf(const contracts::Call& call) const;
  base::Result<std::unique_ptr<Database>> TakeReader();
  void GiveReader(std::unique_ptr<Database> reader);

  // These run on a thread of the store.
  base::Status OpenAndMigrate();
  base::Status Write(Database& database, const contracts::SetRequest& request);
  base::Status Erase(Database& database, const contracts::DeleteRequest& request);
  base::Result<contracts::GetResponse> Read(Database& database, std::string_view key);

  async::Task<void> CleanupLoop(std::chrono::nanoseconds interval);

  Settings settings_;
  std::unique_ptr<Sql> sql_;
  std::unique_ptr<Database> writer_;  // touched on the writer's thread only
  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Database>> readers_;  // idle ones
  async::Gate gate_;
  // Last: its threads end before what they use.
  std::unique_ptr<async::BlockingPool> writer_pool_;
  std::unique_ptr<async::BlockingPool> reader_pool_;
};

}  // namespace components::state::sqlite
