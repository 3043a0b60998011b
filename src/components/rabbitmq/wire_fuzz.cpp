// Any bytes from a broker: first through the parsers alone, then into a connection that has been
// greeted, with channels that declare, publish and consume. No crash, no endless work, no memory
// for what has not arrived.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "async/loop.hpp"
#include "components/rabbitmq/channel.hpp"
#include "components/rabbitmq/connection.hpp"
#include "components/rabbitmq/wire.hpp"

namespace {

using namespace components::rabbitmq;  // NOLINT

void Parse(std::string_view bytes, std::size_t step) {
  FrameReader reader(4096);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.Feed(bytes.substr(at, step));
    Frame frame;
    while (true) {
      const auto got = reader.Next(frame);
      if (!got) return;
      if (!*got) break;
      if (frame.payload.size() > 4096) std::abort();
      (void)DecodeMethod(frame.payload);
      if (const auto header = DecodeHeader(frame.payload)) {
        (void)DecodeProperties(header->properties);
      }
    }
  }
}

class Sink final : public ChannelListener {
 public:
  void OnDelivery(Delivery delivery) override {
    if (channel) channel->Ack(delivery.tag);
  }
  void OnConsumerEnded(std::string_view) override {}
  void OnChannelBroken() override {}
  std::shared_ptr<Channel> channel;
};

struct Session {
  Settings settings;
  Sink sink;
  std::shared_ptr<Connection> connection;
  async::Gate gate;
};

async::Task<void> Publish(std::shared_ptr<Channel> channel, const async::Context& context) {
  const Properties properties;
  (void)co_await channel->Publish(context, "e", "k", properties, "body");
}

async::Task<void> Use(Session& session, std::unique_ptr<net::Stream> stream) {
  const async::Context context = session.gate.context();
  auto opened = co_await Connection::Open(context, std::move(stream), session.settings);
  if (!opened) co_return;
  session.connection = *opened;
  auto channel = co_await session.connection->OpenChannel(context, &session.sink);
  if (!channel) co_return;
  session.sink.channel = *channel;
  if (!co_await (*channel)->SelectConfirms(context)) co_return;
  for (int i = 0; i < 3; ++i) session.gate.Spawn(Publish(*channel, context));
  (void)co_await (*channel)->Consume(context, "q", "c");
  (void)co_await (*channel)->CountReady(context, "q");
}

async::Task<void> End(Session& session, bool& ended) {
  co_await session.gate.Close(async::Context());
  if (session.connection) {
    session.connection->Break({base::Kind::kCanceled, "the end"});
    co_await session.connection->Close();
  }
  session.sink.channel.reset();
  ended = true;
}

// What an honest broker says before the input takes over.
std::string Greeting() {
  std::string out;
  amqp_connection_start_t start{};
  start.version_minor = 9;
  start.mechanisms = Bytes("PLAIN");
  start.locales = Bytes("en_US");
  (void)AppendMethod(out, 0, AMQP_CONNECTION_START_METHOD, &start, 4096);
  amqp_connection_tune_t tune{};
  tune.frame_max = 4096;
  (void)AppendMethod(out, 0, AMQP_CONNECTION_TUNE_METHOD, &tune, 4096);
  amqp_connection_open_ok_t opened{};
  (void)AppendMethod(out, 0, AMQP_CONNECTION_OPEN_OK_METHOD, &opened, 4096);
  amqp_channel_open_ok_t channel{};
  (void)AppendMethod(out, 1, AMQP_CHANNEL_OPEN_OK_METHOD, &channel, 4096);
  amqp_confirm_select_ok_t confirms{};
  (void)AppendMethod(out, 1, AMQP_CONFIRM_SELECT_OK_METHOD, &confirms, 4096);
  amqp_basic_consume_ok_t consuming{};
  (void)AppendMethod(out, 1, AMQP_BASIC_CONSUME_OK_METHOD, &consuming, 4096);
  return out;
}

void Talk(std::string_view bytes, bool greet) {
  static async::Loop* const kLoop = [] {
    auto* loop = new async::Loop();
    loop->RunOnce(0);
    return loop;
  }();
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) std::abort();
  // Current() is the loop only inside its turns.
  Session session;
  bool ended = false;
  async::Gate ending;
  kLoop->Post([&] {
    auto stream = net::Stream::Open(*kLoop, net::Socket(pair[0]));
    if (!stream) std::abort();
    session.gate.Spawn(Use(session, *std::move(stream)));
  });
  kLoop->RunOnce(0);
  static const std::string kGreeting = Greeting();
  if (greet) (void)!write(pair[1], kGreeting.data(), kGreeting.size());
  kLoop->RunOnce(0);
  kLoop->RunOnce(0);
  (void)!write(pair[1], bytes.data(), bytes.size());
  for (int i = 0; i < 6; ++i) kLoop->RunOnce(0);
  close(pair[1]);
  for (int i = 0; i < 3; ++i) kLoop->RunOnce(0);
  kLoop->Post([&] { ending.Spawn(End(session, ended)); });
  for (int i = 0; i < 100 && !ended; ++i) kLoop->RunOnce(1);
  if (!ended) std::abort();
  kLoop->RunOnce(0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] < 128) {
    Parse(bytes, data[0] + std::size_t{1});
  } else {
    Talk(bytes.substr(0, 100'000), data[0] != 128);
  }
  return 0;
}
