#include "components/redis/loop_client.hpp"

#include <algorithm>

#include "async/loop.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"
#include "components/redis/session.hpp"
#include "contracts/parallel.hpp"

namespace components::redis {

using base::Kind;

namespace {

// Redirections cost no retry; a cluster that sends us in circles must not do so for ever.
constexpr int kMaxRedirections = 16;

bool WantsRetry(const Request& request) {
  return request.reply.is_error() && ClassifyRefusal(request.reply.text()) != Refusal::kFinal;
}

// Whether a command whose try failed may be sent again: it was not carried out, or may be twice.
bool MayRepeat(const base::Error& error, bool sent, const Request& request) {
  if (error.kind == Kind::kUnavailable) return !sent || request.repeatable;
  return error.kind == Kind::kUnreachable;
}

}  // namespace

async::Task<base::Status> LoopClient::Run(const async::Context& context, Request& request,
                                          Lane lane) {
  Link* const link = router_.Find(request.key, lane);
  Connection* const connection = link ? link->ready() : nullptr;
  if (!connection) co_return co_await Retry(context, request, lane, {});
  auto sending = connection->Send(Limit(context), std::span(&request, 1));
  base::Status status = co_await sending;
  if (status && !WantsRetry(request)) co_return status;
  co_return co_await Retry(context, request, lane,
                           {std::move(status), sending.sent(), link->target().endpoint});
}

// What to do about a refusal. False: nothing, it stands.
bool LoopClient::Heed(const Request& request, Link* link, const Endpoint& asked,
                      std::optional<Redirect>& ask, bool& pause) {
  const std::string_view text = request.reply.text();
  switch (ClassifyRefusal(text)) {
    case Refusal::kFinal:
      return false;
    case Refusal::kMoved: {
      const std::optional<Redirect> to = ParseRedirect(text, asked);
      if (!to || !router_.is_cluster()) return false;
      router_.Moved(*to);
      return true;
    }
    case Refusal::kAsk:
      ask = ParseRedirect(text, asked);
      return ask.has_value() && router_.is_cluster();
    case Refusal::kReadOnly:
      pause = true;
      if (router_.is_cluster()) {
        router_.Refresh();
        return true;
      }
      // Even behind an address another server may be by now: a service's, a proxy's, a floating
      // one.
      link->Renew(ServerError(text));
      return true;
    case Refusal::kLater:
      pause = true;
      if (router_.is_cluster()) router_.Refresh();
      return true;
  }
  return false;
}

async::Task<bool> LoopClient::Pause(const async::Context& context, int attempt) {
  const Settings& settings = dialer_.settings();
  const auto grown = settings.min_retry * (1 << std::min(attempt, 10));
  const auto pause = std::min(grown, std::max(settings.max_retry, std::chrono::nanoseconds(1)));
  const async::TimePoint until = loop_.After(base::Jitter(pause));
  if (until >= context.deadline) co_return false;
  co_return co_await async::Sleep(context, until) == async::Wake::kReady;
}

async::Task<void> LoopClient::TryOnce(const async::Context& context, Request& request, Lane lane,
                                      const std::optional<Redirect>& ask, Try& result) {
  result.sent = false;
  Link* link = nullptr;
  if (ask) {
    link = router_.Of(ask->to, lane);
  } else {
    auto found = co_await router_.Get(context, request.key, lane);
    if (!found) {
      result.status = std::unexpected(std::move(found).error());
      co_return;
    }
    link = *found;
  }
  result.asked = link->target().endpoint;
  auto connection = co_await link->Get(context);
  if (!connection) {
    result.status = std::unexpected(std::move(connection).error());
    // The node may be gone for good, and another have its slots.
    if (result.status.error().kind != Kind::kCanceled) router_.Refresh();
    co_return;
  }
  if (!ask) {
    auto sending = (*connection)->Send(Limit(context), std::span(&request, 1));
    result.status = co_await sending;
    result.sent = sending.sent();
    co_return;
  }
  const Arg asking[] = {"ASKING"};
  Request both[] = {{.args = asking}, {.args = request.args}};
  auto sending = (*connection)->Send(Limit(context), both);
  result.status = co_await sending;
  result.sent = sending.sent();
  request.reply = std::move(both[1].reply);
}

async::Task<base::Status> LoopClient::Retry(const async::Context& context, Request& request,
                                            Lane lane, Try last) {
  const int retries = dialer_.settings().max_retries;
  // A first try that never took place is no retry.
  int attempt = last.sent || !last.status ? 0 : -1;
  for (int redirections = 0; redirections < kMaxRedirections;) {
    std::optional<Redirect> ask;
    bool pause = false;
    if (attempt >= 0) {
      if (!last.status) {
        if (!MayRepeat(last.status.error(), last.sent, request)) co_return std::move(last.status);
        // A link makes its own pauses.
        pause = router_.is_cluster();
      } else {
        Link* const link =
            router_.is_cluster() ? router_.Of(last.asked, lane) : router_.Find(request.key, lane);
        if (!Heed(request, link, last.asked, ask, pause)) co_return base::Status();
      }
      if (!last.status || pause) {
        // Without a cluster the link has tried as often as the settings say.
        const bool tried = !last.status && !router_.is_cluster() && !last.sent &&
                           last.status.error().kind == Kind::kUnreachable;
        if (attempt >= retries || tried) co_return std::move(last.status);
        if (pause && !co_await Pause(context, attempt)) co_return std::move(last.status);
      } else {
        ++redirections;
      }
    }
    if (pause || attempt < 0 || !last.status) ++attempt;
    co_await TryOnce(context, request, lane, ask, last);
  }
  co_return base::Fail(Kind::kUnavailable,
                       "the redis cluster redirected a command in circles: its nodes disagree");
}

// All on one link, in one go. Every request gets its status.
async::Task<void> LoopClient::RunTogether(const async::Context& context,
                                          std::span<Request> requests, Link& link, Lane lane) {
  Connection* connection = link.ready();
  base::Status status;
  if (!connection) {
    auto got = co_await link.Get(context);
    if (got) {
      connection = *got;
    } else {
      status = std::unexpected(std::move(got).error());
      router_.Refresh();
    }
  }
  bool sent = false;
  std::size_t answered = 0;
  if (connection) {
    auto sending = connection->Send(Limit(context), requests);
    status = co_await sending;
    sent = sending.sent();
    answered = sending.answered();
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Request& request = requests[i];
    // What broke the connection later is nothing to those that have their replies.
    request.status = i < answered ? base::Status() : status;
    // It was the next answer that was too large; those after it were not looked at.
    if (i > answered && !request.status && request.status.error().kind == Kind::kTooLarge) {
      request.status = base::Fail(Kind::kUnavailable, status.error().message);
    }
    const bool again =
        request.status ? WantsRetry(request) : MayRepeat(request.status.error(), sent, request);
    // Without a connection each one alone would wait for it once more.
    if (!again || (!connection && !router_.is_cluster())) continue;
    request.status =
        co_await Retry(context, request, lane, {request.status, sent, link.target().endpoint});
  }
}

async::Task<void> LoopClient::RunGroup(Groups& groups, std::size_t index) {
  Group& group = groups.groups[index];
  // Neighbours in a batch must be neighbours in memory.
  std::vector<Request> own;
  own.reserve(group.members.size());
  for (const std::size_t i : group.members) own.push_back(std::move(groups.requests[i]));
  co_await groups.client.RunTogether(groups.context, own, *group.link, groups.lane);
  for (std::size_t i = 0; i < own.size(); ++i)
    groups.requests[group.members[i]] = std::move(own[i]);
}

async::Task<void> LoopClient::RunAll(const async::Context& context, std::span<Request> requests,
                                     Lane lane) {
  if (requests.empty()) co_return;
  if (!router_.is_cluster()) {
    co_await RunTogether(context, requests, *router_.Find({}, lane), lane);
    co_return;
  }
  Groups groups{*this, context, requests, lane, {}};
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto link = co_await router_.Get(context, requests[i].key, lane);
    if (!link) {
      requests[i].status = std::unexpected(std::move(link).error());
      continue;
    }
    auto group = std::ranges::find(groups.groups, *link, &Group::link);
    if (group == groups.groups.end()) group = groups.groups.insert(group, Group{*link, {}});
    group->members.push_back(i);
  }
  const std::size_t count = groups.groups.size();
  if (count > 0) co_await contracts::ForEachParallel(count, count, groups, RunGroup);
}

async::Task<base::Result<std::unique_ptr<Session>>> LoopClient::OpenSession(
    const async::Context& context, std::string_view key, std::size_t max_pushed) {
  CO_ASSIGN_OR_RETURN(const Link::Target target, co_await router_.TargetOf(context, key));
  CO_ASSIGN_OR_RETURN(std::shared_ptr<Connection> connection,
                      co_await dialer_.Open(context, target.endpoint, target.role,
                                            {.name = {}, .max_pushed = max_pushed}));
  std::erase_if(sessions_, [](const auto& session) { return session.expired(); });
  sessions_.push_back(connection);
  co_return std::make_unique<Session>(std::move(connection));
}

async::Task<void> LoopClient::Close() {
  for (const auto& weak : std::exchange(sessions_, {})) {
    if (const auto session = weak.lock()) {
      session->Break({Kind::kCanceled, "the redis component is closing"});
    }
  }
  co_await router_.Close();
}

async::Task<base::Result<Reply>> Session::Run(const async::Context& context,
                                              std::span<const Arg> args) {
  Request request{.args = args};
  CO_RETURN_IF_ERROR(co_await connection_->Send(context, std::span(&request, 1)));
  if (request.reply.is_error()) co_return std::unexpected(ServerError(request.reply.text()));
  co_return std::move(request.reply);
}

}  // namespace components::redis
