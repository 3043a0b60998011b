// An app with gRPC methods of every kind and the ways to it, for tests of the pass-through.
#pragma once

#include "blocks/invoke/invoke_test_util.hpp"

namespace blocks::invoke::test {

using Texts = std::vector<std::string>;

// An app with methods of all kinds. What it saw of the last call is kept.
struct ProxyApp {
  ProxyApp() {
    grpc::Method unary;
    unary.unary = [this](grpc::ServerCall& call,
                         std::string message) -> async::Task<grpc::UnaryReply> {
      Note(call);
      if (message == "fail") {
        call.trailing_metadata().Add("x-trailing", "t");
        co_return std::unexpected(
            grpc::Status{grpc::Code::kFailedPrecondition, "as asked: \xc3\xa9", "\x08\x09"});
      }
      if (message == "hang") {
        const async::Wake wake = co_await async::Sleep(
            call.context(), async::Loop::Current()->After(std::chrono::seconds(30)));
        canceled = wake != async::Wake::kReady;
        if (ended) ended->Set();
      }
      call.initial_metadata().Add("x-initial", "i");
      call.trailing_metadata().Add("x-trailing", "t");
      call.trailing_metadata().Add("x-raw-bin", "AQID");
      co_return "reply to " + message;
    };
    service.Add("/test.App/Unary", std::move(unary));

    grpc::Method client_stream;
    client_stream.stream = [this](grpc::ServerStream& stream) -> async::Task<grpc::CallStatus> {
      Note(stream.call());
      std::string all;
      while (true) {
        auto message = co_await stream.Read();
        if (!message || !*message) break;
        all += **message + ";";
      }
      co_await stream.Write(all);
      co_return grpc::CallStatus();
    };
    service.Add("/test.App/ClientStream", std::move(client_stream));

    grpc::Method server_stream;
    server_stream.stream = [this](grpc::ServerStream& stream) -> async::Task<grpc::CallStatus> {
      Note(stream.call());
      co_await stream.Read();
      for (int i = 0; i < 100; ++i) co_await stream.Write(std::string(10'000, 's'));
      co_return std::unexpected(grpc::Status{grpc::Code::kOutOfRange, "that was all", {}});
    };
    service.Add("/test.App/ServerStream", std::move(server_stream));

    grpc::Method bidi;
    bidi.stream = [this](grpc::ServerStream& stream) -> async::Task<grpc::CallStatus> {
      Note(stream.call());
      stream.SendInitialMetadata();
      while (true) {
        auto message = co_await stream.Read();
        if (!message) {
          canceled = message.error().kind == base::Kind::kCanceled;
          if (ended) ended->Set();
          break;
        }
        if (!*message) break;
        if (**message == "die") {
          stream.call().exchange().Abort();
          break;
        }
        co_await stream.Write("echo " + **message);
      }
      co_return grpc::CallStatus();
    };
    service.Add("/test.App/Bidi", std::move(bidi));
  }
  void Note(grpc::ServerCall& call) { metadata = call.metadata(); }

  http::Headers metadata;
  bool canceled = false;
  async::Event* ended = nullptr;
  grpc::Service service{grpc::Service::Options{}};
};

inline Texts Values(const http::Headers& headers, std::string_view name) {
  Texts values;
  for (const auto& [field, value] : headers) {
    if (field == name) values.emplace_back(value);
  }
  return values;
}

inline http::Headers For(std::string_view app_id) {
  http::Headers metadata;
  metadata.Add("dapr-app-id", app_id);
  metadata.Add("x-mine-bin", "AQI=");
  metadata.Add("dapr-api-token", "secret");
  return metadata;
}

// The caller speaks to `caller`'s API port; the app is `callee`'s. All three ways to get there.
enum class Way { kOwn, kSameProcess, kTwoRuntimes };

struct ProxyWorld : World {
  explicit ProxyWorld(Way way, std::size_t max_message = 4 << 20)
      : caller(*this, "caller", contracts::AppProtocol::kHttp, Limit(max_message)),
        callee(*this, "callee", contracts::AppProtocol::kGrpc, Limit(max_message)),
        way(way) {
    callee.Serve(app.service);
    callee.Open();
    if (way == Way::kSameProcess) local.table["callee"] = callee.callee;
    Node& api = way == Way::kOwn ? callee : caller;
    api.OpenApi();
    port = api.api_server->port;
  }
  static std::function<void(InvokeOptions&, CalleeOptions&)> Limit(std::size_t max_message) {
    return [max_message](InvokeOptions& options, CalleeOptions& callee) {
      options.max_message = callee.max_message = max_message;
    };
  }
  grpc::Channel Channel() {
    http::Origin origin;
    origin.address = *net::Address::FromIp("127.0.0.1", port);
    origin.protocol = http::Protocol::kHttp2;
    return grpc::Channel(clients.Here(), origin, "localhost");
  }
  void Run(std::move_only_function<async::Task<void>()> task) {
    loops.RunTaskOn(0, std::move(task));
  }
  ProxyApp app;
  Node caller;
  Node callee;
  Way way;
  uint16_t port = 0;
};

inline async::Context Patient(std::chrono::milliseconds wait = std::chrono::seconds(10)) {
  return async::Context(async::Loop::Current()->After(wait));
}

}  // namespace blocks::invoke::test
