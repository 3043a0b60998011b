#include "components/pubsub/kafka/broker.hpp"

#include <utility>

#include "base/strings.hpp"
#include "components/kafka/consumer.hpp"

namespace components::pubsub::kafka {

using base::Kind;
using base::StrCat;
using components::kafka::Consumer;
using components::kafka::Producer;
using components::kafka::Record;

namespace {

constexpr std::size_t kPoolThreads = 2;

}  // namespace

async::Task<base::Status> Broker::Init(const contracts::Call& call,
                                       const contracts::InitRequest& request) {
  CO_ASSIGN_OR_RETURN(settings_, components::kafka::ReadSettings(request.properties, true));
  pool_ = std::make_shared<async::BlockingPool>(kPoolThreads);
  producer_ = std::make_unique<Producer>(settings_, *pool_);
  base::Status ready = producer_->Start();
  if (ready) ready = co_await producer_->Ping(call);
  if (!ready) {
    const async::Context at_once(async::Loop::Current()->now());
    co_await producer_->Close(at_once);
    producer_.reset();
  }
  co_return ready;
}

async::Task<base::Status> Broker::Ping(const contracts::Call& call) {
  co_return co_await producer_->Ping(call);
}

async::Task<void> Broker::Close(const contracts::Call& call) {
  if (producer_) co_await producer_->Close(call);
}

base::Status Broker::CheckSchema(const contracts::Metadata& metadata) const {
  const std::string* type = metadata.FindIgnoreCase("valueSchemaType");
  if (!type || type->empty() || base::EqualsIgnoreCase(*type, "none")) return {};
  return base::Fail(Kind::kInvalidArgument,
                    StrCat("component ", settings_->component,
                           ": schemas are not in this version; leave out the metadata "
                           "valueSchemaType and encode the data yourself"));
}

async::Task<base::Status> Broker::Publish(const contracts::Call& call,
                                          contracts::PublishRequest request) {
  CO_RETURN_IF_ERROR(CheckSchema(request.metadata));
  std::vector<Record> records;
  records.push_back({.data = std::move(request.data), .metadata = std::move(request.metadata)});
  auto results = co_await producer_->Send(call, request.topic, std::move(records));
  co_return std::move(results.front());
}

async::Task<std::vector<contracts::BulkPublishFailure>> Broker::BulkPublish(
    const contracts::Call& call, contracts::BulkPublishRequest request) {
  std::vector<contracts::BulkPublishFailure> failures;
  std::vector<Record> records;
  std::vector<std::string> ids;
  for (contracts::BulkPublishEntry& entry : request.entries) {
    contracts::Metadata metadata = request.metadata;
    metadata.MergeFrom(entry.metadata);
    if (base::Status refused = CheckSchema(metadata); !refused) {
      failures.push_back({.entry_id = std::move(entry.entry_id), .error = refused.error()});
      continue;
    }
    ids.push_back(std::move(entry.entry_id));
    records.push_back({.data = std::move(entry.data), .metadata = std::move(metadata)});
  }
  if (records.empty()) co_return failures;
  auto results = co_await producer_->Send(call, request.topic, std::move(records));
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i]) continue;
    failures.push_back({.entry_id = std::move(ids[i]), .error = std::move(results[i]).error()});
  }
  co_return failures;
}

async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Broker::Subscribe(
    const contracts::Call& call, contracts::SubscribeRequest request,
    contracts::MessageHandler& handler) {
  CO_RETURN_IF_ERROR(CheckSchema(request.metadata));
  co_return co_await Consumer::Start(call, {.settings = settings_,
                                            .topics = {std::move(request.topic)},
                                            .bulk = request.bulk,
                                            .handler = &handler,
                                            .pool = pool_});
}

}  // namespace components::pubsub::kafka
