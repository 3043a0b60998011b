#include "components/kafka/consumer.hpp"

#include <algorithm>

#include "base/strings.hpp"
#include "components/kafka/consumer_parts.hpp"

namespace components::kafka {

using base::Kind;
using base::StrCat;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr int kDefaultBatch = 80;
// librdkafka leaves the group if nobody looks into the queue for its poll interval.
constexpr int kLooksInInterval = 5;
constexpr milliseconds kLeaveTime(2000);
constexpr milliseconds kFinalCommit(1500);
constexpr milliseconds kAskTopic(3000);
constexpr milliseconds kAskTopicAgain(100);

std::size_t BatchSize(const std::optional<contracts::BulkSubscribeOptions>& bulk) {
  if (!bulk) return 1;
  return static_cast<std::size_t>(bulk->max_messages > 0 ? bulk->max_messages : kDefaultBatch);
}

}  // namespace

Consumer::Consumer(Options options)
    : options_(std::move(options)), batch_(BatchSize(options_.bulk)) {}

Consumer::~Consumer() = default;

async::Task<base::Result<std::unique_ptr<contracts::Subscription>>> Consumer::Start(
    const contracts::Call& call, Options options) {
  std::unique_ptr<Consumer> consumer(new Consumer(std::move(options)));
  base::Status ready = co_await consumer->Open(call);
  if (ready) ready = co_await consumer->AwaitShare(call);
  if (ready) co_return std::unique_ptr<contracts::Subscription>(std::move(consumer));
  const contracts::Call at_once(async::Context(async::Loop::Current()->After(kLeaveTime)));
  co_await consumer->Close(at_once);
  co_return std::unexpected(ready.error());
}

async::Task<base::Status> Consumer::Open(const contracts::Call& call) {
  const Settings& settings = *options_.settings;
  if (settings.group.empty()) {
    co_return base::Fail(Kind::kInvalidArgument,
                         StrCat("component ", settings.component,
                                ": a subscription needs consumerGroup (or consumerID)"));
  }
  Settings::Options own = settings.consumer;
  own.emplace_back("group.id", settings.group);
  own.emplace_back("max.poll.interval.ms", std::to_string(settings.poll_interval.count()));
  CO_ASSIGN_OR_RETURN(client_,
                      Client::Make(RD_KAFKA_CONSUMER, settings, own,
                                   RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT));
  gate_.Spawn(Serve());
  gate_.Spawn(CommitInTurn());
  for (const std::string& topic : options_.topics) {
    CO_RETURN_IF_ERROR(co_await AwaitTopic(call, topic));
  }
  const PartitionsPtr topics(
      rd_kafka_topic_partition_list_new(static_cast<int>(options_.topics.size())));
  for (const std::string& topic : options_.topics) {
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  const rd_kafka_resp_err_t code = rd_kafka_subscribe(client_->get(), topics.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    co_return base::Fail(ErrorOf(
        code, StrCat("cannot subscribe to Kafka topic ", base::Join(options_.topics, ", "))));
  }
  co_return base::Status();
}

// Asking for a topic makes it, where the broker allows that. A member that subscribes to one that
// is not there yet would learn of it minutes later.
async::Task<base::Status> Consumer::AwaitTopic(const contracts::Call& call,
                                               const std::string& topic) {
  rd_kafka_t* const rk = client_->get();
  const auto ask = [rk, &topic] {
    rd_kafka_topic_t* const handle = rd_kafka_topic_new(rk, topic.c_str(), nullptr);
    if (!handle) return RD_KAFKA_RESP_ERR__INVALID_ARG;
    const struct rd_kafka_metadata* metadata = nullptr;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(rk, 0, handle, &metadata, static_cast<int>(kAskTopic.count()));
    rd_kafka_topic_destroy(handle);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      code = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                      : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
      rd_kafka_metadata_destroy(metadata);
    }
    return code;
  };
  while (true) {
    const auto code = co_await options_.pool->Run(ask);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) co_return base::Status();
    const Kind kind = KindOf(code.value_or(RD_KAFKA_RESP_ERR__QUEUE_FULL));
    const bool refused = kind == Kind::kPermissionDenied || kind == Kind::kInvalidArgument ||
                         KindOf(client_->trouble().code()) == Kind::kUnauthenticated;
    const async::TimePoint soon = async::Loop::Current()->After(kAskTopicAgain);
    if (refused || soon > call.deadline ||
        co_await async::Sleep(call, soon) != async::Wake::kReady) {
      co_return base::Fail(ErrorOf(code.value_or(RD_KAFKA_RESP_ERR__QUEUE_FULL),
                                   StrCat("cannot subscribe to Kafka topic ", topic),
                                   client_->trouble().Last()));
    }
  }
}

async::Task<base::Status> Consumer::AwaitShare(const contracts::Call& call) {
  while (!standing_.is_set()) {
    const async::TimePoint soon = async::Loop::Current()->After(milliseconds(200));
    const async::Wake wake = co_await standing_.Wait(call.Until(soon));
    if (standing_.is_set()) break;
    const Kind trouble = KindOf(client_->trouble().code());
    const bool refused = trouble == Kind::kUnauthenticated || trouble == Kind::kPermissionDenied;
    const bool over = async::Loop::Current()->now() >= call.deadline;
    if (wake != async::Wake::kCanceled && !over &&
        !(refused && !client_->trouble().Last().empty())) {
      continue;
    }
    const std::string why = client_->trouble().Last();
    const Kind kind = wake == async::Wake::kCanceled ? Kind::kCanceled
                      : refused                      ? trouble
                                                     : Kind::kUnavailable;
    co_return base::Fail(
        kind, StrCat("cannot subscribe to Kafka topic ", base::Join(options_.topics, ", "),
                     " in group ", options_.settings->group, ": ",
                     why.empty() ? "the group gave no partitions in time" : why));
  }
  co_return base::Status();
}

async::Task<void> Consumer::Serve() {
  while (true) {
    client_->bell().Clear();
    while (EventPtr event{rd_kafka_queue_poll(client_->queue(), 0)}) ServeEvent(std::move(event));
    for (const auto& [key, partition] : partitions_) partition->news.Pulse();
    if (stop_serving_.canceled()) break;
    const async::TimePoint later =
        async::Loop::Current()->After(options_.settings->poll_interval / kLooksInInterval);
    const async::Context context(later, &stop_serving_);
    co_await client_->bell().Rung(context);
  }
  closed_.Set();
}

void Consumer::ServeEvent(EventPtr event) {
  switch (rd_kafka_event_type(event.get())) {
    case RD_KAFKA_EVENT_REBALANCE:
      ServeRebalance(event.get());
      break;
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
      ServeCommitted(event.get());
      break;
    case RD_KAFKA_EVENT_FETCH:
      ServeStray(std::move(event));
      break;
    default:
      client_->ServeCommon(event.get());
      break;
  }
}

void Consumer::ServeStray(EventPtr event) {
  const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get());
  if (!message || !message->rkt) return;
  const auto found = partitions_.find({rd_kafka_topic_name(message->rkt), message->partition});
  if (found == partitions_.end()) return;
  found->second->stray.push_back(Fetched{std::move(event), message});
}

void Consumer::Pause() {
  if (!std::exchange(paused_, true) && !closing_) HoldOrFetch();
}

void Consumer::Resume() {
  if (!std::exchange(paused_, false) || closing_) return;
  HoldOrFetch();
  client_->bell().Ring();  // workers go on in the next turn, not inside this call
}

void Consumer::HoldOrFetch() {
  const PartitionsPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions_.size())));
  for (const auto& [key, partition] : partitions_) {
    if (!partition->owned || partition->paused == paused_) continue;
    partition->paused = paused_;
    rd_kafka_topic_partition_list_add(list.get(), key.first.c_str(), key.second);
  }
  if (list->cnt == 0) return;
  if (paused_) {
    rd_kafka_pause_partitions(client_->get(), list.get());
  } else {
    rd_kafka_resume_partitions(client_->get(), list.get());
    gate_.Spawn(WakeFetchers(PartitionsPtr(rd_kafka_topic_partition_list_copy(list.get()))));
  }
}

// librdkafka's thread for a broker looks for what was resumed when something wakes it, and else
// once a second (rd_kafka_max_block_ms). An answer of that broker wakes it, so all that lead a
// partition are asked something.
async::Task<void> Consumer::WakeFetchers(PartitionsPtr resumed) {
  for (int i = 0; i < resumed->cnt; ++i) resumed->elems[i].offset = RD_KAFKA_OFFSET_END;
  rd_kafka_t* const rk = client_->get();
  constexpr int kPatience = 500;  // ms
  ++in_use_;
  // Without an answer it is that second.
  [[maybe_unused]] const auto asked = co_await options_.pool->Run(
      [rk, list = resumed.get()] { return rd_kafka_offsets_for_times(rk, list, kPatience); });
  --in_use_;
  idle_.Pulse();
}

async::Task<base::Result<std::optional<int64_t>>> Consumer::Backlog(const contracts::Call& call) {
  const async::TimePoint until = std::min(call.deadline, async::Loop::Current()->After(seconds(5)));
  rd_kafka_t* const rk = client_->get();
  // The whole topic, because the question is what waits for the group.
  struct Ends {
    PartitionsPtr done;
    PartitionsPtr ends;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  };
  const auto ask = [rk, until, topics = options_.topics]() -> Ends {
    Ends found;
    // It may have waited long for a thread.
    const auto left = [until] {
      const auto time = std::chrono::duration_cast<milliseconds>(until - async::Clock::now());
      return static_cast<int>(std::max(time, milliseconds(0)).count());
    };
    const auto late = [&] {
      if (left() > 0) return false;
      found.error = RD_KAFKA_RESP_ERR__TIMED_OUT;
      return true;
    };
    found.done.reset(rd_kafka_topic_partition_list_new(8));
    for (const std::string& topic : topics) {
      if (late()) return found;
      rd_kafka_topic_t* const handle = rd_kafka_topic_new(rk, topic.c_str(), nullptr);
      const struct rd_kafka_metadata* metadata = nullptr;
      found.error = rd_kafka_metadata(rk, 0, handle, &metadata, left());
      rd_kafka_topic_destroy(handle);
      if (found.error != RD_KAFKA_RESP_ERR_NO_ERROR) return found;
      for (int i = 0; metadata->topic_cnt == 1 && i < metadata->topics[0].partition_cnt; ++i) {
        rd_kafka_topic_partition_list_add(found.done.get(), topic.c_str(),
                                          metadata->topics[0].partitions[i].id);
      }
      rd_kafka_metadata_destroy(metadata);
    }
    if (found.done->cnt == 0) return found;
    found.ends.reset(rd_kafka_topic_partition_list_copy(found.done.get()));
    for (int i = 0; i < found.ends->cnt; ++i) found.ends->elems[i].offset = RD_KAFKA_OFFSET_END;
    if (late()) return found;
    found.error = rd_kafka_committed(rk, found.done.get(), left());
    if (found.error != RD_KAFKA_RESP_ERR_NO_ERROR) return found;
    if (late()) return found;
    found.error = rd_kafka_offsets_for_times(rk, found.ends.get(), left());
    return found;
  };
  ++in_use_;  // Close waits for the client to be left alone
  const auto found = co_await options_.pool->Run(ask);
  --in_use_;
  idle_.Pulse();
  if (!found) co_return base::Fail(Kind::kExhausted, "too much is asked of Kafka at once");
  if (found->error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    co_return base::Fail(ErrorOf(found->error, "cannot ask Kafka what waits",
                                 client_ ? client_->trouble().Last() : ""));
  }
  int64_t waiting = 0;
  for (int i = 0; found->ends && i < found->ends->cnt; ++i) {
    const rd_kafka_topic_partition_t& end = found->ends->elems[i];
    int64_t from = found->done->elems[i].offset;
    int64_t here = 0;
    const auto own = partitions_.find({end.topic, end.partition});
    if (own != partitions_.end() && own->second->owned) {
      from = own->second->ledger.next();
      here = static_cast<int64_t>(own->second->ledger.CountWaiting());
    }
    if (end.offset >= 0 && from >= 0) waiting += std::max<int64_t>(0, end.offset - from) + here;
  }
  co_return std::optional<int64_t>(waiting);
}

async::Task<void> Consumer::Close(const contracts::Call& call) {
  closing_ = true;
  if (!client_) co_return;
  stop_pulling_.Cancel();
  for (const auto& [key, partition] : partitions_) partition->news.Pulse();
  while (busy_ > 0) {
    if (co_await idle_.Wait(call) != async::Wake::kReady) break;
  }
  stop_handlers_.Cancel();
  const async::Context patient;
  while (busy_ > 0) co_await idle_.Wait(patient);
  async::Loop& loop = *async::Loop::Current();
  // The last word to the broker. If it cannot be had, the messages come again to the next member.
  const async::Context final_commit(loop.After(kFinalCommit));
  while (committing_ > 0) {
    if (co_await committed_.Wait(final_commit) != async::Wake::kReady) break;
  }
  if (Commit()) {
    while (committing_ > 0) {
      if (co_await committed_.Wait(final_commit) != async::Wake::kReady) break;
    }
  }
  const async::Context leave(loop.After(kLeaveTime));
  const ErrorPtr refused(rd_kafka_consumer_close_queue(client_->get(), client_->queue()));
  while (!refused && !rd_kafka_consumer_closed(client_->get())) {
    const async::TimePoint soon = loop.After(milliseconds(20));
    if (soon > leave.deadline) break;
    co_await async::Sleep(patient, soon);
  }
  stop_serving_.Cancel();
  co_await closed_.Wait(patient);
  while (in_use_ > 0) co_await idle_.Wait(patient);
  co_await gate_.Close(patient);
  for (const auto& [key, partition] : partitions_) {
    if (partition->queue) Bell::Detach(partition->queue.get());
  }
  partitions_.clear();
  co_await Client::End(std::move(client_));
}

}  // namespace components::kafka
