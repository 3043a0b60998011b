#include "components/rabbitmq/publisher.hpp"

#include <algorithm>

#include "async/loop.hpp"
#include "base/strings.hpp"

namespace components::rabbitmq {

using base::Kind;

namespace {

constexpr std::chrono::seconds kLongest(30);
constexpr std::size_t kMaxName = 255;
constexpr int kTries = 3;
constexpr int kConnectAttempts = 2;
// Channels kept open; the one unused for longest makes room for another.
constexpr std::size_t kMaxRoutes = 128;

struct Use {
  explicit Use(int& count) : count(count) { ++count; }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() { --count; }
  int& count;
};

// Ends an opening whatever becomes of its frame.
struct Opening {
  Opening(bool& flag, async::Event& changed) : flag(flag), changed(changed) { flag = true; }
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;
  ~Opening() {
    flag = false;
    changed.Pulse();
  }
  bool& flag;
  async::Event& changed;
};

}  // namespace

void Publisher::MakeRoom() {
  if (routes_.size() < kMaxRoutes) return;
  auto oldest = routes_.end();
  for (auto it = routes_.begin(); it != routes_.end(); ++it) {
    if (it->second.users > 0) continue;
    if (oldest == routes_.end() || it->second.used < oldest->second.used) oldest = it;
  }
  if (oldest == routes_.end()) return;
  if (oldest->second.channel) oldest->second.channel->Abandon();
  routes_.erase(oldest);
}

async::Task<base::Result<std::shared_ptr<Channel>>> Publisher::Open(const async::Context& context,
                                                                    const ExchangeSpec& exchange) {
  CO_ASSIGN_OR_RETURN(const std::shared_ptr<Connection> connection,
                      co_await link_.Get(context, kConnectAttempts));
  CO_ASSIGN_OR_RETURN(std::shared_ptr<Channel> channel,
                      co_await connection->OpenChannel(context, nullptr));
  base::Status status;
  if (!exchange.name.empty()) status = co_await channel->DeclareExchange(context, exchange);
  if (status && confirms_) status = co_await channel->SelectConfirms(context);
  if (!status) {
    channel->Abandon();
    co_return std::unexpected(std::move(status).error());
  }
  co_return channel;
}

async::Task<base::Result<std::shared_ptr<Channel>>> Publisher::Find(const async::Context& context,
                                                                    Route& route,
                                                                    const ExchangeSpec& exchange) {
  bool waited = false;
  while (!route.channel || route.channel->broken()) {
    if (!route.opening) {
      // One failure is told to all that wait for the same.
      if (waited && route.error) co_return std::unexpected(*route.error);
      const Opening opening(route.opening, route.changed);
      route.error.reset();
      auto opened = co_await Open(context, exchange);
      if (opened) {
        route.channel = *std::move(opened);
      } else {
        // Others have deadlines of their own.
        const Kind kind = opened.error().kind;
        if (kind != Kind::kCanceled && kind != Kind::kTimeout) route.error = opened.error();
        co_return std::unexpected(std::move(opened).error());
      }
    } else {
      const async::Wake wake = co_await route.changed.Wait(context);
      waited = true;
      if (wake == async::Wake::kCanceled) {
        co_return base::Fail(Kind::kCanceled, "the caller went away");
      }
      if (wake == async::Wake::kTimeout) {
        co_return base::Fail(Kind::kTimeout,
                             base::StrCat("rabbitmq did not open the way to the exchange ",
                                          exchange.name, " before the deadline"));
      }
    }
  }
  co_return route.channel;
}

async::Task<base::Status> Publisher::Publish(const async::Context& context,
                                             const Outgoing& message) {
  if (message.exchange.name.size() > kMaxName || message.routing_key.size() > kMaxName) {
    co_return base::Fail(
        Kind::kInvalidArgument,
        base::StrCat("a topic and a routing key may have up to ", kMaxName, " bytes in rabbitmq"));
  }
  async::Loop& loop = *async::Loop::Current();
  const async::Context limited = context.Until(loop.After(kLongest));
  auto found = routes_.find(message.exchange.name);
  if (found == routes_.end()) {
    MakeRoom();
    found = routes_.try_emplace(message.exchange.name).first;
  }
  Route& route = found->second;
  route.used = loop.now();
  const Use use(route.users);
  PublishOutcome outcome;
  for (int i = 0; i < kTries; ++i) {
    std::shared_ptr<Channel> channel = route.channel;
    if (!channel || channel->broken()) {
      CO_ASSIGN_OR_RETURN(channel, co_await Find(limited, route, message.exchange));
    }
    outcome = co_await channel->Publish(limited, message.exchange.name, message.routing_key,
                                        message.properties, message.body);
    if (outcome.status) break;
    // An exchange that deletes itself may have done so; the broker named it before it took
    // anything.
    const bool gone =
        outcome.alone && channel->broken() && channel->error().kind == Kind::kNotFound;
    if (outcome.sent ? !gone : !channel->broken()) break;
  }
  co_return std::move(outcome.status);
}

}  // namespace components::rabbitmq
