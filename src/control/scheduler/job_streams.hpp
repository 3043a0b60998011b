// The streams to one scheduler host: opened, kept, and answered. Private to control/scheduler/;
// home loop.
#pragma once

#include <memory>
#include <string>

#include "async/gate.hpp"
#include "control/scheduler/client.hpp"

namespace grpc {
class ClientStream;
}

namespace control {

class JobStreams {
 public:
  JobStreams(SchedulerClient& client, std::string address);
  ~JobStreams();

  void Start();
  /// Begins all of them anew, for another interest or other TLS.
  void Restart();
  /// Takes nothing new, waits for the jobs in hand until the context's end, then ends the streams.
  /// Must be awaited before destruction.
  async::Task<void> Close(const async::Context& context);
  /// Whether one of them at least has reached the host.
  bool up() const { return up_ > 0; }

 private:
  struct Session;
  async::Task<void> Keep();
  async::Task<base::Error> Serve(const http::Origin& origin, const async::Context& context);
  async::Task<base::Error> Read(Session& session, const async::Context& context);
  async::Task<void> NoteUp(Session& session);
  async::Task<void> Do(Session& session, TriggeredJob job);

  SchedulerClient& client_;
  const std::string address_;
  int up_ = 0;
  std::size_t in_hand_ = 0;  // jobs, of all streams
  bool ending_ = false;
  async::Event idle_;
  Troubles troubles_;
  async::Gate gate_;
  Interrupt interrupt_{gate_};
};

}  // namespace control
