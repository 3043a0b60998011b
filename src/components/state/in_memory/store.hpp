// The in-memory store: a hash map in shards, each under its own mutex.
//
// Rows are immutable once written and shared by reference count, so a reader holds the lock only
// for the look-up and copies the value outside it. Expired rows are invisible at once and removed
// by a sweep that runs once a second on the home loop while there are rows with a time to live, and
// sleeps otherwise. All operations may be called on any loop.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "async/gate.hpp"
#include "base/time.hpp"
#include "contracts/state_store.hpp"

namespace components::state::in_memory {

class Store final : public contracts::StateStore {
 public:
  using WallClock = base::WallTime (*)();
  /// `clock` replaces the wall clock in tests.
  explicit Store(WallClock clock = base::WallNow);
  ~Store() override;

  async::Task<base::Status> Init(const contracts::Call& call,
                                 const contracts::InitRequest& request) override;
  async::Task<void> Close(const contracts::Call& call) override;
  uint32_t Features() const override;

  async::Task<base::Result<contracts::GetResponse>> Get(const contracts::Call& call,
                                                        contracts::GetRequest request) override;
  async::Task<base::Status> Set(const contracts::Call& call,
                                contracts::SetRequest request) override;
  async::Task<base::Status> Delete(const contracts::Call& call,
                                   contracts::DeleteRequest request) override;
  async::Task<base::Result<std::vector<contracts::BulkGetItem>>> BulkGet(
      const contracts::Call& call, std::vector<contracts::GetRequest> requests,
      contracts::BulkOptions options) override;
  async::Task<base::Status> Multi(const contracts::Call& call,
                                  contracts::TransactionRequest request) override;
  async::Task<base::Result<int64_t>> DeleteWithPrefix(const contracts::Call& call,
                                                      std::string prefix) override;
  async::Task<base::Result<contracts::KeysLikeResponse>> KeysLike(
      const contracts::Call& call, contracts::KeysLikeRequest request) override;

  bool answers_at_once() const override { return true; }
  base::Result<contracts::GetResponse> GetNow(const contracts::GetRequest& request) override;
  base::Status SetNow(contracts::SetRequest&& request) override;
  base::Status DeleteNow(const contracts::DeleteRequest& request) override;

  /// Removes what has expired by now; the number of rows removed.
  std::size_t Sweep();
  /// Rows held, expired ones included.
  std::size_t size() const;
  /// Hash buckets held for them.
  std::size_t buckets() const;

 private:
  struct Row {
    std::string value;
    std::string etag;
    base::WallTime expires;  // kNever = no time to live
  };
  static constexpr base::WallTime kNever = base::WallTime::max();

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Map = std::unordered_map<std::string, std::shared_ptr<const Row>, Hash, std::equal_to<>>;
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    Map rows;
  };
  static constexpr std::size_t kShards = 16;
  struct Sweeper;

  Shard& ShardOf(std::string_view key) {
    // The map uses the low bits of the same hash.
    return shards_[(Hash()(key) >> 48) % kShards];
  }
  bool Live(const Row& row) const { return row.expires == kNever || row.expires > clock_(); }
  /// Needs the shard's lock. Null if the key is missing or expired.
  const Row* FindLive(const Shard& shard, std::string_view key) const;
  base::Result<std::shared_ptr<const Row>> MakeRow(std::string&& value,
                                                   const contracts::Metadata& metadata) const;
  void CountTtl(const Row* before, const Row* after);
  async::Task<void> SweepLoop();

  const WallClock clock_;
  std::array<Shard, kShards> shards_;
  std::atomic<int64_t> ttl_rows_{0};
  std::shared_ptr<Sweeper> sweeper_;
  async::Gate gate_;
};

}  // namespace components::state::in_memory
