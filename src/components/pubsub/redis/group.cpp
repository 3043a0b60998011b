#include "components/pubsub/redis/group.hpp"

#include <algorithm>

namespace components::pubsub::redis {

using components::redis::Arg;
using std::chrono::milliseconds;

namespace {

// Longer than any runtime waits before it takes an entry over.
constexpr std::string_view kAbandonedMillis = "86400000";
// Entries that are counted one by one where the server does not do it.
constexpr std::string_view kMostCounted = "100";

// The words of a command that ends, or nearly so, in a list of ids.
class IdCommand {
 public:
  IdCommand(std::initializer_list<Arg> head, std::span<const StreamId> ids) : args_(head) {
    texts_.reserve(ids.size());
    args_.reserve(args_.size() + ids.size() + 3);
    for (const StreamId& id : ids) args_.push_back(texts_.emplace_back(id.ToString()));
  }
  IdCommand& Then(std::initializer_list<Arg> tail) {
    args_.insert(args_.end(), tail);
    return *this;
  }
  std::span<const Arg> args() const { return args_; }

 private:
  std::vector<std::string> texts_;
  std::vector<Arg> args_;
};

}  // namespace

async::Task<base::Result<components::redis::Reply>> Group::Run(const async::Context& context,
                                                               std::span<const Arg> args) const {
  return client_.Call(context, args, topic_, /*repeatable=*/true);
}

async::Task<base::Status> Group::Create(const async::Context& context) const {
  const Arg args[] = {"XGROUP", "CREATE", topic_, consumer_, "0", "MKSTREAM"};
  components::redis::Request request{.args = args, .key = topic_, .repeatable = true};
  CO_RETURN_IF_ERROR(co_await client_.Run(context, request));
  const std::string_view error = request.reply.is_error() ? request.reply.text() : "";
  if (error.empty() || error.starts_with("BUSYGROUP")) co_return base::Status();
  base::Error failed = components::redis::ServerError(error);
  // Whoever owns the key may remove it.
  if (error.starts_with("WRONGTYPE")) failed.kind = base::Kind::kUnavailable;
  co_return std::unexpected(std::move(failed));
}

async::Task<base::Status> Group::Acknowledge(const async::Context& context,
                                             std::span<const StreamId> ids) const {
  const IdCommand command({"XACK", topic_, consumer_}, ids);
  auto reply = co_await Run(context, command.args());
  if (!reply) co_return std::unexpected(std::move(reply).error());
  co_return base::Status();
}

async::Task<base::Result<std::vector<StreamId>>> Group::Touch(const async::Context& context,
                                                              std::span<const StreamId> ids,
                                                              milliseconds idle) const {
  const std::string least = std::to_string(idle.count());
  IdCommand command({"XCLAIM", topic_, consumer_, consumer_, least}, ids);
  command.Then({"JUSTID"});
  CO_ASSIGN_OR_RETURN(const Reply reply, co_await Run(context, command.args()));
  co_return ReadIds(reply);
}

async::Task<base::Status> Group::Abandon(const async::Context& context,
                                         std::span<const StreamId> ids) const {
  IdCommand command({"XCLAIM", topic_, consumer_, consumer_, "0"}, ids);
  command.Then({"IDLE", kAbandonedMillis, "JUSTID"});
  auto reply = co_await Run(context, command.args());
  if (!reply) co_return std::unexpected(std::move(reply).error());
  co_return base::Status();
}

async::Task<base::Result<std::vector<PendingEntry>>> Group::Pending(const async::Context& context,
                                                                    StreamId from,
                                                                    int count) const {
  const std::string start = from.ToString();
  const std::string most = std::to_string(count);
  const Arg args[] = {"XPENDING", topic_, consumer_, start, "+", most};
  CO_ASSIGN_OR_RETURN(const Reply reply, co_await Run(context, args));
  co_return ReadPending(reply);
}

async::Task<base::Result<std::vector<Pulled>>> Group::Claim(const async::Context& context,
                                                            std::span<const StreamId> ids,
                                                            milliseconds idle) const {
  const std::string least = std::to_string(idle.count());
  const IdCommand command({"XCLAIM", topic_, consumer_, consumer_, least}, ids);
  CO_ASSIGN_OR_RETURN(const Reply reply, co_await Run(context, command.args()));
  std::vector<Pulled> claimed = ReadClaimed(reply);
  // Servers before 7 give nil for an entry that was deleted, and keep it pending for ever.
  if (claimed.size() < reply.size()) {
    std::vector<StreamId> missing;
    for (const StreamId& id : ids) {
      if (std::ranges::find(claimed, id, &Pulled::id) == claimed.end()) missing.push_back(id);
    }
    CO_RETURN_IF_ERROR(co_await ClearVanished(context, std::move(missing)));
  }
  co_return claimed;
}

// Those that are not in the stream: nobody can be handling them. Others were claimed by somebody
// who was quicker.
async::Task<base::Status> Group::ClearVanished(const async::Context& context,
                                               std::vector<StreamId> ids) const {
  std::vector<StreamId> vanished;
  for (const StreamId& id : ids) {
    const std::string text = id.ToString();
    const Arg args[] = {"XRANGE", topic_, text, text};
    CO_ASSIGN_OR_RETURN(const Reply reply, co_await Run(context, args));
    if (reply.size() == 0) vanished.push_back(id);
  }
  if (vanished.empty()) co_return base::Status();
  co_return co_await Acknowledge(context, vanished);
}

async::Task<base::Result<int64_t>> Group::Waiting(const async::Context& context) const {
  const Arg args[] = {"XINFO", "GROUPS", topic_};
  CO_ASSIGN_OR_RETURN(const Reply reply, co_await Run(context, args));
  const auto state = ReadGroupState(reply, consumer_);
  if (!state) co_return int64_t{0};
  if (state->lag) co_return state->pending + *state->lag;
  const std::string from = state->last_delivered.Next().ToString();
  const Arg range[] = {"XRANGE", topic_, from, "+", "COUNT", kMostCounted};
  CO_ASSIGN_OR_RETURN(const Reply rest, co_await Run(context, range));
  co_return state->pending + static_cast<int64_t>(rest.size());
}

}  // namespace components::pubsub::redis
