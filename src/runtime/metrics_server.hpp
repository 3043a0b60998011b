// Serves the metrics port on a loop and thread of its own, so that a scrape never delays a request.
#pragma once

#include <memory>
#include <string>

#include "async/loop_group.hpp"
#include "base/result.hpp"
#include "http/server.hpp"
#include "net/listener.hpp"
#include "telemetry/registry.hpp"

namespace runtime {

class MetricsServer {
 public:
  MetricsServer(const telemetry::Registry& registry, int loop_index);
  ~MetricsServer();

  /// Listens; the port in use.
  base::Result<uint16_t> Open(const std::string& host, uint16_t port);
  /// The administration loop: also runs what watches files.
  async::Loop& loop() { return loops_.at(0); }

 private:
  class Page;
  async::Task<void> Drain();
  async::LoopGroup loops_;
  std::unique_ptr<Page> page_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace runtime
