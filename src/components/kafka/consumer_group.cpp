// Consumer's part in its group: taking and giving back partitions, and commits.
#include <algorithm>
#include <cstring>

#include "base/strings.hpp"
#include "components/kafka/consumer_parts.hpp"

namespace components::kafka {

using base::StrCat;
using std::chrono::milliseconds;

namespace {

// How long others in the group wait for our handlers, so that the next owner need not repeat them.
constexpr milliseconds kGiveBackWait(2000);
constexpr milliseconds kAskTime(3000);
constexpr milliseconds kAskAgain(200);
constexpr milliseconds kCommitSpace(100);
constexpr milliseconds kCommitAgain(500);

bool IsCooperative(rd_kafka_t* rk) {
  const char* protocol = rd_kafka_rebalance_protocol(rk);
  return protocol && std::strcmp(protocol, "COOPERATIVE") == 0;
}

// Where each partition goes on: what the group has committed, else the end or the beginning.
// Blocks.
rd_kafka_resp_err_t Positions(rd_kafka_t* rk, rd_kafka_topic_partition_list_t* share,
                              std::vector<bool>& fresh, bool from_oldest) {
  const int patience = static_cast<int>(kAskTime.count());
  rd_kafka_resp_err_t code = rd_kafka_committed(rk, share, patience);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
  const PartitionsPtr unknown(rd_kafka_topic_partition_list_new(share->cnt));
  fresh.assign(static_cast<std::size_t>(share->cnt), false);
  for (int i = 0; i < share->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = share->elems[i];
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) return one.err;
    if (one.offset >= 0) continue;
    fresh[static_cast<std::size_t>(i)] = true;
    rd_kafka_topic_partition_list_add(unknown.get(), one.topic, one.partition)->offset =
        from_oldest ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
  }
  if (unknown->cnt == 0) return RD_KAFKA_RESP_ERR_NO_ERROR;
  code = rd_kafka_offsets_for_times(rk, unknown.get(), patience);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
  for (int i = 0; i < unknown->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = unknown->elems[i];
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) return one.err;
    if (one.offset < 0) return RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE;
    rd_kafka_topic_partition_list_find(share, one.topic, one.partition)->offset = one.offset;
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace

void Consumer::ServeRebalance(rd_kafka_event_t* event) {
  const rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(event);
  PartitionsPtr share(list ? rd_kafka_topic_partition_list_copy(list)
                           : rd_kafka_topic_partition_list_new(0));
  if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    gate_.Spawn(TakeShare(std::move(share)));
  } else {
    gate_.Spawn(GiveBack(std::move(share)));
  }
}

void Consumer::Assign(const rd_kafka_topic_partition_list_t* share) {
  rd_kafka_t* const rk = client_->get();
  if (IsCooperative(rk)) {
    const ErrorPtr ignored(rd_kafka_incremental_assign(rk, share));
  } else {
    rd_kafka_assign(rk, share);
  }
}

void Consumer::Unassign(const rd_kafka_topic_partition_list_t* share) {
  rd_kafka_t* const rk = client_->get();
  if (IsCooperative(rk)) {
    const ErrorPtr ignored(rd_kafka_incremental_unassign(rk, share));
  } else {
    rd_kafka_assign(rk, nullptr);
  }
}

async::Task<bool> Consumer::FindOffsets(PartitionsPtr& share, std::vector<bool>& fresh) {
  rd_kafka_t* const rk = client_->get();
  const bool from_oldest = options_.settings->from_oldest;
  rd_kafka_topic_partition_list_t* const list = share.get();
  while (list->cnt > 0) {
    const auto code = co_await options_.pool->Run(
        [rk, list, &fresh, from_oldest] { return Positions(rk, list, fresh, from_oldest); });
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    ConsumerLog()
        .RateLimited("kafka_positions", 1)
        .Warning(StrCat("kafka component ", options_.settings->component,
                        ": cannot find where to go on in topic ", list->elems[0].topic, ": ",
                        rd_kafka_err2str(code.value_or(RD_KAFKA_RESP_ERR__QUEUE_FULL))));
    const async::Context context(async::kForever, &stop_pulling_);
    const async::TimePoint soon = async::Loop::Current()->After(kAskAgain);
    if (co_await async::Sleep(context, soon) == async::Wake::kCanceled) co_return false;
    for (int i = 0; i < list->cnt; ++i) {
      list->elems[i].offset = RD_KAFKA_OFFSET_INVALID;
      list->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
  }
  co_return true;
}

async::Task<void> Consumer::TakeShare(PartitionsPtr share) {
  ++in_use_;
  const async::Context patient;
  co_await turn_.Acquire(patient);
  std::vector<Partition*> taken;
  for (int i = 0; i < share->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = share->elems[i];
    auto& slot = partitions_[{one.topic, one.partition}];
    if (!slot) {
      slot = std::make_unique<Partition>();
      slot->topic = one.topic;
      slot->number = one.partition;
      slot->queue.reset(rd_kafka_queue_get_partition(client_->get(), one.topic, one.partition));
    }
    // Before it is assigned, which would lead its messages into the common queue.
    rd_kafka_queue_forward(slot->queue.get(), nullptr);
    client_->bell().Attach(slot->queue.get());
    taken.push_back(slot.get());
  }
  std::vector<bool> fresh;
  const bool found = co_await FindOffsets(share, fresh);
  Assign(share.get());
  if (found && !closing_) {
    for (std::size_t i = 0; i < taken.size(); ++i) {
      Partition& partition = *taken[i];
      const int64_t offset = share->elems[i].offset;
      partition.stray.clear();
      partition.ledger.StartAt(offset);
      partition.committed = fresh[i] ? -1 : offset;
      partition.hold_off = {};
      partition.owned = true;
      if (!partition.working) gate_.Spawn(Work(partition));
    }
    HoldOrFetch();
    standing_.Set();
    to_commit_.Pulse();
  }
  turn_.Release();
  --in_use_;
  idle_.Pulse();
}

async::Task<void> Consumer::GiveBack(PartitionsPtr share) {
  ++in_use_;
  const async::Context patient;
  co_await turn_.Acquire(patient);
  std::vector<Partition*> given;
  for (int i = 0; i < share->cnt; ++i) {
    const auto found = partitions_.find({share->elems[i].topic, share->elems[i].partition});
    if (found == partitions_.end() || !found->second->owned) continue;
    given.push_back(found->second.get());
    found->second->owned = false;
  }
  for (Partition* partition : given) partition->news.Pulse();
  const bool lost = rd_kafka_assignment_lost(client_->get()) != 0;
  // An app that is away keeps its messages for as long as it likes; nobody waits for that.
  const async::Context limit(async::Loop::Current()->After(kGiveBackWait), &stop_pulling_);
  const auto any_out = [&given] {
    return std::ranges::any_of(given, [](Partition* one) { return one->ledger.AnyOut(); });
  };
  while (!lost && !paused_ && !closing_ && any_out()) {
    if (co_await settled_.Wait(limit) != async::Wake::kReady) break;
  }
  const PartitionsPtr done(rd_kafka_topic_partition_list_new(share->cnt));
  for (Partition* partition : given) {
    const int64_t floor = partition->ledger.Advance();
    if (floor >= 0 && floor != partition->committed) {
      rd_kafka_topic_partition_list_add(done.get(), partition->topic.c_str(), partition->number)
          ->offset = floor;
    }
    partition->ledger.LoseWaiting();
    partition->stray.clear();
  }
  // The commit is ahead of whatever the group hears of us next.
  if (!lost && done->cnt > 0 &&
      rd_kafka_commit_queue(client_->get(), done.get(), client_->queue(), nullptr, nullptr) ==
          RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++committing_;
  }
  Unassign(share.get());
  turn_.Release();
  --in_use_;
  idle_.Pulse();
}

bool Consumer::Commit() {
  const PartitionsPtr done(rd_kafka_topic_partition_list_new(static_cast<int>(partitions_.size())));
  for (const auto& [key, partition] : partitions_) {
    if (!partition->owned) continue;
    const int64_t floor = partition->ledger.Advance();
    if (floor < 0 || floor == partition->committed) continue;
    rd_kafka_topic_partition_list_add(done.get(), key.first.c_str(), key.second)->offset = floor;
  }
  if (done->cnt == 0) return false;
  const rd_kafka_resp_err_t code =
      rd_kafka_commit_queue(client_->get(), done.get(), client_->queue(), nullptr, nullptr);
  commit_failed_ = code != RD_KAFKA_RESP_ERR_NO_ERROR;
  if (!commit_failed_) ++committing_;
  return true;
}

void Consumer::ServeCommitted(rd_kafka_event_t* event) {
  const rd_kafka_resp_err_t code = rd_kafka_event_error(event);
  const rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(event);
  commit_failed_ = code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR__NO_OFFSET;
  for (int i = 0; list && !commit_failed_ && i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list->elems[i];
    const auto found = partitions_.find({one.topic, one.partition});
    if (found != partitions_.end() && one.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      found->second->committed = one.offset;
    }
  }
  if (commit_failed_ && !closing_) {
    ConsumerLog()
        .RateLimited("kafka_commit", 1)
        .Info(StrCat("kafka component ", options_.settings->component, ": a commit of group ",
                     options_.settings->group,
                     " failed and is tried again: ", rd_kafka_err2str(code)));
  }
  committing_ = std::max(0, committing_ - 1);
  committed_.Pulse();
}

async::Task<void> Consumer::CommitInTurn() {
  const async::Context context(async::kForever, &stop_pulling_);
  while (co_await to_commit_.Wait(context) == async::Wake::kReady) {
    while (!closing_ && Commit()) {
      while (committing_ > 0) {
        if (co_await committed_.Wait(context) != async::Wake::kReady) co_return;
      }
      const auto space = commit_failed_ ? kCommitAgain : kCommitSpace;
      const async::TimePoint soon = async::Loop::Current()->After(space);
      if (co_await async::Sleep(context, soon) != async::Wake::kReady) co_return;
    }
  }
}

}  // namespace components::kafka
