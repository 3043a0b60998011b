// daprd: reads the options, starts the Host, and waits for signals, for a shutdown asked of the API
// and for changes of the files it was started with. Everything else happens on the Host's loops.
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/strings.hpp"
#include "config/options.hpp"
#include "daprd/build_info.hpp"
#include "daprd/component_table.hpp"
#include "daprd/give_back.hpp"
#include "daprd/wait.hpp"
#include "runtime/host.hpp"
#include "runtime/path_watch.hpp"
#include "runtime/process_env.hpp"
#include "telemetry/log.hpp"

namespace {

using telemetry::Log;

// How long a reload may be put off by changes that go on.
constexpr auto kReloadPatience = std::chrono::seconds(2);

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

  /// Tells of changes in these files and folders from now on. True if they are others than before.
  bool Watch(std::vector<std::string> paths) { return files_.Watch(std::move(paths)); }
  /// Any thread.
  void RequestShutdown() {
    const uint64_t one = 1;
    [[maybe_unused]] auto written = write(requests_, &one, sizeof one);
  }

  enum class What { kSignal, kRequest, kFiles, kTimeout, kNothing };
  struct Event {
    What what;
    int signal = 0;
  };
  Event Wait(int timeout_millis) {
    pollfd fds[] = {{signals_, POLLIN, 0}, {requests_, POLLIN, 0}, {files_.fd(), POLLIN, 0}};
    const nfds_t count = 3;
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
    if (fds[2].revents && files_.Changed()) return {What::kFiles};
    return {What::kNothing};
  }
  /// Whether a file has changed since it was last told or asked.
  bool FilesChanged() { return files_.Changed(); }
  /// How long the files should be at rest before they are read.
  int Pause() const { return static_cast<int>(files_.Pause().count()); }
  void FilesRead() { files_.Read(); }
  /// See PathWatch.
  void BeginReading() {
    files_.Changed();
    files_.BeginReading();
  }
  bool Unfinished(const std::string& file) const { return files_.Unfinished(file); }
  int signals() const { return signals_; }

 private:
  int signals_ = -1;
  int requests_ = -1;
  runtime::PathWatch files_;
};

telemetry::Level LevelOf(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::kDebug:
      return telemetry::Level::kDebug;
    case config::LogLevel::kInfo:
      return telemetry::Level::kInfo;
    case config::LogLevel::kWarn:
      return telemetry::Level::kWarning;
    case config::LogLevel::kError:
      return telemetry::Level::kError;
    case config::LogLevel::kFatal:
      return telemetry::Level::kFatal;
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

// Whether the arguments ask for JSON, for errors that come before there are options.
bool WantsJsonLog(int argc, const char* const* argv) {
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    std::string_view flag = argv[i];
    if (flag == "--") break;
    if (!flag.starts_with('-')) continue;
    flag.remove_prefix(flag.starts_with("--") ? 2 : 1);
    const std::size_t equals = flag.find('=');
    if (flag.substr(0, equals) != "log-as-json") continue;
    json = equals == std::string_view::npos || base::ParseBoolTruthy(flag.substr(equals + 1));
  }
  return json;
}

// For poll; an hour at most.
int MillisUntil(async::TimePoint time) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - async::Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

// One fatal line as the log would have it.
void PrintFatalJson(std::string_view text) {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  telemetry::LogOptions log;
  log.json = true;
  log.instance = host;
  log.version = std::string(daprd::kBuildInfo.version);
  // Without a file nothing can fail here.
  if (!telemetry::Logger::Global().Configure(std::move(log))) return;
  while (text.ends_with('\n')) text.remove_suffix(1);
  Log("dapr.runtime").Fatal(text);
}

int Fatal(const Log& log, std::string_view error) {
  log.Fatal(base::StrCat("Fatal error from runtime: ", error));
  return 1;
}

[[noreturn]] void ExitAtOnce(int code) {
  telemetry::Logger::Global().StopWriterThread();
  _exit(code);
}

// Waits while the operator asked for traffic to go on after the signal: until the time is over or
// every app's health check fails. A second signal, or a forced shutdown by the API, ends the
// process.
void BlockShutdown(Wakeups& wakeups, const config::Options& options, const runtime::Host& host,
                   const std::atomic<bool>& force_exit, const Log& log) {
  if (!options.block_shutdown || options.block_shutdown->count() <= 0) return;
  using std::chrono::milliseconds;
  log.Info(base::StrCat("Blocking graceful shutdown for ",
                        std::chrono::duration_cast<milliseconds>(*options.block_shutdown).count(),
                        "ms or until the app is unhealthy"));
  const auto until = async::Clock::now() + *options.block_shutdown;
  while (!host.AllAppsUnhealthy()) {
    const auto left = std::chrono::ceil<milliseconds>(until - async::Clock::now());
    if (left.count() <= 0) return;
    const auto event = wakeups.Wait(static_cast<int>(std::min<int64_t>(left.count(), 100)));
    if (event.what == Wakeups::What::kSignal && event.signal != SIGHUP) {
      log.Fatal("Received a second signal; exiting at once");
      ExitAtOnce(1);
    }
    if (event.what == Wakeups::What::kRequest && force_exit) ExitAtOnce(1);
  }
  log.Info("Application is unhealthy; going on with the shutdown");
}

// While the main thread is busy with something that may take long, ends the process on a signal.
class SignalGuard {
 public:
  SignalGuard(const Wakeups& wakeups, const Log& log, const char* text, int exit_code)
      : end_(eventfd(0, EFD_CLOEXEC)),
        thread_([this, fd = wakeups.signals(), log, text, exit_code] {
          while (true) {
            pollfd fds[] = {{fd, POLLIN, 0}, {end_, POLLIN, 0}};
            if (poll(fds, 2, -1) < 0) continue;
            if (fds[1].revents || acting_.exchange(true)) return;
            signalfd_siginfo info{};
            if (read(fd, &info, sizeof info) != static_cast<ssize_t>(sizeof info) ||
                info.ssi_signo == SIGHUP) {
              acting_ = false;
              continue;
            }
            if (exit_code == 0) {
              log.Info(text);
            } else {
              log.Fatal(text);
            }
            ExitAtOnce(exit_code);
          }
        }) {}
  /// From here on signals are the main thread's. Returns at once; the thread ends by itself.
  void Release() {
    const uint64_t one = 1;
    [[maybe_unused]] auto written = write(end_, &one, sizeof one);
    // A signal that the guard is just acting upon ends the process.
    while (acting_.exchange(true)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~SignalGuard() {
    const uint64_t one = 1;
    [[maybe_unused]] auto written = write(end_, &one, sizeof one);
    thread_.join();
    close(end_);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  const int end_;
  std::atomic<bool> acting_{false};  // on a signal; stays true once released
  std::thread thread_;
};

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
  runtime::ExportEnvironment(options);
  std::atomic<bool> force_exit{false};
  std::optional<SignalGuard> guard(std::in_place, wakeups, log,
                                   "Received a signal before the start was complete; exiting", 0);
  runtime::Host host({.options = options,
                      .env = env,
                      .components = daprd::ComponentRegistry(),
                      .version = std::string(daprd::kBuildInfo.version),
                      .request_shutdown =
                          [&](bool force) {
                            if (force) force_exit = true;
                            wakeups.RequestShutdown();
                          },
                      // Whoever sees the runtime ready may count on a shutdown in good order.
                      .before_ready = [&] { guard->Release(); }});
  // Before the start reads the files, so that no change falls in between.
  wakeups.Watch(host.WatchedPaths());
  if (auto started = host.Start(); !started) return Fatal(log, started.error().message);
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::milliseconds>(async::Clock::now() - begin);
  log.Info(base::StrCat("dapr initialized. Status: Running. Init Elapsed ", elapsed.count(), "ms"));
  // From here on lines go through a thread, so that a slow reader of our output stalls no request.
  telemetry::Logger::Global().StartWriterThread();
  guard.reset();

  // Apps may have named files of their own.
  bool reload = wakeups.Watch(host.WatchedPaths());
  bool everything = false;
  bool reaped = host.Reap();
  bool settled = false;
  async::TimePoint reload_by = async::Clock::now() + kReloadPatience;
  // In case a change is not told.
  async::TimePoint compare_at = async::Clock::now() + options.hot_reload_interval;
  while (true) {
    // Editors and mounts change files in several steps; one reload a short while after the last.
    // Apps that were taken out are looked after until their last requests are over.
    const int pause = reload ? wakeups.Pause() : MillisUntil(compare_at);
    // Files that are being written get the whole time that they need.
    const bool whole = reload || (reaped && settled);
    const Wakeups::Event event = wakeups.Wait(whole ? pause : std::min(pause, 200));
    if (!settled && event.what == Wakeups::What::kTimeout) {
      // Not at once: the first requests want some of these pages.
      settled = true;
      daprd::GiveBackStartupPages();
      continue;
    }
    const async::TimePoint now = async::Clock::now();
    const bool hang_up = event.what == Wakeups::What::kSignal && event.signal == SIGHUP;
    if (hang_up) {
      log.Info("Received signal 'hangup'; reading the configuration and all resources again");
      everything = true;
    }
    if (event.what == Wakeups::What::kFiles || hang_up || now >= compare_at) {
      if (!std::exchange(reload, true)) reload_by = now + kReloadPatience;
      compare_at = now + options.hot_reload_interval;
      if (now < reload_by) continue;
    }
    if (event.what == Wakeups::What::kTimeout || event.what == Wakeups::What::kFiles) {
      if (reload) {
        // Files that never come to rest are read all the same, but for those that say who may call.
        const bool wait = now < reload_by;
        bool again = false;
        const auto superseded = [&] {
          again = wakeups.FilesChanged();
          return again && wait;
        };
        wakeups.BeginReading();
        reload = !host.Reload(superseded, everything,
                              [&](const std::string& file) { return wakeups.Unfinished(file); });
        everything = everything && reload;
        if (!reload) {
          wakeups.FilesRead();
          reload = again;
          reload_by = async::Clock::now() + kReloadPatience;
        }
        if (wakeups.Watch(host.WatchedPaths())) reload = true;
      }
      reaped = host.Reap();
      if (host.ReloadDue(everything) && !std::exchange(reload, true)) {
        reload_by = async::Clock::now() + kReloadPatience;
      }
      continue;
    }
    if (event.what == Wakeups::What::kNothing || hang_up) continue;
    if (event.what == Wakeups::What::kRequest) {
      log.Info("Shutdown requested via API");
      if (force_exit) ExitAtOnce(1);
    } else {
      log.Info(base::StrCat("Received signal '",
                            event.signal == SIGINT ? "interrupt" : "terminated",
                            "'; beginning shutdown"));
    }
    break;
  }
  BlockShutdown(wakeups, options, host, force_exit, log);
  log.Info("Dapr is shutting down");
  guard.emplace(wakeups, log, "Received a second signal; exiting at once", 1);
  const bool clean = host.Stop();
  guard.reset();
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
    if (outcome.exit_code == 1 && WantsJsonLog(argc, argv)) {
      PrintFatalJson(outcome.text);
      return outcome.exit_code;
    }
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
