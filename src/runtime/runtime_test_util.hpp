// A whole Host in the test's process, with in-memory components, and the clients and apps around
// it.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "base/strings.hpp"
#include "http/client_set.hpp"
#include "http/server.hpp"
#include "net/bind.hpp"
#include "net/listener.hpp"
#include "runtime/host.hpp"

namespace runtime::test {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/runtime_test_XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(base::StrCat(path, "/", name)) << text;
  }
  void Remove(const std::string& name) const {
    std::filesystem::remove(base::StrCat(path, "/", name));
  }
  std::string path;
};

inline std::string Component(const std::string& name, const std::string& type,
                             const std::string& metadata = "[]") {
  return base::StrCat("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: ", name,
                      "}\nspec: {type: ", type, ", version: v1, metadata: ", metadata, "}\n");
}

inline std::string SharedApp(const std::string& app_id, uint16_t port,
                             const std::string& more = "") {
  return base::StrCat(
      "apiVersion: shared.dapr.io/v1alpha1\nkind: SharedApp\nmetadata: {name: ", app_id,
      "}\nspec:\n  appId: ", app_id, "\n  target: {address: 127.0.0.1, port: ", port, "}\n", more);
}

inline uint16_t FreePort() {
  auto socket = net::BindTcp("127.0.0.1", 0);
  return net::LocalPort(*socket);
}

inline async::Task<void> DrainNow(http::Server& server) {
  const async::Context context(async::Loop::Current()->After(std::chrono::milliseconds(20)));
  co_await server.Drain(context);
}

// An app that answers "hello from <name>", and holds /hold requests until Release.
class App final : public http::Handler {
 public:
  explicit App(std::string name) : name_(std::move(name)) {
    auto socket = net::BindTcp("127.0.0.1", 0);
    port = net::LocalPort(*socket);
    loops_.RunOn(0, [&] {
      server_ = http::MakeServer(loops_.at(0), *this);
      listener_ = std::make_unique<net::Listener>(std::move(*socket));
      EXPECT_TRUE(listener_->Start(loops_.at(0), [this](std::unique_ptr<net::Stream> stream) {
        server_->Serve(std::move(stream), nullptr, nullptr);
      }));
    });
  }
  ~App() override {
    Release();
    loops_.RunOn(0, [this] { listener_.reset(); });
    loops_.RunTaskOn(0, [this] { return DrainNow(*server_); });
    loops_.RunOn(0, [this] { server_.reset(); });
  }
  async::Task<void> Handle(http::Exchange& exchange) override {
    if (exchange.request().path().ends_with("/hold")) {
      {
        const std::lock_guard lock(mutex_);
        ++holding_;
      }
      changed_.notify_all();
      const async::Context context(async::kForever, &exchange.cancel());
      co_await go_.Wait(context);
      const std::lock_guard lock(mutex_);
      --holding_;
    }
    exchange.Respond({}, "hello from " + name_);
  }
  void WaitUntilHolding(int count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        changed_.wait_for(lock, std::chrono::seconds(10), [&] { return holding_ >= count; }));
  }
  void Release() {
    loops_.RunOn(0, [this] { go_.Set(); });
  }
  uint16_t port = 0;

 private:
  const std::string name_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int holding_ = 0;
  async::Event go_;
  async::LoopGroup loops_{1};
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<net::Listener> listener_;
};

struct Answer {
  int status = 0;
  std::string body;
  std::string grpc_status;
};

struct Ask {
  std::string path = "/v1.0/healthz";
  std::string host;
  std::string token;
  std::string method = "GET";
  std::string body;
};

class Caller {
 public:
  ~Caller() { clients_.Close(std::chrono::milliseconds(100)); }
  Answer Http(uint16_t port, const Ask& ask) { return Send(port, ask, false); }
  Answer Grpc(uint16_t port, const Ask& ask) { return Send(port, ask, true); }

 private:
  Answer Send(uint16_t port, const Ask& ask, bool grpc) {
    Answer answer;
    loops_.RunTaskOn(0, [&] { return SendTask(port, ask, grpc, answer); });
    return answer;
  }
  async::Task<void> SendTask(uint16_t port, const Ask& ask, bool grpc, Answer& answer) {
    const async::Context context(async::Loop::Current()->After(std::chrono::seconds(20)));
    http::Origin origin;
    origin.address = *net::Address::FromIp("127.0.0.1", port);
    origin.protocol = grpc ? http::Protocol::kHttp2 : http::Protocol::kHttp1;
    http::RequestHead head;
    head.protocol = origin.protocol;
    head.method = grpc ? "POST" : ask.method;
    head.target = ask.path;
    head.scheme = "http";
    head.authority = ask.host.empty() ? base::StrCat("127.0.0.1:", port) : ask.host;
    if (!ask.token.empty()) head.headers.Add("dapr-api-token", ask.token);
    if (grpc) {
      head.headers.Add("content-type", "application/grpc");
      head.headers.Add("te", "trailers");
    }
    http::StringBody body(grpc ? std::string(5, '\0') : ask.body);
    auto response = co_await clients_.Here().Send(context, origin, std::move(head),
                                                  grpc || !ask.body.empty() ? &body : nullptr);
    if (!response) {
      answer.body = response.error().message;
      co_return;
    }
    answer.status = response->head.status;
    auto text = co_await http::ReadAll(*response->body, context, 1 << 20);
    answer.body = text ? *text : text.error().message;
    if (!text) answer.status = -1;
    const http::Headers* trailers = response->body->trailers();
    auto status = response->head.headers.Get("grpc-status");
    if (!status && trailers) status = trailers->Get("grpc-status");
    answer.grpc_status = std::string(status.value_or(""));
  }
  async::LoopGroup loops_{1};
  http::ClientSet clients_{loops_, {}};
};

/// What is compiled in: state.in-memory.
const contracts::Registry& Components();

inline config::Options TestOptions() {
  config::Options options;
  options.threads = 2;
  options.http_port = options.grpc_port = options.metrics_port = 0;
  options.listen_addresses = {"127.0.0.1"};
  options.metrics_listen_address = options.internal_grpc_listen_address = "127.0.0.1";
  options.graceful_shutdown = std::chrono::seconds(5);
  options.ask_app_config = false;
  return options;
}

// A Host, started. `error` says why if it could not be.
struct Runtime {
  explicit Runtime(config::Options options)
      : host(std::make_unique<Host>(
            Host::Setup{.options = std::move(options),
                        .env = env,
                        .components = Components(),
                        .version = "test",
                        .request_shutdown = [this](bool) { ++shutdowns; }})) {
    if (auto started = host->Start(); !started) error = started.error().message;
  }
  Answer Http(const Ask& ask) { return caller.Http(host->ports().http, ask); }
  Answer Grpc(const Ask& ask) { return caller.Grpc(host->ports().grpc, ask); }
  Answer Metrics() { return caller.Http(host->ports().metrics, {.path = "/metrics"}); }

  config::MapEnv env;
  std::atomic<int> shutdowns = 0;  // asked for by callers
  std::string error;
  std::unique_ptr<Host> host;
  Caller caller;
};

}  // namespace runtime::test
