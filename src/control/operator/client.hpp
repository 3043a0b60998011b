// OperatorClient: one app's line to the Dapr operator. Fetches the app's resources for its start,
// then keeps them up to date: update streams, a full comparison on every new connection and at
// regular times, and a cache for starts while the operator is away.
//
// The app goes on with what it has whatever happens to the operator afterwards. Belongs to the
// Instance; home loop only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "async/gate.hpp"
#include "async/task.hpp"
#include "base/result.hpp"
#include "control/link/link.hpp"
#include "control/operator/cache.hpp"
#include "control/operator/resource_set.hpp"
#include "http/client.hpp"
#include "telemetry/log.hpp"

namespace control {

class OperatorSession;

struct OperatorTimes {
  std::chrono::milliseconds patience{30'000};        // for the first answer
  std::chrono::milliseconds cached_patience{3'000};  // the same, when the cache can stand in
  std::chrono::milliseconds call{5'000};             // one call
  std::chrono::milliseconds reconcile{60'000};       // between full comparisons
  std::chrono::milliseconds retry{500};              // first pause; grows by half each time
  std::chrono::milliseconds max_retry{10'000};
  std::chrono::milliseconds settle{50};  // changes that follow each other so closely become one
};

struct OperatorOptions {
  std::string app_id;
  std::string app_namespace;
  std::string configuration;    // the Configuration's name; empty = the built-in defaults
  std::string address;          // as written by the user; for :authority and for texts
  std::string cache_directory;  // --resources-cache; empty = no cache
  OperatorTimes times;
};

class OperatorClient {
 public:
  /// Brings the app in line with a new set. Awaited; what arrives meanwhile becomes the next set.
  using Apply = std::function<async::Task<void>(AppResources)>;

  /// `http` is the current loop's and outlives the client.
  OperatorClient(OperatorOptions options, http::Client& http, Locate locate,
                 const telemetry::Log& log);
  ~OperatorClient();

  /// The resources to start with. Waits for the operator within `patience`, with a log line for
  /// each failed attempt; then goes on from the cache. Any answer of the operator counts, also a
  /// refusal: that is the error, as when there is no cache. Texts are those that end the process.
  async::Task<base::Result<AppResources>> Load(const async::Context& context);
  /// Begins to follow changes. After Load.
  void Watch(Apply apply);
  /// Ends the streams, and with them the connection, and begins anew with another at once: whom to
  /// trust has changed. What happens meanwhile is found by the list that follows.
  void Reconnect() { interrupt_.Fire(); }
  /// Asks for everything again, at once or, while the operator is away, when it is back, and has
  /// the answer applied as `asked`, changed or not. After Watch.
  void Ask();
  /// Ends it. Must be awaited before destruction.
  async::Task<void> Close(const async::Context& context);

  /// Whether the operator answered last time; for tests and health.
  bool connected() const { return connected_; }

 private:
  friend class OperatorSession;
  async::Task<base::Status> Fetch(const async::Context& context, bool& answered);
  async::Task<void> Run();
  async::Task<void> Publish(bool asked);
  async::Task<void> Remember();
  base::Result<AppResources> Decode();
  void NoteTrouble(const base::Error& error, std::chrono::milliseconds pause);
  void NoteConnected();

  const OperatorOptions options_;
  http::Client& http_;
  const Locate locate_;
  const telemetry::Log log_;
  const ResourceCache cache_;
  ResourceSet set_;
  std::size_t next_address_ = 0;
  bool connected_ = false;
  bool trusted_ = false;  // what the app runs with has been told, not remembered
  Troubles troubles_;
  bool asked_ = false;                  // and not yet applied
  OperatorSession* session_ = nullptr;  // the one that is followed
  Apply apply_;
  async::Gate gate_;
  Interrupt interrupt_{gate_};
};

}  // namespace control
