// A target against small real servers on loopback: there, gone, back, busy.
#include "target/target.hpp"

#include <gtest/gtest.h>

#include "http/server.hpp"
#include "net/bind.hpp"
#include "net/listener.hpp"

namespace target {
namespace {

using contracts::TargetState;
using std::chrono::milliseconds;

// An app on one loop that can be started and stopped on a fixed port.
class App final : public http::Handler {
 public:
  explicit App(async::LoopGroup& loops) : loops_(loops) {
    auto socket = net::BindTcp("127.0.0.1", 0);
    port = net::LocalPort(*socket);
  }
  ~App() override { Stop(); }
  void Start() {
    loops_.RunOn(0, [this] {
      server_ = http::MakeServer(*async::Loop::Current(), *this);
      auto socket = net::BindTcp("127.0.0.1", port);
      ASSERT_TRUE(socket) << socket.error().message;
      listener_ = std::make_unique<net::Listener>(std::move(*socket));
      ASSERT_TRUE(listener_->Start(*async::Loop::Current(), [this](std::unique_ptr<net::Stream> s) {
        server_->Serve(std::move(s), nullptr, nullptr);
      }));
    });
  }
  void Stop() {
    if (!server_) return;
    loops_.RunOn(0, [this] { listener_.reset(); });
    loops_.RunTaskOn(0, [this] { return Drain(); });
    loops_.RunOn(0, [this] { server_.reset(); });
  }
  async::Task<void> Handle(http::Exchange& exchange) override {
    if (exchange.request().path() == "/healthz") {
      ++probes;
      http::ResponseHead head;
      head.status = sick ? 503 : 200;
      exchange.Respond(head, {});
      co_return;
    }
    token = std::string(exchange.request().headers.Get("dapr-api-token").value_or("none"));
    ++inside;
    most = std::max(most, inside);
    const async::Context context;
    co_await async::Sleep(context, async::Loop::Current()->After(work));
    --inside;
    exchange.Respond({}, "hello");
  }

  uint16_t port = 0;
  std::atomic<bool> sick{false};
  std::atomic<int> probes{0};
  std::string token;
  milliseconds work{0};
  int inside = 0;
  int most = 0;

 private:
  async::Task<void> Drain() {
    const async::Context now(async::Loop::Current()->After(milliseconds(20)));
    co_await server_->Drain(now);
  }
  async::LoopGroup& loops_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<net::Listener> listener_;
};

struct Fixture {
  Fixture() {
    for (int i = 0; i < loops.size(); ++i) {
      loops.RunOn(i, [&] { dns.push_back(std::make_unique<net::Resolver>(loops.at(i))); });
    }
  }
  ~Fixture() {
    if (target) loops.RunTaskOn(0, [this] { return Stop(); });
    target.reset();
    clients.Close(milliseconds(100));
    for (int i = 0; i < loops.size(); ++i) {
      loops.RunOn(i, [&] { dns[static_cast<std::size_t>(i)].reset(); });
    }
  }
  void Make(TargetConfig config) {
    target = std::make_unique<Target>(
        std::move(config),
        TargetServices{.loops = loops, .clients = clients, .resolver = [this]() -> net::Resolver& {
                         return *dns[static_cast<std::size_t>(async::Loop::Current()->index())];
                       }});
    loops.RunOn(0, [this] { Begin(); });
  }
  void Begin() {
    target->Start([this](TargetState state) { states.push_back(state); },
                  [this](bool healthy, std::string_view why) {
                    const std::lock_guard lock(health_mutex);
                    health.push_back(healthy ? "healthy" : std::string(why));
                  });
  }
  void WaitForHealth(std::size_t news) {
    const auto until = async::Clock::now() + std::chrono::seconds(5);
    while (Health().size() < news && async::Clock::now() < until) std::this_thread::yield();
  }
  std::vector<std::string> Health() {
    const std::lock_guard lock(health_mutex);
    return health;
  }
  async::Task<void> Stop() {
    const async::Context patient(async::Loop::Current()->After(std::chrono::seconds(5)));
    co_await target->Stop(patient);
  }
  // Sends one GET from loop `i` and waits for its end; "" on failure.
  std::string Get(int i, milliseconds patience = milliseconds(5'000)) {
    std::string text;
    loops.RunTaskOn(i, [&] { return GetTask(patience, text); });
    return text;
  }
  async::Task<void> GetTask(milliseconds patience, std::string& text) {
    const async::Context context(async::Loop::Current()->After(patience));
    http::RequestHead head;
    auto response = co_await target->Send(context, std::move(head), nullptr, nullptr);
    if (!response) {
      error = response.error();
      co_return;
    }
    auto body = co_await http::ReadAll(*response->response.body, context, 1000);
    text = body ? *body : "";
  }
  void WaitFor(TargetState state) {
    const auto until = async::Clock::now() + std::chrono::seconds(5);
    while (target->state() != state && async::Clock::now() < until) std::this_thread::yield();
    EXPECT_EQ(target->state(), state);
  }

  async::LoopGroup loops{2};
  std::vector<std::unique_ptr<net::Resolver>> dns;
  http::ClientSet clients{loops, {}};
  std::unique_ptr<Target> target;
  std::vector<TargetState> states;
  std::mutex health_mutex;
  std::vector<std::string> health;
  base::Error error{base::Kind::kInternal, ""};
};

TEST(Target, AnAbsentAppFailsAtOnceAndIsFoundByTheProbe) {
  Fixture fixture;
  App app(fixture.loops);
  fixture.Make({.port = app.port, .api_token = "secret"});
  EXPECT_EQ(fixture.Get(0), "");
  EXPECT_EQ(fixture.error.kind, base::Kind::kUnreachable);
  EXPECT_NE(fixture.error.message.find("connection refused"), std::string::npos)
      << fixture.error.message;
  EXPECT_EQ(fixture.target->state(), TargetState::kUnavailable);
  app.Start();
  fixture.WaitFor(TargetState::kReady);
  EXPECT_EQ(fixture.Get(0), "hello");
  EXPECT_EQ(fixture.Get(1), "hello");
  EXPECT_EQ(app.token, "secret");
}

TEST(Target, AWaitingCallIsAnsweredWhenTheAppReturns) {
  Fixture fixture;
  App app(fixture.loops);
  fixture.Make({.port = app.port, .wake_timeout = std::chrono::seconds(10)});
  std::thread caller([&] { EXPECT_EQ(fixture.Get(1, milliseconds(10'000)), "hello"); });
  const auto until = async::Clock::now() + std::chrono::seconds(5);
  while (fixture.target->waiting() == 0 && async::Clock::now() < until) std::this_thread::yield();
  fixture.WaitFor(TargetState::kWaking);
  app.Start();
  caller.join();
  fixture.WaitFor(TargetState::kReady);
  EXPECT_EQ(fixture.target->waiting(), 0);
}

TEST(Target, AWaitEndsWithThePatienceOfTheFlag) {
  Fixture fixture;
  App app(fixture.loops);
  fixture.Make({.port = app.port, .wake_timeout = milliseconds(150)});
  const auto begin = async::Clock::now();
  EXPECT_EQ(fixture.Get(0), "");
  EXPECT_GE(async::Clock::now() - begin, milliseconds(140));
  EXPECT_EQ(fixture.error.kind, base::Kind::kUnreachable);
}

TEST(Target, TheAppGoesAndComesBack) {
  Fixture fixture;
  App app(fixture.loops);
  app.Start();
  fixture.Make({.port = app.port});
  EXPECT_EQ(fixture.Get(0), "hello");
  app.Stop();
  EXPECT_EQ(fixture.Get(0), "");
  fixture.WaitFor(TargetState::kUnavailable);
  app.Start();
  fixture.WaitFor(TargetState::kReady);
  EXPECT_EQ(fixture.Get(0), "hello");
}

TEST(Target, ConcurrencyIsLimitedAcrossLoops) {
  Fixture fixture;
  App app(fixture.loops);
  app.work = milliseconds(5);
  app.Start();
  fixture.Make({.port = app.port, .max_concurrency = 2});
  std::vector<std::thread> callers;
  for (int i = 0; i < 12; ++i) {
    callers.emplace_back([&fixture, i] { EXPECT_EQ(fixture.Get(i % 2), "hello"); });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_LE(app.most, 2);
  EXPECT_EQ(fixture.target->in_flight(), 0);
}

TEST(Target, AnUnhealthyAppGetsNoCalls) {
  Fixture fixture;
  App app(fixture.loops);
  app.Start();
  fixture.Make({.port = app.port,
                .health_check = true,
                .health_interval = milliseconds(10),
                .health_timeout = milliseconds(2'000),
                .health_threshold = 2});
  fixture.WaitForHealth(1);
  EXPECT_EQ(fixture.Get(0), "hello");
  app.sick = true;
  fixture.WaitForHealth(2);
  EXPECT_FALSE(fixture.target->healthy());
  EXPECT_EQ(fixture.Get(1), "");
  EXPECT_EQ(fixture.error.kind, base::Kind::kInternal);
  EXPECT_EQ(fixture.error.message,
            "rpc error: code = Internal desc = app is not in a healthy state");
  EXPECT_EQ(fixture.target->state(), TargetState::kReady) << "it is there, only not well";
  app.sick = false;
  fixture.WaitForHealth(3);
  EXPECT_EQ(fixture.Get(0), "hello");
  EXPECT_EQ(fixture.Health(),
            (std::vector<std::string>{"healthy", "the app's /healthz answered 503", "healthy"}));
}

TEST(Target, NamesAreResolved) {
  Fixture fixture;
  App app(fixture.loops);
  app.Start();
  fixture.Make({.host = "localhost", .port = app.port});
  fixture.WaitFor(TargetState::kReady);
  EXPECT_EQ(fixture.Get(1), "hello");
}

TEST(Target, GivenEndpointsCountInPlaceOfTheName) {
  Fixture fixture;
  App named(fixture.loops);
  App given(fixture.loops);
  named.Start();
  given.Start();
  fixture.Make({.host = "localhost", .port = named.port, .api_token = "secret"});
  fixture.WaitFor(TargetState::kReady);
  const auto use = [&](std::vector<net::Address> addresses) {
    fixture.loops.RunOn(0, [&] { fixture.target->UseAddresses(std::move(addresses)); });
  };
  const auto there = *net::Address::FromIp("127.0.0.1", given.port);
  use({there});
  EXPECT_EQ(fixture.Get(1), "hello");
  EXPECT_EQ(given.token, "secret");
  EXPECT_EQ(named.token, "");
  use({});
  EXPECT_EQ(fixture.target->state(), TargetState::kUnavailable) << "at once";
  EXPECT_EQ(fixture.Get(0), "");
  use({there});
  fixture.WaitFor(TargetState::kReady);
  EXPECT_EQ(fixture.Get(0), "hello");
  EXPECT_EQ(named.token, "");
  fixture.loops.RunOn(0, [&] { fixture.target->UseNameResolution(); });
  const auto until = async::Clock::now() + std::chrono::seconds(5);
  while (named.token.empty() && async::Clock::now() < until) fixture.Get(1);
  EXPECT_EQ(named.token, "secret");
}

TEST(Target, AnAppThatReturnsElsewhereIsFoundAtOnce) {
  Fixture fixture;
  App app(fixture.loops);
  fixture.Make({.host = "localhost", .port = app.port});
  const auto use = [&](std::vector<net::Address> addresses) {
    fixture.loops.RunOn(0, [&] { fixture.target->UseAddresses(std::move(addresses)); });
  };
  // Nobody answers there at all: a probe hangs until its end.
  use({*net::Address::FromIp("192.0.2.1", 9)});
  EXPECT_EQ(fixture.target->state(), TargetState::kUnavailable);
  app.Start();
  const auto began = async::Clock::now();
  use({*net::Address::FromIp("127.0.0.1", app.port)});
  fixture.WaitFor(TargetState::kReady);
  EXPECT_LT(async::Clock::now() - began, milliseconds(500));
}

// What stands in front of an endpoint that is gone takes connections and closes them.
TEST(Target, WhatIsTriedAgainAfterABreakGoesToAnotherEndpoint) {
  Fixture fixture;
  App app(fixture.loops);
  app.Start();
  std::unique_ptr<net::Listener> closer;
  uint16_t port = 0;
  fixture.loops.RunOn(0, [&] {
    auto socket = net::BindTcp("127.0.0.1", 0);
    port = net::LocalPort(*socket);
    closer = std::make_unique<net::Listener>(std::move(*socket));
    ASSERT_TRUE(closer->Start(*async::Loop::Current(), [](std::unique_ptr<net::Stream>) {}));
  });
  fixture.Make({.host = "localhost", .port = app.port});
  fixture.loops.RunOn(0, [&] {
    fixture.target->UseAddresses(
        {*net::Address::FromIp("127.0.0.1", app.port), *net::Address::FromIp("127.0.0.1", port)});
  });
  fixture.WaitFor(TargetState::kReady);
  int broken = 0;
  for (int i = 0; i < 4; ++i) broken += fixture.Get(1).empty() ? 1 : 0;
  EXPECT_EQ(broken, 1);
  EXPECT_EQ(fixture.error.kind, base::Kind::kUnavailable);
  fixture.loops.RunOn(0, [&] { closer.reset(); });
}

}  // namespace
}  // namespace target
