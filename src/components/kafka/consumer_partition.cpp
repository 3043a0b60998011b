// Consumer's work on one partition: messages in their order, handed over, settled, handed over
// again.
#include <algorithm>

#include "base/random.hpp"
#include "base/strings.hpp"
#include "components/kafka/consumer_parts.hpp"

namespace components::kafka {

using base::StrCat;
using contracts::Message;
using contracts::Verdict;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kDefaultAwait(10'000);
// Messages handled without a wait before others on the loop get their turn.
constexpr int kAtOnce = 32;
constexpr milliseconds kReturnDelay(100);
constexpr milliseconds kLongestReturnDelay(10'000);

std::string_view Bytes(const void* data, std::size_t size) {
  return data ? std::string_view(static_cast<const char*>(data), size) : std::string_view();
}

}  // namespace

Message Consumer::MessageOf(const rd_kafka_message_t& message) const {
  Message out;
  out.topic = rd_kafka_topic_name(message.rkt);
  out.data = Bytes(message.payload, message.len);
  const HeaderRules& rules = *options_.settings->headers;
  if (message.key) rules.Add(out.metadata, "__key", Bytes(message.key, message.key_len));
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      if (!rules.Excluded(name)) rules.Add(out.metadata, name, Bytes(value, size));
    }
  }
  rd_kafka_timestamp_type_t type;
  out.metadata.Set("__topic", out.topic);
  out.metadata.Set("__partition", std::to_string(message.partition));
  out.metadata.Set("__offset", std::to_string(message.offset));
  out.metadata.Set("__timestamp", std::to_string(rd_kafka_message_timestamp(&message, &type)));
  return out;
}

bool Consumer::TakeIn(Partition& partition, Fetched fetched) {
  const rd_kafka_message_t* const message = fetched.message;
  if (!message || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  rd_kafka_timestamp_type_t type;
  const int64_t timestamp = rd_kafka_message_timestamp(message, &type);
  if (partition.ledger.Knows(message->offset, timestamp)) return false;
  partition.ledger.Add(message->offset, timestamp, std::move(fetched.event), message);
  return true;
}

bool Consumer::Fetch(Partition& partition) {
  while (true) {
    Fetched fetched;
    if (!partition.stray.empty()) {
      fetched = std::move(partition.stray.front());
      partition.stray.pop_front();
    } else {
      fetched.event.reset(rd_kafka_queue_poll(partition.queue.get(), 0));
      if (!fetched.event) return false;
      if (rd_kafka_event_type(fetched.event.get()) != RD_KAFKA_EVENT_FETCH) {
        client_->ServeCommon(fetched.event.get());
        continue;
      }
      fetched.message = rd_kafka_event_message_next(fetched.event.get());
    }
    if (TakeIn(partition, std::move(fetched))) return true;
  }
}

async::Task<void> Consumer::FillBatch(Partition& partition) {
  const milliseconds wait = options_.bulk->max_await_millis > 0
                                ? milliseconds(options_.bulk->max_await_millis)
                                : kDefaultAwait;
  const async::Context limit(async::Loop::Current()->After(wait), &stop_pulling_);
  while (partition.ledger.CountWaiting() < batch_) {
    if (Fetch(partition)) continue;
    if (co_await partition.news.Wait(limit) != async::Wake::kReady) break;
    if (paused_ || !partition.owned) break;
  }
}

async::Task<void> Consumer::Work(Partition& partition) {
  partition.working = true;
  ++busy_;
  const async::Context context(async::kForever, &stop_pulling_);
  async::Loop& loop = *async::Loop::Current();
  int at_once = 0;
  while (partition.owned && !closing_) {
    if (paused_) {
      co_await partition.news.Wait(context);
      continue;
    }
    if (partition.ledger.AnyWaiting() && loop.now() < partition.hold_off) {
      co_await partition.news.Wait(context.Until(partition.hold_off));
      continue;
    }
    if (!partition.ledger.AnyWaiting()) {
      if (!Fetch(partition)) {
        co_await partition.news.Wait(context);
        continue;
      }
      if (options_.bulk) co_await FillBatch(partition);
      if (paused_ || !partition.owned || closing_) continue;
    }
    const std::vector<int64_t> offsets = partition.ledger.Waiting(batch_);
    if (offsets.empty()) continue;
    const async::TimePoint start = loop.now();
    const std::vector<Verdict> verdicts = co_await HandOver(partition, offsets);
    Settle(partition, offsets, verdicts);
    if (loop.now() != start) {
      at_once = 0;
    } else if (++at_once >= kAtOnce) {
      at_once = 0;
      co_await async::Yield();
    }
  }
  partition.working = false;
  --busy_;
  idle_.Pulse();
}

async::Task<std::vector<Verdict>> Consumer::HandOver(Partition& partition,
                                                     const std::vector<int64_t>& offsets) {
  const contracts::Call call(async::Context(async::kForever, &stop_handlers_));
  std::vector<Message> messages;
  messages.reserve(offsets.size());
  for (const int64_t offset : offsets) {
    Ledger::Entry* entry = partition.ledger.Find(offset);
    entry->state = Ledger::State::kOut;
    messages.push_back(MessageOf(*entry->message));
  }
  std::vector<Verdict> verdicts;
  if (options_.bulk) {
    verdicts = co_await options_.handler->HandleBatch(call, std::move(messages));
  } else {
    verdicts.push_back(co_await options_.handler->Handle(call, std::move(messages.front())));
  }
  verdicts.resize(offsets.size(), Verdict::kFailed);
  co_return verdicts;
}

void Consumer::Settle(Partition& partition, const std::vector<int64_t>& offsets,
                      const std::vector<Verdict>& verdicts) {
  async::Loop& loop = *async::Loop::Current();
  const Retry& retry = options_.settings->retry;
  bool returned = false;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    Ledger::Entry* entry = partition.ledger.Find(offsets[i]);
    // Another member has dealt with it meanwhile.
    if (!entry || entry->state != Ledger::State::kOut) continue;
    entry->state = Ledger::State::kWaiting;
    if (verdicts[i] == Verdict::kReturn) {
      returned = true;
      continue;
    }
    if (verdicts[i] == Verdict::kFailed) {
      if (++entry->failures == 1) entry->first_failure = loop.now();
      if (const auto wait = retry.WaitAfter(entry->failures, loop.now() - entry->first_failure)) {
        partition.hold_off = std::max(
            partition.hold_off, loop.After(std::chrono::duration_cast<async::Duration>(*wait)));
        continue;
      }
      entry->state = Ledger::State::kGivenUp;
      ConsumerLog()
          .RateLimited("kafka_given_up", 1)
          .Error(StrCat("kafka component ", options_.settings->component, ": a message of topic ",
                        partition.topic, " failed ", entry->failures,
                        " times and is left behind: partition ", partition.number, ", offset ",
                        entry->offset));
    } else {
      entry->state = Ledger::State::kDone;
    }
    entry->message = nullptr;
    entry->event.reset();
  }
  partition.returns = returned ? partition.returns + 1 : 0;
  if (returned && !paused_) {
    const auto delay =
        std::min(kReturnDelay * (1 << std::min(partition.returns - 1, 7)), kLongestReturnDelay);
    partition.hold_off = std::max(partition.hold_off, loop.After(base::Jitter(delay)));
  }
  if (!partition.owned) partition.ledger.LoseWaiting();
  settled_.Pulse();
  to_commit_.Pulse();
}

}  // namespace components::kafka
