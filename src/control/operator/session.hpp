// One connection to the operator: the lists, the update streams and what comes of them. Private to
// control/operator/; used by client.cpp on the home loop.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "async/channel.hpp"
#include "async/gate.hpp"
#include "base/result.hpp"
#include "control/operator/client.hpp"
#include "control/operator/protocol.hpp"
#include "grpc/client.hpp"

namespace control {

class OperatorSession {
 public:
  OperatorSession(OperatorClient& client, grpc::Channel channel);

  /// Asks for everything and puts it into the client's set. An error that the operator answered
  /// (not one of a broken connection) ends it only if `strict`; else that kind stays as it is.
  /// `changed`: whether the set is another one now; `answered`: whether an error is the operator's.
  async::Task<base::Status> List(const async::Context& context, bool strict, bool& changed,
                                 bool& answered);
  /// Follows the streams until they break, which is the error. Publishes what changes.
  async::Task<base::Error> Follow(const async::Context& context);
  /// Has Follow look whether the client was asked for everything.
  void Wake() { events_.TrySend({}); }
  /// Ends the streams. Must be awaited before destruction.
  async::Task<void> Close();

 private:
  struct Event {
    ResourceKind kind;
    std::string message;               // empty: the stream has ended, or there is only to wake up
    std::optional<base::Error> error;  // of the end
  };
  async::Task<base::Status> ListKind(const async::Context& context, ResourceKind kind,
                                     bool& changed, bool& answered);
  async::Task<void> Stream(ResourceKind kind);
  async::Task<std::optional<base::Error>> ReadStream(ResourceKind kind);
  bool Take(const Event& event);

  OperatorClient& client_;
  const OperatorOptions& options_;
  grpc::Channel channel_;
  async::Channel<Event> events_{64};
  async::Gate streams_;
  std::array<std::string, kResourceKinds.size()> complaints_;  // said once, not at every list
};

}  // namespace control
