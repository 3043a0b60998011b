// The scheduler's gRPC messages that a watching app needs (dapr.proto.scheduler.v1), written and
// read without generated classes. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace control {

inline constexpr std::string_view kWatchHostsPath = "/dapr.proto.scheduler.v1.Scheduler/WatchHosts";
inline constexpr std::string_view kWatchJobsPath = "/dapr.proto.scheduler.v1.Scheduler/WatchJobs";

/// What an app takes. Nothing at all must not be asked for: schedulers of version 1.18 end when a
/// stream asks for reminders of no actor type.
struct JobInterest {
  bool app_jobs = false;
  std::vector<std::string> actor_types;  // whose reminders
  bool none() const { return !app_jobs && actor_types.empty(); }
  bool operator==(const JobInterest&) const = default;
};

/// A job that is due.
struct TriggeredJob {
  std::string name;
  uint64_t id = 0;        // of this delivery on its stream
  std::string data_type;  // of google.protobuf.Any: its URL, and the value
  std::string data;
  std::string app_id;
  std::string app_namespace;
  bool reminder = false;  // of an actor; else a job of the app
  std::string actor_type;
  std::string actor_id;
};

std::string WriteWatch(std::string_view app_id, std::string_view app_namespace,
                       const JobInterest& interest);
/// `done`: whether the job was carried out; else the scheduler acts by the job's failure policy.
std::string WriteResult(uint64_t id, bool done);
/// kProtocol if it is malformed.
base::Result<TriggeredJob> ReadJob(std::string_view message);
/// Addresses, sorted, each once.
base::Result<std::vector<std::string>> ReadHosts(std::string_view message);

}  // namespace control
