// SchedulerClient: one app's line to the scheduler. Follows which scheduler hosts there are and
// keeps streams to each of them, on which jobs come that are due for this app.
//
// A job comes to a stream that takes its kind, and waits in the scheduler while there is none: so
// nothing is taken before there is a handler for it. A stream that breaks gives back the jobs it
// has not answered. Belongs to the Instance; home loop, except where said.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "async/task.hpp"
#include "control/link/link.hpp"
#include "control/scheduler/protocol.hpp"
#include "telemetry/log.hpp"

namespace control {

struct SchedulerTimes {
  std::chrono::milliseconds call{5'000};  // looking up addresses, answering WatchHosts
  std::chrono::milliseconds retry{500};   // first pause; grows by half each time
  std::chrono::milliseconds max_retry{5'000};
  std::chrono::milliseconds recheck{60'000};  // whether an old scheduler has become a new one
};

struct SchedulerOptions {
  std::string app_id;
  std::string app_namespace;
  std::vector<std::string> addresses;  // host:port, as written by the user
  std::size_t streams = 3;             // to each scheduler host
  std::size_t max_jobs = 100;          // at a time on one stream; more wait in the scheduler
  SchedulerTimes times;
};

/// Carries out jobs.
class JobHandler {
 public:
  virtual ~JobHandler() = default;
  /// True if the job is done; else the scheduler tries again as the job's failure policy says. The
  /// context ends when the answer can reach nobody any more.
  virtual async::Task<bool> Run(const async::Context& context, TriggeredJob job) = 0;
};

class JobStreams;

class SchedulerClient {
 public:
  /// Where the scheduler at this address ("host:port") is.
  using LocateHost = std::function<async::Task<base::Result<std::vector<http::Origin>>>(
      const async::Context&, const std::string& address)>;

  /// `http` is the current loop's and outlives the client.
  SchedulerClient(SchedulerOptions options, http::Client& http, LocateHost locate,
                  const telemetry::Log& log);
  ~SchedulerClient();

  /// Begins to follow the hosts.
  void Start();
  /// From now on takes what `interest` says and gives it to `handler`, which outlives the client;
  /// with another interest the streams begin anew. None: no stream, jobs wait in the scheduler.
  void Take(JobInterest interest, JobHandler* handler);
  /// Begins anew with other connections: TLS has changed.
  void Reconnect();
  /// Takes nothing new, gives jobs in hand until the context's end, then ends everything. Must be
  /// awaited before destruction.
  async::Task<void> Close(const async::Context& context);

  /// Scheduler hosts that are there. Any thread.
  std::vector<std::string> connected_addresses() const;

 private:
  friend class JobStreams;
  async::Task<void> Run();
  async::Task<base::Error> Follow(const std::string& address, const async::Context& context,
                                  bool& old);
  void SetHosts(std::vector<std::string> hosts);
  async::Task<void> End(std::unique_ptr<JobStreams> streams);
  void UpdateConnected();

  const SchedulerOptions options_;
  http::Client& http_;
  const LocateHost locate_;
  const telemetry::Log log_;
  JobInterest interest_;
  JobHandler* handler_ = nullptr;
  std::vector<std::string> hosts_;
  std::map<std::string, std::unique_ptr<JobStreams>> streams_;  // by host
  bool following_ = false;                                      // hosts_ is what is told now
  std::size_t next_address_ = 0;
  Troubles troubles_;
  async::Gate gate_;
  Interrupt interrupt_{gate_};

  mutable std::mutex mutex_;
  std::vector<std::string> connected_;
};

}  // namespace control
