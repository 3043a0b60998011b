// PlacementClient: one app's line to placement. Reports which actor types the app hosts and takes
// part in the rounds that bring every host the same table: lock (no new call to an actor), update
// (the table), unlock (calls go by the new table).
//
// Keeps one stream to whichever placement server leads; after a loss there is no table until the
// next round is over. Belongs to the Instance; home loop, except where said.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "async/task.hpp"
#include "control/link/link.hpp"
#include "control/placement/protocol.hpp"
#include "control/placement/table.hpp"
#include "telemetry/dapr_metrics.hpp"
#include "telemetry/log.hpp"

namespace grpc {
class ClientStream;
}

namespace control {

struct PlacementTimes {
  std::chrono::milliseconds call{5'000};    // looking up addresses
  std::chrono::milliseconds round{30'000};  // from a report or lock to the unlock
  std::chrono::milliseconds retry{500};     // first pause; grows by half each time
  std::chrono::milliseconds max_retry{5'000};
};

struct PlacementOptions {
  std::string app_id;
  std::string app_namespace;
  std::string address;    // as written by the user; for texts
  std::string authority;  // for :authority
  PlacementTimes times;
};

/// Who hosts actors and must stop and go on with the rounds. Each step is awaited before placement
/// hears that it is done; contexts end when the stream does.
class PlacementObserver {
 public:
  virtual ~PlacementObserver() = default;
  /// No call to an actor may begin any more.
  virtual async::Task<void> OnLock(const async::Context& context, uint64_t version) = 0;
  /// The table that will hold. Calls to actors that move away must be over when this ends.
  virtual async::Task<void> OnUpdate(const async::Context& context,
                                     const PlacementTable& table) = 0;
  /// Calls may begin, by the table.
  virtual void OnUnlock(std::shared_ptr<const PlacementTable> table) = 0;
  /// The stream is lost: nobody knows whose the actors are until the next unlock.
  virtual void OnLost() = 0;
};

class PlacementClient {
 public:
  /// `http` is the current loop's and outlives the client. `observer` and `metrics` may be null.
  PlacementClient(PlacementOptions options, http::Client& http, Locate locate,
                  PlacementObserver* observer, telemetry::InstanceMetrics* metrics,
                  const telemetry::Log& log);
  ~PlacementClient();

  /// Begins to report. `name`: "ip:port" where other runtimes call this app.
  void Start(std::string name);
  /// The actor types of this app, from now on; placement is told at once.
  void SetEntities(std::vector<std::string> entities);
  /// Begins anew with another stream: TLS has changed.
  void Reconnect();
  /// Ends it. Must be awaited before destruction.
  async::Task<void> Close();

  /// Between an unlock and the loss of the stream. Any thread.
  bool connected() const { return connected_.load(std::memory_order_acquire); }
  /// The table of the last unlock; null while not connected. Any thread.
  std::shared_ptr<const PlacementTable> table() const;
  /// Whether actor types are reported. Any thread.
  bool hosts_actors() const { return hosts_actors_.load(std::memory_order_relaxed); }

 private:
  struct Round;
  async::Task<void> Run();
  async::Task<base::Error> Session(const http::Origin& origin, const async::Context& context,
                                   bool& refused);
  async::Task<base::Status> Obey(grpc::ClientStream& stream, const async::Context& context,
                                 Round& round, PlacementOrder order);
  void Report(grpc::ClientStream& stream);
  void Publish(std::shared_ptr<const PlacementTable> table);
  void Lose();
  void NoteTrouble(const base::Error& error, const Backoff& backoff);
  void Count(const telemetry::Family& family, std::initializer_list<std::string_view> labels);

  const PlacementOptions options_;
  http::Client& http_;
  const Locate locate_;
  PlacementObserver* const observer_;
  telemetry::InstanceMetrics* const metrics_;
  const telemetry::Log log_;
  PlacementReport report_;
  grpc::ClientStream* stream_ = nullptr;  // of the session
  async::TimePoint round_ends_ = async::kForever;
  std::size_t next_address_ = 0;
  Troubles troubles_;
  async::Gate gate_;
  Interrupt interrupt_{gate_};

  std::atomic<bool> connected_{false};
  std::atomic<bool> hosts_actors_{false};
  mutable std::mutex mutex_;
  std::shared_ptr<const PlacementTable> table_;
};

}  // namespace control
