// Apps on their way: each start runs by itself on the home loop, so that an app whose sentry,
// operator or broker keeps it waiting holds back no other. The Host begins starts and takes what
// has ended; all functions are its main thread's.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/gate.hpp"
#include "async/loop_group.hpp"
#include "base/result.hpp"
#include "runtime/instance.hpp"

namespace runtime {

class AppStarts {
 public:
  using Result = base::Result<std::shared_ptr<Instance>>;
  /// Starts one app. Home loop; the context ends when the app is no longer wanted.
  using Start = std::function<async::Task<Result>(async::Context, InstanceConfig)>;
  AppStarts(async::LoopGroup& loops, Start start) : loops_(loops), start_(std::move(start)) {}

  void Begin(std::vector<InstanceConfig> configs);
  /// Waits until all have ended, at most so long. True if they have.
  bool Wait(std::optional<std::chrono::milliseconds> patience);

  struct Ended {
    std::string app_id;
    Result instance;
    bool wanted = true;       // false after Drop: the instance, if there is one, is to be stopped
    bool outdated = false;    // its description was read again since it began
    bool everything = false;  // and of everything else
  };
  /// Those that have ended and were not taken yet, in the order they began.
  std::vector<Ended> Take();

  /// Whether this form of the app is on its way; its description has been read again, and
  /// `everything` else.
  bool Revisit(std::string_view app_id, std::string_view fingerprint, bool everything);
  /// The app-ids whose starts are wanted and not taken.
  std::vector<std::string> Wanted() const;
  bool Wants(std::string_view app_id) const;
  /// The app is not wanted in the form that is on its way, if one is.
  void Drop(std::string_view app_id);
  bool empty() const { return list_.empty(); }
  /// None is wanted.
  void DropAll();
  /// The same; returns when all have ended. Take still gives what they have led to.
  void Close();

 private:
  struct One {
    std::string app_id;
    std::string fingerprint;
    bool wanted = true;
    bool outdated = false;
    bool everything = false;
    async::CancelToken cancel;     // home loop
    std::optional<Result> result;  // guarded by mutex_
  };
  async::Task<void> Run(std::shared_ptr<One> one, InstanceConfig config);
  async::Task<void> Leave();

  async::LoopGroup& loops_;
  const Start start_;
  std::vector<std::shared_ptr<One>> list_;
  std::mutex mutex_;
  std::condition_variable ended_;
  async::Gate gate_;  // home loop
};

}  // namespace runtime
