// Host: one process. Owns the loops, the listeners, the name resolution and the Instances; starts,
// swaps and ends them. Its functions run on the main thread, which is no loop's; each step that
// belongs to a loop is carried out there while the main thread waits.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "async/loop_group.hpp"
#include "base/result.hpp"
#include "blocks/invoke/access.hpp"
#include "config/options.hpp"
#include "config/shared_app.hpp"
#include "http/client_set.hpp"
#include "net/socket.hpp"
#include "runtime/app_starts.hpp"
#include "runtime/cluster.hpp"
#include "runtime/control_plane.hpp"
#include "runtime/front.hpp"
#include "runtime/identity_book.hpp"
#include "runtime/instance.hpp"
#include "runtime/listeners.hpp"
#include "runtime/metrics_server.hpp"
#include "runtime/scaler.hpp"
#include "runtime/services.hpp"

namespace runtime {

class Host final : public TableSource, public blocks::invoke::LocalApps {
 public:
  struct Setup {
    config::Options options;
    const config::Env& env;
    const contracts::Registry& components;
    std::string version;
    std::function<void(bool force)> request_shutdown;
    /// Called by Start when nothing can fail any more and nobody has been told yet; may be empty.
    std::function<void()> before_ready = {};
  };
  using Unfinished = std::function<bool(const std::string& file)>;
  explicit Host(Setup setup);
  ~Host() override;

  /// Everything up to "dapr initialized". The error ends the process; its text is the one to print.
  base::Status Start();
  /// Reads --apps-path again and brings the Instances in line: new apps start, changed ones are
  /// replaced, missing ones end; the others are not touched. What cannot be read, or cannot start,
  /// leaves the app it is about as it was. Errors are logged. False if `superseded` said, after the
  /// folder was read, that it has changed again: then nothing was done, and another call is due.
  /// `unfinished` tells, after `superseded` was asked, whether what was read of a file may be a
  /// part of it only: then the Configurations and the apps that it describes stay as they were.
  /// An app that takes long to start holds back nobody: Reap serves it when it can be.
  bool ReloadApps(const std::function<bool()>& superseded = {}, bool everything = false,
                  const Unfinished& unfinished = {});
  /// Reads all files again, those of --apps-path among them, and brings the Instances in line in
  /// the background. `everything`: asks secret stores again too, and whatever the Configuration
  /// says of the feature HotReload. Otherwise as ReloadApps.
  bool Reload(const std::function<bool()>& superseded = {}, bool everything = false,
              const Unfinished& unfinished = {});
  /// The files and folders whose change calls for Reload; other ones after each Reload.
  std::vector<std::string> WatchedPaths() const;
  /// Serves the apps that have started meanwhile, and ends those that a reload took out once their
  /// last request is over. False while some of either are left: call again in a while.
  bool Reap();
  /// Once true after the end of a start since whose beginning files were read again. `everything`
  /// becomes true if everything was.
  bool ReloadDue(bool& everything) {
    everything |= std::exchange(reload_everything_, false);
    return std::exchange(reload_due_, false);
  }
  /// Takes nothing new, finishes what is in flight within the graceful time, ends everything. True
  /// if no request had to be cut off. Nothing but the destructor may follow.
  bool Stop();
  /// True once --enable-app-health-check has found every app unhealthy: ends
  /// --dapr-block-shutdown-duration early.
  bool AllAppsUnhealthy() const;
  /// Where the process listens, by kind of port; 0 if it does not.
  struct Ports {
    uint16_t http = 0;
    uint16_t grpc = 0;
    uint16_t public_api = 0;
    uint16_t metrics = 0;
    uint16_t scaler = 0;
  };
  const Ports& ports() const { return ports_; }

  // TableSource
  const std::shared_ptr<const InstanceTable>& Here() const override;
  bool ready() const override { return ready_; }
  // LocalApps
  std::shared_ptr<blocks::invoke::Callee> Find(std::string_view app_id,
                                               std::string_view app_namespace) const override;

 private:
  // What --apps-path says.
  struct Apps {
    std::vector<InstanceConfig> configs;
    std::vector<std::string> broken;  // app-ids whose documents cannot be used
    // By app-id.
    std::map<std::string, std::string> documents;                // files
    std::map<std::string, std::vector<std::string>> configs_of;  // files of its Configuration
    bool unreadable = false;  // some document does not even tell which app it is about
  };
  async::Task<AppStarts::Result> StartApp(async::Context context, InstanceConfig config);
  /// Serves what has started in place of its older form, and ends the apps of `gone`.
  void ServeStarted(std::vector<std::shared_ptr<Instance>> gone);
  void StopInstances(std::vector<std::shared_ptr<Instance>> instances);
  bool IsServed(const std::string& app_id) const;
  void CloseAll();
  void MakeListeners();
  // Ports (host_ports.cpp). Those that are asked for may be among those that the kernel gives to
  // outgoing connections, as 50001 and 50002 usually are, so they are held until they are opened.
  void HoldProcessPorts();
  void HoldAppPorts(const InstanceConfig& config);
  void Hold(const std::string& host, uint16_t port);
  /// As Listeners::OpenTcp; waits so long for a port that is in use.
  base::Result<uint16_t> OpenPort(Port kind, const std::string& host, uint16_t port,
                                  const std::string& app_id, std::chrono::seconds patience);
  base::Status OpenProcessPorts();
  void AnnounceAll(std::vector<std::pair<Instance*, uint16_t>> instances);
  std::vector<Listeners::Wanted> WantedPorts(const InstanceConfig& config) const;
  // Opens all that can be opened; the error is the first one. `announce` gets what peers are to be
  // told.
  base::Status OpenAppPorts(Instance& instance,
                            std::vector<std::pair<Instance*, uint16_t>>& announce);
  void StartNameResolution(const config::Configuration& configuration);
  void Publish();
  /// `host` must live until the task has ended.
  async::Task<base::Result<std::vector<net::Address>>> Lookup(const async::Context& context,
                                                              const std::string& host,
                                                              uint16_t port);
  base::Result<Apps> ReadApps();
  void Hand(std::shared_ptr<Instance> instance, DescriptionChange change, bool everything);
  void WarnOnce(const std::vector<std::string>& warnings);
  // Reload begins and ends with these; the mistakes in between are told once for what `files` hold,
  // not each time they are compared.
  void BeginTelling(bool again);
  void TellOnce(const telemetry::Log& log, const std::string& mistake,
                const std::vector<std::string>& files);
  // Once the apps are served, files that are no Configuration are mistakes.
  config::OtherFiles OtherFiles() const {
    return ready_ ? config::OtherFiles::kRefuse : config::OtherFiles::kWarn;
  }
  // Identities (host_identity.cpp).
  base::Status OpenIdentities();
  /// Gives every app that needs one its identity. The error is for --app-id alone: an app of many
  /// is served without until sentry gives it one.
  base::Status GiveIdentities(std::vector<InstanceConfig>& configs);
  async::Task<base::Status> GiveIdentity(InstanceConfig& config);
  void CloseUnusedIdentities();
  /// In Kubernetes mode, gives the apps what the operator says (host_operator.cpp). Those for which
  /// it says nothing are taken out; the error is for when none is left.
  base::Status FetchResources(std::vector<InstanceConfig>& configs);
  async::Task<base::Status> FetchResourcesOf(const async::Context& context, InstanceConfig& config);
  /// What --config says, where it names files.
  base::Result<config::Configuration> ProcessConfiguration() const;
  base::Result<std::shared_ptr<const net::TlsContext>> PeerTls(const ListenerTag& tag) const;
  void NoteRefusedPeer(const net::Address& peer, const base::Error& error, const void* tag) const;
  void RenewPeers(const std::string& app_id, Renew which);
  /// For an app that was just published.
  void MarkServed(Instance& instance);

  const Setup setup_;
  const config::Options& options_;
  telemetry::Log log_;
  async::LoopGroup loops_;
  telemetry::Registry metrics_;
  std::vector<std::unique_ptr<net::Resolver>> dns_;
  std::unique_ptr<http::ClientSet> clients_;
  std::shared_ptr<contracts::NameResolver> names_;
  std::unique_ptr<Cluster> cluster_;
  ControlPlane control_plane_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<IdentityBook> identities_;  // null where nobody needs one

  std::unique_ptr<Scaler> scaler_;
  Front http_front_;
  Front grpc_front_;
  Front internal_front_;
  Front public_front_;
  std::unique_ptr<Listeners> listeners_;
  std::atomic<Listeners*> renewing_{nullptr};  // listeners_, for the home loop
  std::unique_ptr<MetricsServer> metrics_server_;

  std::vector<std::string> app_paths_;  // files and folders that apps name themselves
  std::vector<std::string> warned_;     // about documents, when they were last read
  std::set<std::string> told_;          // mistakes of the reload before this one
  std::set<std::string> telling_;       // of this one
  Ports ports_;
  std::map<uint16_t, net::Socket> held_ports_;
  bool closed_ = false;
  bool reload_due_ = false;
  bool reload_everything_ = false;
  // With --apps-path, what apps without one of their own go by: the last that could be read.
  config::Configuration process_configuration_;
  AppStarts starts_;
  std::vector<std::shared_ptr<Instance>> instances_;          // main thread's list
  std::vector<std::shared_ptr<Instance>> retired_;            // still serving their last requests
  std::vector<std::shared_ptr<const InstanceTable>> tables_;  // one a loop, replaced there
  std::atomic<bool> ready_{false};
};

}  // namespace runtime
