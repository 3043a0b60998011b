#include "runtime/metrics_server.hpp"

#include "net/bind.hpp"
#include "telemetry/exposition.hpp"

namespace runtime {

class MetricsServer::Page final : public http::Handler {
 public:
  explicit Page(const telemetry::Registry& registry) : registry_(registry) {}
  async::Task<void> Handle(http::Exchange& exchange) override {
    http::ResponseHead head;
    head.headers.Add("Content-Type", telemetry::kExpositionContentType);
    exchange.Respond(head, telemetry::Exposition(registry_));
    co_return;
  }

 private:
  const telemetry::Registry& registry_;
};

MetricsServer::MetricsServer(const telemetry::Registry& registry, int loop_index)
    : loops_(1, loop_index, "admin", async::LoopGroup::Threads::kLater),
      page_(std::make_unique<Page>(registry)) {
  loops_.RunOn(0, [this] {
    http::ServerOptions options;
    options.header_timeout = std::chrono::seconds(10);
    server_ = http::MakeServer(loops_.at(0), *page_, options);
  });
}

MetricsServer::~MetricsServer() {
  loops_.RunOn(0, [this] { listener_.reset(); });
  loops_.RunTaskOn(0, [this] { return Drain(); });
  loops_.RunOn(0, [this] { server_.reset(); });
}

async::Task<void> MetricsServer::Drain() {
  const async::Context soon(async::Loop::Current()->After(std::chrono::milliseconds(100)));
  co_await server_->Drain(soon);
}

base::Result<uint16_t> MetricsServer::Open(const std::string& host, uint16_t port) {
  ASSIGN_OR_RETURN(net::Socket socket, net::BindTcp(host, port));
  const uint16_t bound = net::LocalPort(socket);
  base::Status status;
  loops_.RunOn(0, [&] {
    listener_ = std::make_unique<net::Listener>(std::move(socket));
    status = listener_->Start(loops_.at(0), [this](std::unique_ptr<net::Stream> stream) {
      server_->Serve(std::move(stream), nullptr, nullptr);
    });
  });
  RETURN_IF_ERROR(std::move(status));
  loops_.StartThreads();
  return bound;
}

}  // namespace runtime
