// daprd: reads the options, starts the Host, and waits for signals, for a shutdown asked of the API and for
// changes in --apps-path. Everything else happens on the Host's loops.
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "base/strings.hpp"
#include "config/options.hpp"
#include "daprd/build_info.hpp"
#include "daprd/component_table.hpp"
#include "daprd/wait.hpp"
#include "runtime/host.hpp"
#include "telemetry/log.hpp"

namespace {

using telemetry::Log;

// What the main thread waits for.
class Wakeups {
 public:
  Wakeups() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
    // Before any thread starts, so that all of them inherit the mask.
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signal(SIGPIPE, SIG_IGN);
    signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    requests_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  }

  /// Watches a folder for documents that come, go or change.
  void WatchFolder(const std::string& path) {
    folder_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    // IN_CREATE of a symbolic link is how a mounted ConfigMap changes.
    inotify_add_watch(folder_, path.c_str(),
                      IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE);
  }
  /// Any thread.
  void RequestShutdown() {
    const uint64_t one = 1;
    [[maybe_unused]] auto written = write(requests_, &one, sizeof one);
  }

  enum class What { kSignal, kRequest, kFolder, kTimeout };
  struct Event {
    What what;
    int signal = 0;
  };
  Event Wait(int timeout_millis) {
    pollfd fds[] = {{signals_, POLLIN, 0}, {requests_, POLLIN, 0}, {folder_, POLLIN, 0}};
    const nfds_t count = folder_ >= 0 ? 3 : 2;
    if (poll(fds, count, timeout_millis) <= 0) return {What::kTimeout};
    if (fds[0].revents) {
      signalfd_siginfo info{};
      if (read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        return {What::kSignal, static_cast<int>(info.ssi_signo)};
      }
    }
    if (fds[1].revents) {
      uint64_t ignored;
      [[maybe_unused]] auto drained = read(requests_, &ignored, sizeof ignored);
      return {What::kRequest};
    }
    if (count == 3 && fds[2].revents) {
      char events[4096];
      while (read(folder_, events, sizeof events) > 0) {
      }
      return {What::kFolder};
    }
    return {What::kTimeout};
  }

 private:
  int signals_ = -1;
  int requests_ = -1;
  int folder_ = -1;
};

telemetry::Level LevelOf(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::kDebug: return telemetry::Level::kDebug;
    case config::LogLevel::kInfo: return telemetry::Level::kInfo;
    case config::LogLevel::kWarn: return telemetry::Level::kWarning;
    case config::LogLevel::kError: return telemetry::Level::kError;
    case config::LogLevel::kFatal: return telemetry::Level::kFatal;
  }
  return telemetry::Level::kInfo;
}

base::Status ConfigureLog(const config::Options& options) {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  telemetry::LogOptions log;
  log.level = LevelOf(options.log_level);
  log.json = options.log_as_json;
  log.file = options.log_file;
  log.app_id = options.app_id;
  log.instance = host;
  log.version = std::string(daprd::kBuildInfo.version);
  return telemetry::Logger::Global().Configure(std::move(log));
}

// Thousands of connections are normal here; the soft limit is often 1024.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Fatal(const Log& log, std::string_view error) {
  log.Fatal(base::StrCat("Fatal error from runtime: ", error));
  return 1;
}

// Waits while the operator asked for traffic to go on after the signal: until the time is over. False if a
// second signal came.
bool BlockShutdown(Wakeups& wakeups, const config::Options& options, const Log& log) {
  if (!options.block_shutdown || options.block_shutdown->count() <= 0) return true;
  log.Info(base::StrCat("Blocking graceful shutdown for ",
                        std::chrono::duration_cast<std::chrono::milliseconds>(*options.block_shutdown)
                            .count(),
                        "ms"));
  const auto until = async::Clock::now() + *options.block_shutdown;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - async::Clock::now());
    if (left.count() <= 0) return true;
    if (wakeups.Wait(static_cast<int>(left.count())).what == Wakeups::What::kSignal) return false;
  }
}

// Ends the process at once when a second signal comes while the first is still being obeyed.
std::thread WatchForSecondSignal(Wakeups& wakeups, std::atomic<bool>& done, const Log& log) {
  return std::thread([&wakeups, &done, log] {
    while (!done) {
      if (wakeups.Wait(50).what != Wakeups::What::kSignal) continue;
      log.Fatal("Received a second signal; exiting at once");
      _exit(1);
    }
  });
}

int Run(config::Options options, Wakeups& wakeups) {
  const config::ProcessEnv env;
  Log log("dapr.runtime");
  for (const std::string& line : options.deprecation_warnings) log.Warning(line);
  for (const std::string& line : options.ignored_warnings) log.Warning(line);
  if (auto allowed = config::CheckProcessUser(options, getuid()); !allowed) {
    return Fatal(log, allowed.error().message);
  }
  log.Info(base::StrCat("Starting Dapr Runtime -- version ", daprd::kBuildInfo.version,
                        " -- commit ", daprd::kBuildInfo.git_commit));
  const auto begin = async::Clock::now();
  std::atomic<bool> force_exit{false};
  runtime::Host host({.options = options,
                      .env = env,
                      .components = daprd::ComponentRegistry(),
                      .version = std::string(daprd::kBuildInfo.version),
                      .request_shutdown = [&](bool force) {
                        if (force) force_exit = true;
                        wakeups.RequestShutdown();
                      }});
  if (auto started = host.Start(); !started) return Fatal(log, started.error().message);
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::milliseconds>(async::Clock::now() - begin);
  log.Info(base::StrCat("dapr initialized. Status: Running. Init Elapsed ", elapsed.count(), "ms"));
  // From here on lines go through a thread, so that a slow reader of our output stalls no request.
  telemetry::Logger::Global().StartWriterThread();
  if (!options.apps_path.empty()) wakeups.WatchFolder(options.apps_path);

  bool reload = false;
  while (true) {
    // Editors and mounts change a folder in several steps; one reload a short while after the last.
    const Wakeups::Event event = wakeups.Wait(reload ? 50 : -1);
    if (event.what == Wakeups::What::kFolder) {
      reload = true;
      continue;
    }
    if (event.what == Wakeups::What::kTimeout) {
      if (reload) host.ReloadApps();
      reload = false;
      continue;
    }
    if (event.what == Wakeups::What::kSignal && event.signal == SIGHUP) {
      log.Info("Received signal 'hangup'; reading the apps folder again");
      if (!options.apps_path.empty()) host.ReloadApps();
      continue;
    }
    if (event.what == Wakeups::What::kRequest) {
      log.Info("Shutdown requested via API");
      if (force_exit) {
        telemetry::Logger::Global().StopWriterThread();
        _exit(1);
      }
    } else {
      log.Info(base::StrCat("Received signal '",
                            event.signal == SIGINT ? "interrupt" : "terminated",
                            "'; beginning shutdown"));
    }
    break;
  }
  if (!BlockShutdown(wakeups, options, log)) {
    log.Fatal("Received a second signal; exiting at once");
    telemetry::Logger::Global().StopWriterThread();
    _exit(1);
  }
  log.Info("Dapr is shutting down");
  std::atomic<bool> done{false};
  std::thread second = WatchForSecondSignal(wakeups, done, log);
  const bool clean = host.Stop();
  done = true;
  second.join();
  log.Info("Dapr runtime stopped");
  log.Info(clean ? "Daprd shutdown gracefully" : "Daprd shut down with requests cut off");
  telemetry::Logger::Global().StopWriterThread();
  return clean ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Wakeups wakeups;
  const config::ProcessEnv env;
  config::ParseOutcome outcome = config::ParseOptions(argc, argv, env, daprd::kBuildInfo);
  if (!outcome.options) {
    std::fputs(outcome.text.c_str(), outcome.exit_code == 0 ? stdout : stderr);
    return outcome.exit_code;
  }
  if (outcome.options->list_components) {
    std::fputs(daprd::ListComponents().c_str(), stdout);
    return 0;
  }
  if (auto configured = ConfigureLog(*outcome.options); !configured) {
    std::fprintf(stderr, "%s\n", configured.error().message.c_str());
    return 1;
  }
  if (outcome.options->wait) return daprd::WaitForRuntime(*outcome.options);
  RaiseDescriptorLimit();
  return Run(std::move(*outcome.options), wakeups);
}
