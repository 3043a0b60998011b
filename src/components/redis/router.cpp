#include "components/redis/router.hpp"

#include "async/loop.hpp"
#include "base/strings.hpp"

namespace components::redis {

using base::Kind;

namespace {

// Of one node that is asked for the table; there are others.
constexpr std::chrono::seconds kAskTimeout(1);
// Asking again costs more than a wrong first guess.
constexpr std::chrono::milliseconds kAskPause(50);

}  // namespace

Router::Router(Dialer& dialer)
    : dialer_(dialer), cluster_(dialer.settings().topology == Topology::kCluster) {
  const Settings& settings = dialer.settings();
  if (cluster_) {
    for (const Endpoint& endpoint : settings.endpoints) IndexOf(endpoint);
    return;
  }
  auto node = std::make_unique<Node>();
  node->target = settings.topology == Topology::kSentinel
                     ? Link::Target{.endpoint = {}, .role = Role::kMaster}
                     : Link::Target{.endpoint = settings.endpoints.front(), .role = Role::kAny};
  nodes_.push_back(std::move(node));
}

Link& Router::LinkOf(Node& node, Lane lane) {
  std::unique_ptr<Link>& link = node.links[static_cast<std::size_t>(lane)];
  if (!link) link = std::make_unique<Link>(dialer_, node.target);
  return *link;
}

std::size_t Router::IndexOf(const Endpoint& endpoint) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i]->target.endpoint == endpoint) return i;
  }
  auto node = std::make_unique<Node>();
  node->target = {.endpoint = endpoint, .role = Role::kNode};
  nodes_.push_back(std::move(node));
  return nodes_.size() - 1;
}

Link* Router::FindSlot(uint16_t slot, Lane lane) {
  if (slots_.empty() || slots_[slot] == 0) return nullptr;
  return &LinkOf(*nodes_[slots_[slot] - std::size_t{1}], lane);
}

Link* Router::Of(const Endpoint& endpoint, Lane lane) {
  return &LinkOf(*nodes_[IndexOf(endpoint)], lane);
}

async::Task<base::Result<Link*>> Router::Get(const async::Context& context, std::string_view key,
                                             Lane lane) {
  if (Link* link = Find(key, lane)) co_return link;
  Refresh();
  if (asking_) {
    const async::Wake wake = co_await done_.Wait(context);
    if (wake != async::Wake::kReady) {
      co_return base::Fail(wake == async::Wake::kTimeout ? Kind::kTimeout : Kind::kCanceled,
                           "the redis cluster did not tell its slots before the deadline");
    }
  }
  if (Link* link = Find(key, lane)) co_return link;
  if (!asked_) co_return std::unexpected(asked_.error());
  co_return base::Fail(Kind::kUnavailable,
                       base::StrCat("no node of the redis cluster serves slot ", KeySlot(key)));
}

void Router::Moved(const Redirect& redirect) {
  if (!slots_.empty()) slots_[redirect.slot] = static_cast<uint16_t>(IndexOf(redirect.to) + 1);
  Refresh();
}

void Router::Refresh() {
  if (!cluster_ || asking_) return;
  asking_ = true;
  if (!gate_.Spawn(Ask())) asking_ = false;
}

async::Task<void> Router::Ask() {
  const async::Context context = gate_.context();
  async::Loop& loop = *async::Loop::Current();
  base::Status status = base::Fail(Kind::kUnreachable, "no node of the redis cluster answers");
  // First those we are in touch with.
  for (const bool in_touch : {true, false}) {
    for (std::size_t i = 0; i < nodes_.size() && !status; ++i) {
      Node& node = *nodes_[i];
      if ((LinkOf(node, Lane::kFast).ready() != nullptr) != in_touch) continue;
      status = co_await AskOne(context.Until(loop.After(kAskTimeout)), node);
    }
  }
  asked_ = std::move(status);
  co_await async::Sleep(context, slots_.empty() || !asked_ ? loop.now() : loop.After(kAskPause));
  asking_ = false;
  done_.Pulse();
}

async::Task<base::Status> Router::AskOne(const async::Context& context, Node& node) {
  CO_ASSIGN_OR_RETURN(Connection * connection, co_await LinkOf(node, Lane::kFast).Get(context));
  const Arg args[] = {"CLUSTER", "SLOTS"};
  Request request{.args = args};
  CO_RETURN_IF_ERROR(co_await connection->Send(context, std::span(&request, 1)));
  CO_ASSIGN_OR_RETURN(const std::vector<SlotRange> ranges,
                      ParseSlots(request.reply, node.target.endpoint));
  if (ranges.empty()) {
    co_return base::Fail(Kind::kUnavailable,
                         base::StrCat("redis at ", node.target.endpoint.ToString(),
                                      " knows no slots: the cluster has not been created"));
  }
  std::vector<uint16_t> slots(kSlots);
  for (const SlotRange& range : ranges) {
    const auto node_number = static_cast<uint16_t>(IndexOf(range.master) + 1);
    for (std::size_t slot = range.first; slot <= range.last; ++slot) slots[slot] = node_number;
  }
  slots_ = std::move(slots);
  co_return base::Status();
}

async::Task<base::Result<Link::Target>> Router::TargetOf(const async::Context& context,
                                                         std::string_view key) {
  CO_ASSIGN_OR_RETURN(Link * link, co_await Get(context, key, Lane::kFast));
  Link::Target target = link->target();
  if (target.role == Role::kMaster) {
    CO_ASSIGN_OR_RETURN(target.endpoint, co_await dialer_.FindMaster(context));
  }
  co_return target;
}

std::size_t Router::connections() const {
  std::size_t count = 0;
  for (const auto& node : nodes_) {
    for (const auto& link : node->links) count += link && link->ready() ? 1 : 0;
  }
  return count;
}

async::Task<void> Router::Close() {
  gate_.token().Cancel();
  for (const auto& node : nodes_) {
    for (const auto& link : node->links) {
      if (link) co_await link->Close();
    }
  }
  co_await gate_.Close(async::Context());
  done_.Set();
}

}  // namespace components::redis
