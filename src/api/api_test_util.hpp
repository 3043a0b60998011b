// What the tests of the APIs share: an exchange without a connection, and an app with stores,
// secrets and a target that the test plays.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/app_context.hpp"
#include "api/pubsub_test_util.hpp"
#include "api/store_test_util.hpp"
#include "async/loop_group.hpp"
#include "blocks/invoke/callee.hpp"
#include "blocks/invoke/invoke_block.hpp"
#include "blocks/meta/metadata_block.hpp"
#include "blocks/secrets/secrets_block.hpp"
#include "blocks/state/state_block.hpp"
#include "http/client_set.hpp"
#include "http/exchange.hpp"

namespace api::test {

/// A body that tells neither its length nor that it is all there.
class StreamedBody final : public http::Body {
 public:
  explicit StreamedBody(std::string data) : body_(std::move(data)) {}
  Poll TryRead(std::string_view& chunk) override { return body_.TryRead(chunk); }
  void OnReady(async::Waiter*) override {}

 private:
  http::StringBody body_;
};

class FakeExchange final : public http::Exchange {
 public:
  FakeExchange(std::string method, std::string target, http::Headers headers, std::string body,
               bool streamed = false) {
    request_.method = std::move(method);
    request_.target = std::move(target);
    request_.headers = std::move(headers);
    request_.authority = "localhost:3500";
    if (streamed) {
      body_ = std::make_unique<StreamedBody>(std::move(body));
    } else {
      body_ = std::make_unique<http::StringBody>(std::move(body));
    }
  }
  http::Body& body() override { return *body_; }
  const http::ConnectionInfo& connection() const override { return connection_; }
  void Inform(const http::ResponseHead& head) override { informed.push_back(head.status); }
  void Respond(const http::ResponseHead& response, std::string_view data) override {
    Start(response);
    Write(data);
    Finish(nullptr);
  }
  void Start(const http::ResponseHead& response) override {
    EXPECT_FALSE(started_) << "answered twice";
    started_ = true;
    head = response;
  }
  void Write(std::string_view data) override {
    EXPECT_TRUE(started_ && !finished_);
    sent_ += data.size();
    sent_body += data;
  }
  void Finish(const http::Headers* given) override {
    EXPECT_TRUE(started_ && !finished_);
    finished_ = true;
    if (given) trailers = *given;
  }
  void Abort() override { aborted = finished_ = true; }
  bool congested() const override { return false; }
  async::Task<base::Status> Drain(const async::Context&) override { co_return base::Status(); }

  std::string Header(std::string_view name) const {
    return std::string(head.headers.Get(name).value_or(""));
  }

  http::ResponseHead head;
  std::string sent_body;
  http::Headers trailers;
  std::vector<int> informed;
  bool aborted = false;

 private:
  std::unique_ptr<http::Body> body_;
  http::ConnectionInfo connection_;
};

/// The app behind the runtime, played by a function.
class FakeTarget final : public contracts::AppTarget {
 public:
  contracts::AppProtocol protocol() const override { return protocol_; }
  bool configured() const override { return true; }
  contracts::TargetState state() const override { return contracts::TargetState::kReady; }
  async::Task<base::Result<contracts::AppResponse>> Send(const async::Context& context,
                                                         http::RequestHead head, http::Body* body,
                                                         http::InterimObserver* interim) override {
    seen = std::move(head);
    seen_body.clear();
    if (body) {
      auto read = co_await http::ReadAll(*body, context, 1 << 24);
      if (!read) co_return std::unexpected(std::move(read).error());
      seen_body = *std::move(read);
    }
    if (interim) interim->OnInterim({.status = 103, .headers = {}});
    if (fail) co_return std::unexpected(*fail);
    contracts::AppResponse out;
    out.response.head = response;
    if (streamed) {
      out.response.body = std::make_unique<StreamedBody>(response_body);
    } else {
      out.response.body = std::make_unique<http::StringBody>(response_body);
    }
    co_return out;
  }
  void ReportUnavailable() override {}

  contracts::AppProtocol protocol_ = contracts::AppProtocol::kHttp;
  http::RequestHead seen;
  std::string seen_body;
  http::ResponseHead response;
  std::string response_body;
  bool streamed = false;
  std::optional<base::Error> fail;
};

class FakeSecrets final : public contracts::SecretStore {
 public:
  async::Task<base::Status> Init(const contracts::Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  async::Task<base::Result<contracts::Secret>> GetSecret(
      const contracts::Call&, contracts::GetSecretRequest request) override {
    const auto found = secrets.find(request.name);
    if (found == secrets.end()) {
      co_return base::Fail(base::Kind::kNotFound, "secret " + request.name + " not found");
    }
    co_return found->second;
  }
  async::Task<base::Result<std::map<std::string, contracts::Secret>>> BulkGetSecret(
      const contracts::Call&, contracts::BulkGetSecretRequest) override {
    co_return secrets;
  }
  std::map<std::string, contracts::Secret> secrets = {
      {"db", {{"db", "p<w"}}}, {"multi", {{"a", "1"}, {"b", "2"}}}, {"hidden", {{"hidden", "x"}}}};
};

/// One app with everything; `adjust` changes the context before use.
class TestApp {
 public:
  explicit TestApp(bool with_stores = true, const std::function<void(AppContext&)>& adjust = {})
      : clients_(loops, http::ClientOptions{}) {
    std::vector<blocks::state::NamedStore> stores;
    std::vector<blocks::secrets::NamedStore> secret_stores;
    if (with_stores) {
      const auto add = [&stores](const char* name, std::shared_ptr<contracts::StateStore> store,
                                 std::shared_ptr<const blocks::state::Encryption> encryption = {}) {
        stores.push_back({.name = name,
                          .store = std::move(store),
                          .prefix = *blocks::state::KeyPrefix::Make("", name, "app", "ns"),
                          .encryption = std::move(encryption)});
      };
      add("store", std::make_shared<MapStore>());
      add("bad", std::make_shared<FailingStore>());
      add("lookup", std::make_shared<QueryStore>());
      add("sealed", std::make_shared<QueryStore>(),
          std::make_shared<const blocks::state::Encryption>(
              *blocks::state::Encryption::ParseKey("primaryEncryptionKey", "key",
                                                   std::string(64, 'a')),
              std::nullopt));
      secret_stores.push_back({.name = "vault", .store = std::make_shared<FakeSecrets>()});
    }
    state_ = std::make_unique<blocks::state::StateBlock>(std::move(stores), "app");
    config::SecretsScope scope;
    scope.store_name = "vault";
    scope.denied_secrets = {"hidden"};
    secrets_ = std::make_unique<blocks::secrets::SecretsBlock>(
        std::move(secret_stores), std::vector<config::SecretsScope>{scope});
    publish_ = std::make_unique<blocks::pubsub::PublishBlock>(blocks::pubsub::PublishBlock::Options{
        .pubsubs = with_stores ? MakePubSubs(broker) : std::vector<blocks::pubsub::NamedPubSub>(),
        .app_id = "app"});
    blocks::meta::Providers providers;
    providers.shutdown = [this](bool force) { shutdowns.push_back(force); };
    metadata_ = std::make_unique<blocks::meta::MetadataBlock>(
        blocks::meta::MetadataBlock::Options{.app_id = "app",
                                             .runtime_version = "1.18.3",
                                             .app_command = "",
                                             .cli_pid = "",
                                             .health = {}},
        std::move(providers));
    metadata_->health().MarkReady();
    metadata_->health().MarkOutboundReady();
    blocks::invoke::CalleeOptions callee;
    callee.app_id = "app";
    callee.app_namespace = "ns";
    callee.target = &target;
    callee_ = std::make_shared<blocks::invoke::Callee>(std::move(callee));
    blocks::invoke::InvokeOptions options;
    options.app_id = "app";
    options.app_namespace = "ns";
    invoke_ = std::make_unique<blocks::invoke::InvokeBlock>(
        options,
        blocks::invoke::InvokeServices{.loops = loops,
                                       .clients = clients_,
                                       .peers = std::make_shared<blocks::invoke::PeerDirectory>(
                                           loops, nullptr, nullptr, 50002),
                                       .lookup = nullptr,
                                       .self = callee_});
    context.app_id = "app";
    context.app_namespace = "ns";
    context.state = state_.get();
    context.secrets = secrets_.get();
    context.publish = publish_.get();
    context.metadata = metadata_.get();
    context.invoke = invoke_.get();
    context.callee = callee_.get();
    if (adjust) adjust(context);
  }
  ~TestApp() { clients_.Close(std::chrono::milliseconds(50)); }

  /// Serves the exchange as the engine does: at once if that can be, else with a coroutine.
  void Serve(http::Handler& handler, FakeExchange& exchange, bool try_first = true) {
    loops.RunTaskOn(0, [&] { return Run(handler, exchange, try_first); });
  }

  blocks::meta::MetadataBlock& metadata() { return *metadata_; }

  async::LoopGroup loops{1};
  FakeTarget target;
  AppContext context;
  std::shared_ptr<FakeBroker> broker = std::make_shared<FakeBroker>();
  std::vector<bool> shutdowns;

 private:
  static async::Task<void> Run(http::Handler& handler, FakeExchange& exchange, bool try_first) {
    if (try_first && handler.TryHandle(exchange)) co_return;
    EXPECT_FALSE(exchange.started()) << "TryHandle answered and returned false";
    co_await handler.Handle(exchange);
  }

  http::ClientSet clients_;
  std::unique_ptr<blocks::state::StateBlock> state_;
  std::unique_ptr<blocks::secrets::SecretsBlock> secrets_;
  std::unique_ptr<blocks::pubsub::PublishBlock> publish_;
  std::unique_ptr<blocks::meta::MetadataBlock> metadata_;
  std::shared_ptr<blocks::invoke::Callee> callee_;
  std::unique_ptr<blocks::invoke::InvokeBlock> invoke_;
};

}  // namespace api::test
