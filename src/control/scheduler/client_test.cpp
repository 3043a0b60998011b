// The client against scheduler hosts of ours over loopback sockets.
#include "control/scheduler/client.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "control/link/test_service.hpp"
#include "grpc/test_wire.hpp"
#include "grpc/wire.hpp"

namespace control {
namespace {

using grpc::test::Bytes;
using grpc::test::Number;
using std::chrono::milliseconds;
using test::Until;

std::string Job(std::string_view name, uint64_t id) {
  const std::string any = Bytes(1, "type") + Bytes(2, "data");
  const std::string metadata = Bytes(1, "cart") + Bytes(2, "shop") + Bytes(3, Bytes(1, ""));
  return Bytes(1, name) + Number(2, id) + Bytes(3, any) + Bytes(4, metadata);
}

// A scheduler host: tells of hosts, keeps what streams ask for and answer,
// triggers jobs.
struct Host : test::TestService {
  Host() {
    service.Add(std::string(kWatchHostsPath),
                {.stream = [this](grpc::ServerStream& stream) { return Hosts(stream); }});
    service.Add(std::string(kWatchJobsPath),
                {.stream = [this](grpc::ServerStream& stream) { return Jobs(stream); }});
  }

  async::Task<grpc::CallStatus> Hosts(grpc::ServerStream& stream) {
    ++watches;
    if (old) co_return std::unexpected(grpc::Status{grpc::Code::kUnimplemented, "no", {}});
    while (true) {
      std::string message;
      for (const std::string& host : hosts) message += Bytes(1, Bytes(1, host));
      if (!co_await stream.Write(message)) break;
      if (co_await news.Wait(stream.call().context()) != async::Wake::kReady) break;
    }
    co_return grpc::CallStatus();
  }

  async::Task<grpc::CallStatus> Jobs(grpc::ServerStream& stream) {
    ++opened;
    ++open;
    std::size_t sent = jobs.size();
    async::Gate reading;
    bool ended = false;
    reading.Spawn(Read(stream, reading.context(), ended));
    while (!ended) {
      // The first stream takes all.
      while (first == nullptr || first == &stream) {
        first = &stream;
        if (sent >= jobs.size()) break;
        if (!co_await stream.Write(jobs[sent++])) ended = true;
      }
      if (ended || co_await more.Wait(stream.call().context()) != async::Wake::kReady) break;
    }
    if (first == &stream) first = nullptr;
    --open;
    const async::Context patient;
    co_await reading.Close(patient);
    co_return grpc::CallStatus();
  }
  async::Task<void> Read(grpc::ServerStream& stream, const async::Context context, bool& ended) {
    while (true) {
      auto message = co_await stream.Read(context);
      if (!message || !*message) break;
      heard.push_back(**message);
    }
    ended = true;
    more.Pulse();
  }
  void Trigger(std::string job) {
    jobs.push_back(std::move(job));
    more.Pulse();
  }
  bool Heard(const std::string& message) const {
    return std::find(heard.begin(), heard.end(), message) != heard.end();
  }

  bool old = false;
  int watches = 0;
  int opened = 0;
  int open = 0;
  std::vector<std::string> hosts;
  std::vector<std::string> jobs;
  std::vector<std::string> heard;
  grpc::ServerStream* first = nullptr;
  async::Event news;
  async::Event more;
};

struct Handler final : JobHandler {
  async::Task<bool> Run(const async::Context& context, TriggeredJob job) override {
    ++running;
    seen.push_back(job);
    if (slow) {
      const async::Wake wake = co_await go_on.Wait(context);
      if (wake != async::Wake::kReady) ++canceled;
    }
    --running;
    co_return job.name != "bad";
  }
  bool slow = false;
  int running = 0;
  int canceled = 0;
  std::vector<TriggeredJob> seen;
  async::Event go_on;
};

struct Case {
  void Run(async::Task<void> (Case::*body)()) {
    async::LoopGroup loops(1);
    loops.RunTaskOn(0, [this, body] { return Whole(body); });
  }
  async::Task<void> Whole(async::Task<void> (Case::*body)()) {
    http = http::MakeClient(*async::Loop::Current());
    one = std::make_unique<Host>();
    two = std::make_unique<Host>();
    one->Serve();
    two->Serve();
    one->hosts = {one->address(), two->address()};
    client = std::make_unique<SchedulerClient>(
        SchedulerOptions{.app_id = "cart",
                         .app_namespace = "shop",
                         .addresses = {one->address()},
                         .streams = 2,
                         .max_jobs = 3,
                         .times = {.call = milliseconds(500),
                                   .retry = milliseconds(10),
                                   .max_retry = milliseconds(40),
                                   .recheck = milliseconds(60)}},
        *http,
        [this](const async::Context&, const std::string& address) { return Locate(address); },
        telemetry::Log("test"));
    co_await (this->*body)();
    if (client) co_await Close(milliseconds(100));
    co_await http->Close(async::Context(async::Loop::Current()->After(milliseconds(100))));
    http.reset();
    co_await one->Stop();
    co_await two->Stop();
    one.reset();
    two.reset();
  }
  async::Task<void> Close(milliseconds grace) {
    co_await client->Close(async::Context(async::Loop::Current()->After(grace)));
    EXPECT_TRUE(client->connected_addresses().empty());
    client.reset();
  }
  async::Task<base::Result<std::vector<http::Origin>>> Locate(std::string address) {
    co_return std::vector<http::Origin>{
        (address == one->address() ? one->origin() : two->origin())};
  }
  std::vector<std::string> Both() const {
    std::vector<std::string> both = {one->address(), two->address()};
    std::sort(both.begin(), both.end());
    return both;
  }
  async::Task<void> StartWithJobs() {
    client->Take({.app_jobs = true, .actor_types = {}}, &handler);
    client->Start();
    co_await Until([&] { return one->heard.size() == 2 && two->heard.size() == 2; });
    co_await Until([&] { return client->connected_addresses() == Both(); });
  }

  async::Task<void> TakesNothingWithoutInterest() {
    client->Start();
    co_await Until([&] { return client->connected_addresses() == Both(); });
    EXPECT_EQ(one->opened + two->opened, 0);
    client->Take({.app_jobs = false, .actor_types = {"A"}}, &handler);
    co_await Until([&] { return one->heard.size() == 2 && two->heard.size() == 2; });
    const std::string initial = Bytes(1, "cart") + Bytes(2, "shop") + Bytes(3, "A") + Number(4, 1);
    EXPECT_EQ(one->heard[0], Bytes(1, initial));
    client->Take({.app_jobs = true, .actor_types = {"A"}}, &handler);
    co_await Until([&] { return one->heard.size() == 4 && one->open == 2; });
    EXPECT_EQ(one->heard[3], Bytes(1, Bytes(1, "cart") + Bytes(2, "shop") + Bytes(3, "A") +
                                          Number(4, 0) + Number(4, 1)));
    client->Take({}, nullptr);
    co_await Until([&] { return one->open + two->open == 0; });
    EXPECT_EQ(one->opened, 4);
    EXPECT_EQ(client->connected_addresses(), Both());
  }

  async::Task<void> AnswersJobs() {
    co_await StartWithJobs();
    one->Trigger(Job("good", 7));
    one->Trigger(Job("bad", 8));
    co_await Until([&] { return one->Heard(WriteResult(8, false)); });
    EXPECT_TRUE(one->Heard(Bytes(2, Number(1, 7))));
    EXPECT_TRUE(one->Heard(Bytes(2, Number(1, 8) + Number(2, 1))));
    EXPECT_EQ(handler.seen[0].name, "good");
    EXPECT_EQ(handler.seen[0].data_type, "type");
    EXPECT_EQ(handler.seen[0].data, "data");
    EXPECT_EQ(handler.seen[0].app_namespace, "shop");
    EXPECT_FALSE(handler.seen[0].reminder);
  }

  async::Task<void> BoundsJobs() {
    co_await StartWithJobs();
    handler.slow = true;
    for (uint64_t id = 1; id <= 10; ++id) one->Trigger(Job("j", id));
    co_await Until([&] { return handler.running == 3; });
    co_await async::Sleep(async::Context(), async::Loop::Current()->After(milliseconds(30)));
    EXPECT_EQ(handler.seen.size(), 3u);
    handler.go_on.Set();
    co_await Until([&] { return one->Heard(WriteResult(10, true)); });
  }

  async::Task<void> EndsWithJobsInHand() {
    co_await StartWithJobs();
    handler.slow = true;
    one->Trigger(Job("j", 1));
    co_await Until([&] { return handler.running == 1; });
    async::Gate gate;
    gate.Spawn(Close(milliseconds(2000)));
    co_await async::Sleep(async::Context(), async::Loop::Current()->After(milliseconds(20)));
    EXPECT_EQ(handler.running, 1);
    one->Trigger(Job("late", 2));  // is not taken any more
    co_await async::Sleep(async::Context(), async::Loop::Current()->After(milliseconds(20)));
    handler.go_on.Set();
    const async::Context patient;
    co_await Until([&] { return !client; });
    co_await gate.Close(patient);
    co_await Until([&] { return one->Heard(WriteResult(1, true)); });
    EXPECT_EQ(handler.seen.size(), 1u);
    EXPECT_EQ(handler.canceled, 0);
  }

  async::Task<void> GivesBackWhatTakesTooLong() {
    co_await StartWithJobs();
    handler.slow = true;
    one->Trigger(Job("j", 1));
    co_await Until([&] { return handler.running == 1; });
    co_await Close(milliseconds(20));
    EXPECT_EQ(handler.canceled, 1);
    co_await Until([&] { return one->open == 0; });
    EXPECT_FALSE(one->Heard(WriteResult(1, true)) || one->Heard(WriteResult(1, false)));
  }

  async::Task<void> FollowsHosts() {
    co_await StartWithJobs();
    one->hosts = {one->address()};
    one->news.Pulse();
    co_await Until([&] { return two->open == 0; });
    EXPECT_EQ(client->connected_addresses(), (std::vector<std::string>{one->address()}));
    EXPECT_EQ(one->opened, 2);  // those that stay are not touched
    one->hosts = {one->address(), two->address()};
    one->news.Pulse();
    co_await Until([&] { return two->open == 2; });
    co_await Until([&] { return client->connected_addresses() == Both(); });
    EXPECT_EQ(one->opened, 2);
  }

  async::Task<void> ComesBack() {
    co_await StartWithJobs();
    const std::string lost = two->address();
    const uint16_t port = two->port();
    co_await two->Stop();
    co_await Until(
        [&] { return client->connected_addresses() == std::vector<std::string>{one->address()}; });
    two->Serve(port);
    co_await Until([&] { return client->connected_addresses() == Both(); });
    EXPECT_EQ(two->address(), lost);
    co_await Until([&] { return two->open == 2; });
    EXPECT_EQ(one->opened, 2);
  }

  async::Task<void> KeepsStreamsWhileNobodyTellsOfHosts() {
    co_await StartWithJobs();
    const uint16_t port = one->port();
    co_await one->Stop();
    co_await Until(
        [&] { return client->connected_addresses() == std::vector<std::string>{two->address()}; });
    EXPECT_EQ(two->opened, 2);
    EXPECT_EQ(two->open, 2);
    one->Serve(port);
    co_await Until([&] { return client->connected_addresses() == Both(); });
    EXPECT_EQ(two->opened, 2);
  }

  async::Task<void> TakesTheGivenAddressesOfAnOldScheduler() {
    one->old = true;
    client->Take({.app_jobs = true, .actor_types = {}}, &handler);
    client->Start();
    co_await Until([&] { return one->open == 2; });
    co_await Until(
        [&] { return client->connected_addresses() == std::vector<std::string>{one->address()}; });
    EXPECT_EQ(two->opened, 0);
    one->old = false;  // it was updated
    co_await Until([&] { return two->open == 2; });
    EXPECT_GE(one->watches, 2);
  }

  async::Task<void> Reconnects() {
    co_await StartWithJobs();
    client->Reconnect();
    co_await Until([&] { return one->opened == 4 && two->opened == 4 && one->watches == 2; });
    co_await Until([&] { return one->open == 2 && two->open == 2; });
    co_await Until([&] { return client->connected_addresses() == Both(); });
  }

  async::Task<void> StaysWithTheHosts() {
    co_await StartWithJobs();
    co_await async::Sleep(async::Context(), async::Loop::Current()->After(milliseconds(700)));
    EXPECT_EQ(one->watches, 1);
  }

  Handler handler;
  std::unique_ptr<http::Client> http;
  std::unique_ptr<Host> one;
  std::unique_ptr<Host> two;
  std::unique_ptr<SchedulerClient> client;
};

TEST(SchedulerClient, TakesNothingWithoutInterest) {
  Case().Run(&Case::TakesNothingWithoutInterest);
}
TEST(SchedulerClient, AnswersJobs) {
  Case().Run(&Case::AnswersJobs);
}
TEST(SchedulerClient, HasSoManyJobsInHand) {
  Case().Run(&Case::BoundsJobs);
}
TEST(SchedulerClient, EndsAfterTheJobsInHand) {
  Case().Run(&Case::EndsWithJobsInHand);
}
TEST(SchedulerClient, GivesBackWhatTakesTooLong) {
  Case().Run(&Case::GivesBackWhatTakesTooLong);
}
TEST(SchedulerClient, FollowsHosts) {
  Case().Run(&Case::FollowsHosts);
}
TEST(SchedulerClient, StaysWithTheHosts) {
  Case().Run(&Case::StaysWithTheHosts);
}
TEST(SchedulerClient, ComesBackToAHost) {
  Case().Run(&Case::ComesBack);
}
TEST(SchedulerClient, KeepsStreamsWhileNobodyTellsOfHosts) {
  Case().Run(&Case::KeepsStreamsWhileNobodyTellsOfHosts);
}
TEST(SchedulerClient, TakesTheGivenAddressesOfAnOldScheduler) {
  Case().Run(&Case::TakesTheGivenAddressesOfAnOldScheduler);
}
TEST(SchedulerClient, MovesOverWhenTold) {
  Case().Run(&Case::Reconnects);
}

// === messages ===

TEST(SchedulerProtocol, ReadsReminders) {
  const std::string target = Bytes(2, Bytes(1, "7") + Bytes(2, "Cart"));
  const auto job = ReadJob(Bytes(1, "remind") + Number(2, 3) +
                           Bytes(4, Bytes(1, "cart") + Bytes(2, "shop") + Bytes(3, target)));
  ASSERT_TRUE(job);
  EXPECT_TRUE(job->reminder);
  EXPECT_EQ(job->actor_type, "Cart");
  EXPECT_EQ(job->actor_id, "7");
  EXPECT_EQ(job->id, 3u);
}

TEST(SchedulerProtocol, RefusesMalformedMessages) {
  EXPECT_FALSE(ReadJob("\x0a\x05x"));
  EXPECT_FALSE(ReadJob(Bytes(3, "\x0a\x05x")));
  EXPECT_FALSE(ReadJob(Bytes(4, Bytes(3, "\x0a\x05x"))));
  EXPECT_FALSE(ReadJob(Bytes(4, Bytes(3, Bytes(2, "\x0a\x05x")))));
  EXPECT_FALSE(ReadHosts("\x0a\x05x"));
  EXPECT_FALSE(ReadHosts(Bytes(1, "\x0a\x05x")));
}

TEST(SchedulerProtocol, SortsHosts) {
  const auto hosts = ReadHosts(Bytes(1, Bytes(1, "b:1")) + Bytes(1, Bytes(1, "a:1")) +
                               Bytes(1, Bytes(1, "b:1")) + Bytes(1, ""));
  ASSERT_TRUE(hosts);
  EXPECT_EQ(*hosts, (std::vector<std::string>{"a:1", "b:1"}));
}

}  // namespace
}  // namespace control
