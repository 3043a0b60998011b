// Scaler: KEDA's external scaler (gRPC service externalscaler.ExternalScaler), by which KEDA brings
// apps up from zero and down again. It tells what waits for an app and never touches the app
// itself.
//
// One a process, for all its apps and all loops. The trigger's metadata say which app and which
// part of its work is meant: appId, pubsubName, topic, invocations, targetPending.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "async/gate.hpp"
#include "async/loop_group.hpp"
#include "grpc/server.hpp"
#include "http/exchange.hpp"
#include "runtime/front.hpp"

namespace runtime {

class Scaler final : public http::Handler {
 public:
  /// Both outlive the scaler. Main thread.
  Scaler(async::LoopGroup& loops, const TableSource& tables);
  ~Scaler() override;

  /// Whether the request is for this service.
  static bool IsFor(const http::Exchange& exchange);
  bool TryHandle(http::Exchange& exchange) override;
  async::Task<void> Handle(http::Exchange& exchange) override;

  /// Ends all streams and waits for the questions that are under way. Main thread; must be called
  /// before the Instances go, may be called again.
  void Stop();

 private:
  struct Query;
  struct Answer;
  struct Methods;
  std::expected<Query, grpc::Status> QueryOf(const void* ref) const;
  async::Task<std::expected<int64_t, grpc::Status>> Waiting(const async::Context& context,
                                                            Query query);
  async::Task<grpc::CallStatus> Stream(grpc::ServerStream& stream);

  async::LoopGroup& loops_;
  const TableSource& tables_;
  grpc::Service service_;
  std::atomic<int> streams_{0};
  std::atomic<bool> stopping_{false};
  std::shared_ptr<async::Gate> home_gate_;             // of loop 0
  std::vector<std::unique_ptr<async::Event>> ending_;  // one a loop
};

}  // namespace runtime
