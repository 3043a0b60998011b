#include "components/pubsub/redis/broker.hpp"

#include <deque>
#include <utility>

#include "base/strings.hpp"
#include "components/pubsub/redis/addition.hpp"
#include "components/pubsub/redis/delays.hpp"
#include "components/pubsub/redis/subscription.hpp"

namespace components::pubsub::redis {

using base::StrCat;
using components::redis::Request;
using components::redis::ServerError;

async::Task<base::Status> Broker::Init(const contracts::Call& call,
                                       const contracts::InitRequest& request) {
  CO_ASSIGN_OR_RETURN(settings_, ReadSettings(request.properties));
  if (settings_.max_length > 0 && settings_.stream_ttl.count() > 0) {
    Log().Warning(StrCat("component ", request.name,
                         ": Redis trims a stream by length or by age; maxLenApprox is used and "
                         "streamTTL is not"));
  }
  CO_ASSIGN_OR_RETURN(components::redis::Settings connection,
                      components::redis::ReadSettings(request.properties, kConnectionDefaults));
  CO_ASSIGN_OR_RETURN(client_, components::redis::Client::Make(std::move(connection)));
  base::Status up = co_await client_->Ping(call);
  if (up) co_return up;
  base::Error error(up.error().kind,
                    StrCat("redis streams: error connecting to redis at ",
                           client_->settings().Servers(), ": ", up.error().message));
  // What did not start is not closed by anybody else.
  co_await Close(call);
  co_return std::unexpected(std::move(error));
}

async::Task<base::Status> Broker::Ping(const contracts::Call& call) {
  return client_->Ping(call);
}

async::Task<void> Broker::Close(const contracts::Call& call) {
  if (client_) co_await client_->Close(call);
  client_.reset();
}

async::Task<base::Status> Broker::Publish(const contracts::Call& call,
                                          contracts::PublishRequest request) {
  const Addition addition(settings_, request.topic, request.data, request.metadata);
  Request command{.args = addition.args(), .key = request.topic};
  base::Status sent = co_await client_->Run(call, command);
  if (sent && command.reply.is_error()) {
    co_return std::unexpected(ServerError(command.reply.text()));
  }
  co_return sent;
}

async::Task<std::vector<contracts::BulkPublishFailure>> Broker::BulkPublish(
    const contracts::Call& call, contracts::BulkPublishRequest request) {
  std::deque<Addition> additions;  // they do not move
  std::vector<Request> commands;
  commands.reserve(request.entries.size());
  for (contracts::BulkPublishEntry& entry : request.entries) {
    contracts::Metadata metadata = request.metadata;
    metadata.MergeFrom(entry.metadata);
    const Addition& addition =
        additions.emplace_back(settings_, request.topic, entry.data, metadata);
    commands.push_back({.args = addition.args(), .key = request.topic});
  }
  co_await client_->RunAll(call, commands);
  std::vector<contracts::BulkPublishFailure> failures;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    Request& command = commands[i];
    std::string& id = request.entries[i].entry_id;
    if (!command.status) {
      failures.push_back({std::move(id), std::move(command.status).error()});
    } else if (command.reply.is_error()) {
      failures.push_back({std::move(id), ServerError(command.reply.text())});
    }
  }
  co_return failures;
}

async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Broker::Subscribe(
    const contracts::Call& call, contracts::SubscribeRequest request,
    contracts::MessageHandler& handler) {
  auto subscription = std::make_unique<Subscription>(*client_, settings_, request, handler);
  CO_RETURN_IF_ERROR(co_await subscription->Start(call));
  co_return subscription;
}

}  // namespace components::pubsub::redis
