// The client against an operator of ours over loopback sockets.
#include "control/operator/client.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <filesystem>

#include "base/strings.hpp"
#include "control/operator/test_operator.hpp"

namespace control {
namespace {

using std::chrono::milliseconds;
using test::TestOperator;
using enum ResourceKind;

std::string Component(std::string_view name, std::string_view type) {
  return base::StrCat(R"({"metadata":{"name":")", name, R"(","namespace":"shop"},"spec":{"type":")",
                      type, R"(","version":"v1","metadata":[]}})");
}

// One test: a loop, a client of ours and the operator it talks to.
struct Case {
  Case() {
    char pattern[] = "/tmp/operator-client-XXXXXX";
    directory_ = mkdtemp(pattern);
    options_ = {.app_id = "app",
                .app_namespace = "shop",
                .configuration = "",
                .address = "dapr-api:443",
                .cache_directory = "",
                .times = {.patience = milliseconds(400),
                          .cached_patience = milliseconds(100),
                          .call = milliseconds(150),
                          .reconcile = milliseconds(60'000),
                          .retry = milliseconds(10),
                          .max_retry = milliseconds(40),
                          .settle = milliseconds(5)}};
  }
  ~Case() { std::filesystem::remove_all(directory_); }

  // Runs `body` on a loop with an operator that serves, and ends everything after it.
  void Run(async::Task<void> (Case::*body)()) {
    async::LoopGroup loops(1);
    loops.RunTaskOn(0, [this, body] { return Whole(body); });
  }

  async::Task<void> Whole(async::Task<void> (Case::*body)()) {
    http_ = http::MakeClient(*async::Loop::Current());
    StartOperator();
    co_await (this->*body)();
    if (client_) co_await client_->Close(async::Context());
    client_.reset();
    co_await http_->Close(async::Context(async::Loop::Current()->After(milliseconds(100))));
    http_.reset();
    if (operator_) co_await operator_->Stop();
    operator_.reset();
  }

  void StartOperator() {
    operator_ = std::make_unique<TestOperator>(port_);
    port_ = operator_->port();
    address_ = operator_->address();
  }
  async::Task<void> StopOperator() {
    co_await operator_->Stop();
    operator_.reset();
  }
  void MakeClient() {
    client_ = std::make_unique<OperatorClient>(
        options_, *http_, [this](const async::Context&) { return Locate(); },
        telemetry::Log("test"));
  }
  async::Task<base::Result<std::vector<http::Origin>>> Locate() {
    http::Origin origin;
    origin.address = address_;
    origin.protocol = http::Protocol::kHttp2;
    co_return std::vector<http::Origin>{origin};
  }
  async::Task<base::Result<AppResources>> Load() {
    MakeClient();
    co_return co_await client_->Load(async::Context());
  }
  void Watch() {
    client_->Watch([this](AppResources set) { return Take(std::move(set)); });
  }
  async::Task<void> Take(AppResources set) {
    applied_.push_back(std::move(set));
    news_.Pulse();
    co_return;
  }
  // The names and types of the components that were applied last, once `count` sets have been.
  async::Task<std::string> Applied(std::size_t count) {
    const async::Context limit(async::Loop::Current()->After(std::chrono::seconds(5)));
    while (applied_.size() < count) {
      if (co_await news_.Wait(limit) != async::Wake::kReady) {
        ADD_FAILURE() << "only " << applied_.size() << " sets came";
        co_return "";
      }
    }
    co_return Names(applied_[count - 1]);
  }
  static std::string Names(const AppResources& set) {
    std::string out;
    for (const config::Component& component : set.resources.components) {
      base::StrAppend(out, component.meta.name, "=", component.type, " ");
    }
    return out;
  }
  template <class F>
  async::Task<void> Until(F done) {
    const auto limit = async::Loop::Current()->After(std::chrono::seconds(5));
    while (!done() && async::Loop::Current()->now() < limit) {
      co_await async::Sleep(async::Context(), async::Loop::Current()->After(milliseconds(2)));
    }
    EXPECT_TRUE(done());
  }

  async::Task<void> ListsAtStart();
  async::Task<void> RefusalIsFinal();
  async::Task<void> NobodyThere();
  async::Task<void> Hung();
  async::Task<void> FollowsEvents();
  async::Task<void> NoticesWhatItMissed();
  async::Task<void> BeginsAnew();
  async::Task<void> AsksAgain();
  async::Task<void> KeepsOnRefusal();
  async::Task<void> OldOperator();
  async::Task<void> StartsFromCache();
  async::Task<void> ConfigurationIsKept();

  std::string directory_;
  OperatorOptions options_;
  std::unique_ptr<http::Client> http_;
  std::unique_ptr<TestOperator> operator_;
  uint16_t port_ = 0;
  net::Address address_;
  std::unique_ptr<OperatorClient> client_;
  std::deque<AppResources> applied_;
  async::Event news_;
};

async::Task<void> Case::ListsAtStart() {
  operator_->Set(kComponent, {Component("b", "x"), Component("a", "y"), "not json"});
  operator_->Set(kConfiguration,
                 {R"({"metadata":{"name":"c"},"spec":{"tracing":{"samplingRate":"1"}}})"});
  options_.configuration = "c";
  auto loaded = co_await Load();
  EXPECT_TRUE(loaded) << loaded.error().message;
  if (!loaded) co_return;
  EXPECT_EQ(Names(*loaded), "a=y b=x ");
  EXPECT_EQ(loaded->configuration.tracing.sampling_rate, "1");
  EXPECT_EQ(operator_->last_request(kComponent), grpc::test::Bytes(1, "shop"));
  EXPECT_EQ(operator_->last_request(kSubscription), grpc::test::Bytes(2, "shop"));
  EXPECT_EQ(operator_->last_request(kConfiguration),
            grpc::test::Bytes(1, "c") + grpc::test::Bytes(2, "shop"));
  EXPECT_TRUE(client_->connected());
}
TEST(OperatorClient, ListsAtStart) {
  Case().Run(&Case::ListsAtStart);
}

async::Task<void> Case::RefusalIsFinal() {
  operator_->Refuse(kComponent, grpc::Status{grpc::Code::kUnknown, "Secret \"s\" not found", {}});
  auto loaded = co_await Load();
  EXPECT_FALSE(loaded);
  if (loaded) co_return;
  EXPECT_EQ(loaded.error().message,
            "failed to load components: rpc error: code = Unknown desc = Secret \"s\" not found");
  EXPECT_EQ(operator_->lists(kComponent), 1);
  // Not in service yet is another thing.
  operator_->Refuse(kComponent, grpc::Status{grpc::Code::kUnavailable, "starting", {}});
  auto again = co_await Load();
  EXPECT_FALSE(again);
  EXPECT_GT(operator_->lists(kComponent), 2);
  EXPECT_TRUE(again.error().message.starts_with("context deadline exceeded: "))
      << again.error().message;
}
TEST(OperatorClient, RefusalIsFinal) {
  Case().Run(&Case::RefusalIsFinal);
}

async::Task<void> Case::NobodyThere() {
  co_await StopOperator();
  const auto began = async::Clock::now();
  auto loaded = co_await Load();
  EXPECT_FALSE(loaded);
  if (loaded) co_return;
  EXPECT_LT(async::Clock::now() - began, std::chrono::seconds(2));
  const std::string& text = loaded.error().message;
  for (const char* part : {"context deadline exceeded: connection error: desc = ", "dapr-api:443",
                           "400ms", "--control-plane-address", "--resources-cache"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  // Whatever the last attempt had time for.
  options_.times.patience = milliseconds(30);
  options_.times.retry = milliseconds(29);
  options_.times.max_retry = milliseconds(87);
  for (int i = 0; i < 12; ++i) {
    loaded = co_await Load();
    EXPECT_FALSE(loaded);
    if (loaded) co_return;
    EXPECT_NE(loaded.error().message.find("refused"), std::string::npos) << loaded.error().message;
  }
}
TEST(OperatorClient, NobodyThere) {
  Case().Run(&Case::NobodyThere);
}

async::Task<void> Case::Hung() {
  operator_->Hang(true);
  const auto began = async::Clock::now();
  auto loaded = co_await Load();
  EXPECT_FALSE(loaded);
  EXPECT_LT(async::Clock::now() - began, std::chrono::seconds(2));
}
TEST(OperatorClient, AHungOperatorIsGivenUp) {
  Case().Run(&Case::Hung);
}

async::Task<void> Case::FollowsEvents() {
  operator_->Set(kComponent, {Component("a", "x")});
  EXPECT_TRUE(co_await Load());
  Watch();
  co_await Until([&] { return operator_->streams(kComponent) == 1; });
  operator_->Send(kComponent, EventType::kCreated, Component("b", "x"));
  EXPECT_EQ(co_await Applied(1), "a=x b=x ");
  operator_->Send(kComponent, EventType::kUpdated, Component("b", "x"));  // says nothing new
  operator_->Send(kComponent, EventType::kUpdated, "garbage");
  operator_->Send(kComponent, EventType::kUpdated, Component("b", "y"));
  EXPECT_EQ(co_await Applied(2), "a=x b=y ");
  // What follows closely is one change.
  operator_->Send(kComponent, EventType::kDeleted, Component("a", "x"));
  operator_->Send(kComponent, EventType::kDeleted, Component("b", "y"));
  operator_->Send(kComponent, EventType::kCreated, Component("c", "x"));
  EXPECT_EQ(co_await Applied(3), "c=x ");
  operator_->Send(kSubscription, EventType::kCreated,
                  R"({"metadata":{"name":"s"},"spec":{"pubsubname":"p","topic":"t"}})");
  EXPECT_EQ(co_await Applied(4), "c=x ");
  EXPECT_EQ(applied_.back().resources.subscriptions.size(), 1u);
  EXPECT_EQ(applied_.size(), 4u);
}
TEST(OperatorClient, FollowsEvents) {
  Case().Run(&Case::FollowsEvents);
}

async::Task<void> Case::NoticesWhatItMissed() {
  operator_->Set(kComponent, {Component("a", "x")});
  EXPECT_TRUE(co_await Load());
  // Between the lists of the start and the streams.
  operator_->Set(kComponent, {Component("a", "y")});
  Watch();
  EXPECT_EQ(co_await Applied(1), "a=y ");
  // While there was no operator.
  co_await StopOperator();
  co_await Until([&] { return !client_->connected(); });
  StartOperator();
  operator_->Set(kComponent, {Component("b", "x")});
  operator_->Set(kResiliency, {R"({"metadata":{"name":"r"},"spec":{}})"});
  EXPECT_EQ(co_await Applied(2), "b=x ");
  EXPECT_EQ(applied_.back().resources.resiliencies.size(), 1u);
  EXPECT_TRUE(client_->connected());
  operator_->Send(kComponent, EventType::kUpdated, Component("b", "z"));
  EXPECT_EQ(co_await Applied(3), "b=z ");
}
TEST(OperatorClient, NoticesWhatItMissed) {
  Case().Run(&Case::NoticesWhatItMissed);
}

async::Task<void> Case::BeginsAnew() {
  options_.times.retry = options_.times.max_retry = milliseconds(60'000);
  operator_->Set(kComponent, {Component("a", "x")});
  EXPECT_TRUE(co_await Load());
  Watch();
  co_await Until([&] { return operator_->lists(kComponent) == 2; });
  EXPECT_EQ(operator_->accepted(), 1);
  // What no stream tells of is found by the list of the new connection.
  operator_->Set(kComponent, {Component("b", "x")});
  client_->Reconnect();
  EXPECT_EQ(co_await Applied(1), "b=x ");
  EXPECT_EQ(operator_->accepted(), 2);
  EXPECT_EQ(operator_->streams(kComponent), 2);
  EXPECT_TRUE(client_->connected());
  co_await Until([&] { return http_->connections() == 1; });
  operator_->Send(kComponent, EventType::kUpdated, Component("b", "z"));
  EXPECT_EQ(co_await Applied(2), "b=z ");
}
TEST(OperatorClient, BeginsAnewAtOnceWithAnotherConnection) {
  Case().Run(&Case::BeginsAnew);
}

async::Task<void> Case::AsksAgain() {
  operator_->Set(kComponent, {Component("a", "x")});
  EXPECT_TRUE(co_await Load());
  Watch();
  co_await Until([&] { return operator_->lists(kSubscription) == 2; });
  // Nothing tells of this one.
  operator_->Set(kComponent, {Component("a", "y")});
  client_->Ask();
  EXPECT_EQ(co_await Applied(1), "a=y ");
  EXPECT_TRUE(applied_.back().asked);
  // Nothing is new.
  client_->Ask();
  EXPECT_EQ(co_await Applied(2), "a=y ");
  EXPECT_TRUE(applied_.back().asked);
  operator_->Send(kComponent, EventType::kUpdated, Component("a", "z"));
  EXPECT_EQ(co_await Applied(3), "a=z ");
  EXPECT_FALSE(applied_.back().asked);
  // Of an operator that is away.
  co_await StopOperator();
  co_await Until([&] { return !client_->connected(); });
  client_->Ask();
  StartOperator();
  operator_->Set(kComponent, {Component("a", "z")});
  EXPECT_EQ(co_await Applied(4), "a=z ");
  EXPECT_TRUE(applied_.back().asked);
}
TEST(OperatorClient, AsksAgainWhenToldTo) {
  Case().Run(&Case::AsksAgain);
}

async::Task<void> Case::KeepsOnRefusal() {
  options_.times.reconcile = milliseconds(20);
  operator_->Set(kComponent, {Component("a", "x")});
  EXPECT_TRUE(co_await Load());
  Watch();
  operator_->Refuse(kComponent, grpc::Status{grpc::Code::kUnknown, "Secret \"s\" not found", {}});
  const int before = operator_->lists(kComponent);
  co_await Until([&] { return operator_->lists(kComponent) > before + 3; });
  EXPECT_TRUE(applied_.empty());
  EXPECT_TRUE(client_->connected());
  EXPECT_EQ(operator_->streams(kComponent), 1);
  // Other kinds are still compared, and this one once it can be.
  operator_->Set(kHttpEndpoint, {R"({"metadata":{"name":"w"},"spec":{"baseUrl":"http://w"}})"});
  EXPECT_EQ(co_await Applied(1), "a=x ");
  operator_->Set(kComponent, {Component("a", "y")});
  operator_->Refuse(kComponent, std::nullopt);
  EXPECT_EQ(co_await Applied(2), "a=y ");
}
TEST(OperatorClient, ARefusedListChangesNothing) {
  Case().Run(&Case::KeepsOnRefusal);
}

async::Task<void> Case::OldOperator() {
  const grpc::Status unknown{grpc::Code::kUnimplemented, "unknown method", {}};
  for (const ResourceKind kind : {kResiliency, kHttpEndpoint}) {
    operator_->Refuse(kind, unknown);
    operator_->RefuseStream(kind, unknown);
  }
  operator_->Set(kComponent, {Component("a", "x")});
  EXPECT_TRUE(co_await Load());
  Watch();
  co_await Until([&] { return operator_->streams(kResiliency) == 1; });
  operator_->Send(kComponent, EventType::kUpdated, Component("a", "y"));
  EXPECT_EQ(co_await Applied(1), "a=y ");
  EXPECT_EQ(operator_->streams(kComponent), 1);
}
TEST(OperatorClient, AnOlderOperatorWithoutSomeKinds) {
  Case().Run(&Case::OldOperator);
}

async::Task<void> Case::StartsFromCache() {
  options_.cache_directory = directory_ + "/cache";
  operator_->Set(kComponent, {Component("a", "x")});
  EXPECT_TRUE(co_await Load());
  Watch();
  co_await Until([&] { return operator_->streams(kComponent) == 1; });
  operator_->Send(kComponent, EventType::kCreated, Component("b", "x"));
  EXPECT_EQ(co_await Applied(1), "a=x b=x ");
  co_await client_->Close(async::Context());
  co_await StopOperator();

  auto loaded = co_await Load();
  EXPECT_TRUE(loaded) << loaded.error().message;
  if (!loaded) co_return;
  EXPECT_EQ(Names(*loaded), "a=x b=x ");
  EXPECT_FALSE(client_->connected());
  Watch();
  StartOperator();
  operator_->Set(kComponent, {Component("c", "x")});
  EXPECT_EQ(co_await Applied(2), "c=x ");
  // A refusal is an answer: no start from the past.
  co_await client_->Close(async::Context());
  operator_->Refuse(kComponent, grpc::Status{grpc::Code::kPermissionDenied, "no", {}});
  EXPECT_FALSE(co_await Load());
}
TEST(OperatorClient, StartsFromTheCache) {
  Case().Run(&Case::StartsFromCache);
}

async::Task<void> Case::ConfigurationIsKept() {
  options_.configuration = "c";
  const auto configuration = [](std::string_view name, std::string_view rate) {
    return base::StrCat(R"({"metadata":{"name":")", name,
                        R"("},"spec":{"tracing":{"samplingRate":")", rate, R"("}}})");
  };
  operator_->Refuse(kConfiguration, grpc::Status{grpc::Code::kUnknown, "not found", {}});
  auto missing = co_await Load();
  EXPECT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "error loading configuration: rpc error: code = Unknown desc = not found");
  operator_->Refuse(kConfiguration, std::nullopt);
  operator_->Set(kConfiguration, {configuration("c", "0.5")});
  EXPECT_TRUE(co_await Load());
  Watch();
  co_await Until([&] { return operator_->streams(kConfiguration) == 1; });
  operator_->Send(kConfiguration, EventType::kUpdated, configuration("annotated", "0.1"));
  operator_->Send(kConfiguration, EventType::kDeleted, configuration("c", "0.5"));
  operator_->Send(kConfiguration, EventType::kUpdated, configuration("c", "0.7"));
  co_await Applied(1);
  EXPECT_EQ(applied_.front().configuration.tracing.sampling_rate, "0.7");
  // One that cannot be used is not.
  operator_->Send(kConfiguration, EventType::kUpdated,
                  R"({"metadata":{"name":"c"},"spec":{"accessControl":{"policies":[{}]}}})");
  operator_->Send(kConfiguration, EventType::kUpdated, configuration("c", "0.9"));
  co_await Applied(2);
  EXPECT_EQ(applied_.back().configuration.tracing.sampling_rate, "0.9");
}
TEST(OperatorClient, TheConfigurationIsKeptAndFollowed) {
  Case().Run(&Case::ConfigurationIsKept);
}

}  // namespace
}  // namespace control
