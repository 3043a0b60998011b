// Publisher: puts messages into exchanges, for one loop. Own loop's thread only.
//
// Each exchange has a channel of its own: what the broker refuses for one topic (it closes the
// channel then) fails nothing of another. The exchange is declared when its channel is opened.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "components/rabbitmq/channel.hpp"
#include "components/rabbitmq/link.hpp"

namespace components::rabbitmq {

struct Outgoing {
  ExchangeSpec exchange;  // an empty name is the default exchange, which is not declared
  std::string routing_key;
  Properties properties;
  std::string body;
};

class Publisher {
 public:
  /// `confirms`: Publish returns when the broker has taken the message; otherwise when the kernel
  /// has. `link` must outlive it.
  Publisher(Link& link, bool confirms) : link_(link), confirms_(confirms) {}

  /// Repeats only what has surely not been taken. Without a deadline it ends after 30 s.
  async::Task<base::Status> Publish(const async::Context& context, const Outgoing& message);

  std::size_t channels() const { return routes_.size(); }

 private:
  // The way to one exchange.
  struct Route {
    std::shared_ptr<Channel> channel;
    bool opening = false;
    std::optional<base::Error> error;  // of the last opening
    async::TimePoint used{};
    int users = 0;
    async::Event changed;
  };
  async::Task<base::Result<std::shared_ptr<Channel>>> Find(const async::Context& context,
                                                           Route& route,
                                                           const ExchangeSpec& exchange);
  async::Task<base::Result<std::shared_ptr<Channel>>> Open(const async::Context& context,
                                                           const ExchangeSpec& exchange);
  void MakeRoom();

  Link& link_;
  const bool confirms_;
  std::map<std::string, Route, std::less<>> routes_;
};

}  // namespace components::rabbitmq
