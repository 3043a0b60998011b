// Brokers that are none, that say nothing, or that say what they must not: a few lines of script
// each, on a plain socket.
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

#include "components/rabbitmq/test_broker.hpp"
#include "components/rabbitmq/test_client.hpp"
#include "components/rabbitmq/wire.hpp"

namespace components::rabbitmq {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::TestClient;

// Accepts connections, reads and drops all that comes, and says `script` to each, piece by piece.
class FakeBroker {
 public:
  explicit FakeBroker(std::vector<std::string> script) : script_(std::move(script)) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 5), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeBroker() {
    stop_ = true;
    thread_.join();
    close(fd_);
  }
  Settings settings() const {
    Settings settings;
    settings.host = "127.0.0.1";
    settings.port = port_;
    settings.dial_timeout = seconds(2);
    return settings;
  }
  int heartbeats() const { return heartbeats_; }
  int accepted() const { return accepted_; }

 private:
  void Serve() {
    while (!stop_) {
      pollfd one{fd_, POLLIN, 0};
      if (poll(&one, 1, 20) <= 0) continue;
      const int client = accept(fd_, nullptr, nullptr);
      ++accepted_;
      std::size_t said = 0;
      while (!stop_) {
        pollfd wait{client, POLLIN, 0};
        if (poll(&wait, 1, 20) <= 0) continue;
        char buffer[4096];
        const ssize_t got = read(client, buffer, sizeof buffer);
        if (got <= 0) break;
        if (got == 8 && buffer[0] == 8) ++heartbeats_;
        if (said < script_.size()) {
          const std::string& line = script_[said++];
          (void)!write(client, line.data(), line.size());
        }
      }
      close(client);
    }
  }

  const std::vector<std::string> script_;
  int fd_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<int> heartbeats_ = 0;
  std::atomic<int> accepted_ = 0;
  std::thread thread_;
};

std::string Method(uint16_t channel, uint32_t id, void* method) {
  std::string out;
  EXPECT_TRUE(AppendMethod(out, channel, id, method, 4096));
  return out;
}
std::string Start(const char* mechanisms = "PLAIN AMQPLAIN") {
  amqp_connection_start_t start{};
  start.version_minor = 9;
  start.mechanisms = Bytes(mechanisms);
  start.locales = Bytes("en_US");
  return Method(0, AMQP_CONNECTION_START_METHOD, &start);
}
std::string Tune(uint16_t heartbeat) {
  amqp_connection_tune_t tune{};
  tune.frame_max = 4096;
  tune.channel_max = 10;
  tune.heartbeat = heartbeat;
  return Method(0, AMQP_CONNECTION_TUNE_METHOD, &tune);
}
std::string OpenOk() {
  amqp_connection_open_ok_t opened{};
  return Method(0, AMQP_CONNECTION_OPEN_OK_METHOD, &opened);
}
std::string ChannelOk() {
  amqp_channel_open_ok_t opened{};
  return Method(9, AMQP_CHANNEL_OPEN_OK_METHOD, &opened);
}
bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Faults, WhatIsNoBroker) {
  struct Case {
    std::vector<std::string> script;
    const char* says;
  };
  for (const Case& c : {
           Case{{"HTTP/1.1 400 Bad Request\r\n\r\n"}, "no AMQP frame"},
           {{std::string("AMQP\0\0\x09\x02", 8)}, "does not speak AMQP 0-9-1"},
           {{Start("GSSAPI")}, "does not offer the log-in PLAIN"},
           {{Start(), OpenOk()}, "out of its turn"},
           {{Start(), Tune(0), OpenOk() + ChannelOk()}, "which is not open"},
           {{}, "did not greet in time"},
       }) {
    const FakeBroker broker(c.script);
    TestClient client(broker.settings());
    std::string text = client.Ping();
    if (text == "ok") text = client.Publish("x", "y", 0, seconds(2));
    EXPECT_TRUE(Has(text, c.says)) << text << " instead of " << c.says;
  }
}

TEST(Faults, HeartbeatsBothWays) {
  const FakeBroker broker({Start(), Tune(1), OpenOk()});
  TestClient client(broker.settings());
  EXPECT_EQ(client.Ping(), "ok");
  const auto start = std::chrono::steady_clock::now();
  const std::string text = client.Publish("x", "y", 0, seconds(10));
  EXPECT_TRUE(Has(text, "has been silent for 2s")) << text;
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
  EXPECT_GE(broker.heartbeats(), 1);
}

TEST(Faults, FirstAttemptsAreQuickAndThenFewer) {
  const FakeBroker broker({"nonsense"});
  TestClient client(broker.settings());
  client.On(0, [&]() -> async::Task<void> {
    const async::Context context(async::Loop::Current()->After(milliseconds(1500)));
    const auto connection = co_await client->consuming().Get(context, 1000);
    EXPECT_FALSE(connection);
  });
  EXPECT_GE(broker.accepted(), 4);
  EXPECT_LE(broker.accepted(), 8);
}

TEST(Faults, CallersLeaveInTime) {
  const FakeBroker broker({Start(), Tune(0), OpenOk()});
  TestClient client(broker.settings());
  EXPECT_EQ(client.Ping(), "ok");
  const auto start = std::chrono::steady_clock::now();
  const std::string text = client.Publish("x", "y", 0, milliseconds(200));
  EXPECT_TRUE(text.starts_with("timeout: ")) << text;
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(2));
}

}  // namespace
}  // namespace components::rabbitmq
