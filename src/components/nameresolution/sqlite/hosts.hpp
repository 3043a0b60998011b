// The table of hosts: which runtime serves which app at what address, and when it was last heard
// of. The layout and the meaning of every column are those of the Go daprd, which may use the same
// file at the same time. Used on the pool's thread only; every function blocks.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "components/nameresolution/sqlite/settings.hpp"

namespace components::nameresolution::sqlite {

using components::sqlite::Database;

/// One row of ours.
struct Host {
  std::string registration_id;  // a UUID
  std::string address;          // "ip:port"
  std::string app_id;
  std::string app_namespace;  // not stored: today's runtimes leave the column empty
};

class Hosts {
 public:
  /// Opens the file and creates the tables if they are missing. kUnavailable while another process
  /// holds the file.
  static base::Result<std::unique_ptr<Hosts>> Open(const Settings& settings);

  void set_deadline(base::TimePoint deadline) { database_->set_deadline(deadline); }

  /// Adds the row, in place of any row with the same address.
  base::Status Register(const Host& host);
  /// Notes that the hosts are alive. Rows that somebody deleted come back. The addresses that
  /// another runtime has taken over, which are left to it.
  base::Result<std::vector<std::string>> Renew(const std::vector<Host>& hosts);
  base::Status Remove(const std::vector<Host>& hosts);

  /// Addresses of live rows of the app in random order, at most `limit`.
  base::Result<std::vector<std::string>> Find(std::string_view app_id,
                                              std::string_view app_namespace, int limit);

  /// Deletes rows that were dead for long, unless another process did so within the interval; how
  /// many.
  base::Result<int> Cleanup();

 private:
  Hosts(const Settings& settings, std::unique_ptr<Database> database);
  base::Status Migrate();

  const Settings settings_;
  const std::unique_ptr<Database> database_;
  const std::string fresh_;  // SQL: the row counts as alive
};

}  // namespace components::nameresolution::sqlite
