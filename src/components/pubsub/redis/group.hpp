// Group: the commands on one consumer group of one stream, as the shared connections of the loop
// send them. All of them may be sent twice without harm. Own loop's thread only.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "components/pubsub/redis/stream_reply.hpp"
#include "components/redis/client.hpp"

namespace components::pubsub::redis {

class Group {
 public:
  /// `client` must outlive it.
  Group(components::redis::Client& client, std::string topic, std::string consumer)
      : client_(client), topic_(std::move(topic)), consumer_(std::move(consumer)) {}

  components::redis::Client& client() const { return client_; }
  const std::string& topic() const { return topic_; }
  /// Also the group's name.
  const std::string& consumer() const { return consumer_; }

  /// Makes the stream and the group, from the stream's beginning, where they are missing.
  async::Task<base::Status> Create(const async::Context& context) const;
  async::Task<base::Status> Acknowledge(const async::Context& context,
                                        std::span<const StreamId> ids) const;
  /// Makes those that nobody has touched for `idle` ours, as if handed to us just now, without
  /// counting as a delivery. Returns these.
  async::Task<base::Result<std::vector<StreamId>>> Touch(const async::Context& context,
                                                         std::span<const StreamId> ids,
                                                         std::chrono::milliseconds idle) const;
  /// Makes any consumer that looks for abandoned entries take them at once.
  async::Task<base::Status> Abandon(const async::Context& context,
                                    std::span<const StreamId> ids) const;
  /// A page of what is pending with any consumer, from `from` on, in the stream's order.
  async::Task<base::Result<std::vector<PendingEntry>>> Pending(const async::Context& context,
                                                               StreamId from, int count) const;
  /// Takes over those that nobody has touched for `idle`. What is pending and no longer in the
  /// stream is cleared away.
  async::Task<base::Result<std::vector<Pulled>>> Claim(const async::Context& context,
                                                       std::span<const StreamId> ids,
                                                       std::chrono::milliseconds idle) const;
  /// How many entries wait: never handed over, or pending. A server that cannot tell how many it
  /// has not handed over is taken at 100 where there are more.
  async::Task<base::Result<int64_t>> Waiting(const async::Context& context) const;

 private:
  async::Task<base::Result<components::redis::Reply>> Run(
      const async::Context& context, std::span<const components::redis::Arg> args) const;
  async::Task<base::Status> ClearVanished(const async::Context& context,
                                          std::vector<StreamId> ids) const;

  components::redis::Client& client_;
  const std::string topic_;
  const std::string consumer_;
};

}  // namespace components::pubsub::redis
