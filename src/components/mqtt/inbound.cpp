#include "components/mqtt/inbound.hpp"

#include <algorithm>

#include "base/strings.hpp"
#include "telemetry/log.hpp"

namespace components::mqtt {

using base::StrCat;

namespace {

// How long a message may hold up the acknowledgements of those behind it.
constexpr std::chrono::seconds kPatience(1);
// How long reading stops for a full queue of QoS 0.
constexpr std::chrono::seconds kFullWait(1);
// Brokers commonly send this many before they wait for acknowledgements; half of them are a sign.
constexpr std::ptrdiff_t kManyOrphans = 10;

std::size_t SizeOf(const Message& message) {
  return message.topic.size() + message.payload.size();
}

telemetry::Log Log() {
  return telemetry::Log("dapr.contrib");
}

}  // namespace

Inbound::PatienceTimer::PatienceTimer(Inbound* inbound) : inbound(inbound) {
  set_callback(
      [](async::Timer* timer) { static_cast<PatienceTimer*>(timer)->inbound->Acknowledge(); });
}

Inbound::Inbound(Limits limits) : limits_(limits), loop_(*async::Loop::Current()) {}

Inbound::Route* Inbound::Find(const ReceiverPtr& receiver) {
  const auto found = std::ranges::find(routes_, receiver, &Route::receiver);
  return found == routes_.end() ? nullptr : &*found;
}

bool Inbound::HasFilter(std::string_view filter) const {
  return std::ranges::any_of(routes_,
                             [&](const Route& route) { return route.filter.text() == filter; });
}

void Inbound::Give(Item& item, Debt& debt, const Route& route) {
  debt = {route.receiver, route.filter.text()};
  item.given.push_back(route.receiver.get());
  item.stepped_out = false;
  route.receiver->Deliver(item.message);
}

void Inbound::AddRoute(Filter filter, ReceiverPtr receiver) {
  routes_.push_back({.filter = std::move(filter), .receiver = std::move(receiver)});
  const Route& route = routes_.back();
  for (const ItemPtr& item : items_) {
    const auto wants = [&](const Debt& debt) {
      if (debt.receiver) return false;
      return debt.filter.empty() ? route.filter.Matches(item->message->topic)
                                 : debt.filter == route.filter.text();
    };
    const auto first = std::ranges::find_if(item->debts, wants);
    if (first == item->debts.end()) continue;
    Give(*item, *first, route);
    std::erase_if(item->debts, wants);  // one copy is enough
  }
}

void Inbound::RemoveRoute(const ReceiverPtr& receiver, bool forget) {
  Route* const route = Find(receiver);
  if (!route) return;
  const std::string filter = route->filter.text();
  routes_.erase(std::ranges::find(routes_, receiver, &Route::receiver));
  const auto heir = std::ranges::find_if(
      routes_, [&](const Route& other) { return other.filter.text() == filter; });
  for (const ItemPtr& item : items_) {
    const auto debt = std::ranges::find(item->debts, receiver, &Debt::receiver);
    if (debt == item->debts.end()) continue;
    // To the broker all of one filter are one: it is enough if one of them handles it.
    const bool known = heir != routes_.end() &&
                       std::ranges::find(item->given, heir->receiver.get()) != item->given.end();
    if (forget || known) {
      item->debts.erase(debt);
    } else if (heir != routes_.end()) {
      Give(*item, *debt, *heir);
    } else {
      debt->receiver.reset();
      item->stepped_out = true;
    }
  }
  Acknowledge();
}

void Inbound::OnConnected(Connection& connection, bool session_present) {
  connection_ = &connection;
  if (session_present) return;
  received_.clear();
  std::erase_if(items_, [&](const ItemPtr& item) {
    item->id = 0;
    if (!item->debts.empty()) return false;
    bytes_ -= SizeOf(*item->message);
    return true;
  });
}

void Inbound::OnLost() {
  connection_ = nullptr;
  for (const ItemPtr& item : items_) item->on_wire = false;
}

void Inbound::OnPacket(const Packet& packet) {
  if (packet.type == PacketType::kPubrel) {
    received_.erase(packet.id);
    AppendAck(connection_->out(), PacketType::kPubcomp, packet.id);
    connection_->Flush();
    return;
  }
  Arrive(packet);
}

// Whether the message is with us already: it is sent again because its acknowledgement was not.
bool Inbound::Recognise(const Packet& packet) {
  if (packet.qos == 2 && received_.contains(packet.id)) {
    AppendAck(connection_->out(), PacketType::kPubrec, packet.id);
    connection_->Flush();
    return true;
  }
  const auto found =
      std::ranges::find_if(items_, [&](const ItemPtr& item) { return item->id == packet.id; });
  if (found == items_.end()) return false;
  const Message& message = *(*found)->message;
  if (!packet.dup || message.qos != packet.qos || message.topic != packet.topic ||
      message.payload != packet.payload) {
    // The broker gives the identifier to another message, so it knows nothing of this one.
    (*found)->id = 0;
    (*found)->on_wire = false;
    return false;
  }
  std::rotate(found, found + 1, items_.end());
  items_.back()->on_wire = true;
  items_.back()->arrived = loop_.now();
  Acknowledge();
  return true;
}

void Inbound::Arrive(const Packet& packet) {
  if (packet.qos > 0 && Recognise(packet)) return;
  const auto message =
      std::make_shared<const Message>(Message{.topic = std::string(packet.topic),
                                              .payload = std::string(packet.payload),
                                              .qos = packet.qos,
                                              .retained = packet.retain});
  if (packet.qos == 0) return DeliverUnacknowledged(message);
  const auto item = std::make_shared<Item>(Item{.message = message,
                                                .id = packet.id,
                                                .on_wire = true,
                                                .stepped_out = false,
                                                .arrived = loop_.now(),
                                                .debts = {},
                                                .given = {}});
  items_.push_back(item);
  bytes_ += SizeOf(*message);
  for (const Route& route : routes_) {
    if (route.filter.Matches(message->topic)) Give(*item, item->debts.emplace_back(), route);
  }
  if (!item->debts.empty()) return;
  item->debts.emplace_back();
  item->stepped_out = true;
  WarnOrphans();
}

void Inbound::WarnOrphans() {
  const auto orphans =
      std::ranges::count_if(items_, [](const ItemPtr& item) { return item->stepped_out; });
  if (orphans < kManyOrphans) return;
  Log()
      .RateLimited("mqtt-orphans", 1)
      .Warning(StrCat("messages of MQTT topic ", base::Quote(items_.back()->message->topic),
                      " wait for a subscription that does not exist, and may hold up others of the "
                      "same client id: subscribe to it, or end that subscription with "
                      "unsubscribeOnClose"));
}

void Inbound::DeliverUnacknowledged(const MessagePtr& message) {
  const std::size_t size = SizeOf(*message);
  for (Route& route : routes_) {
    if (!route.filter.Matches(message->topic)) continue;
    if (route.waiting >= limits_.unacknowledged ||
        route.waiting_bytes >= limits_.unacknowledged_bytes) {
      Log()
          .RateLimited("mqtt-dropped", 1)
          .Warning(StrCat("a message of MQTT topic ", base::Quote(message->topic),
                          " and QoS 0 was dropped: ", route.waiting,
                          " wait for the app already; subscribe with QoS 1 to keep them"));
      continue;
    }
    ++route.waiting;
    route.waiting_bytes += size;
    route.receiver->Deliver(message);
  }
}

void Inbound::Settle(const ReceiverPtr& receiver, const MessagePtr& message) {
  if (message->qos == 0) {
    if (Route* const route = Find(receiver)) {
      --route->waiting;
      route->waiting_bytes -= SizeOf(*message);
    }
    if (connection_) connection_->Continue();
    return;
  }
  const auto found =
      std::ranges::find_if(items_, [&](const ItemPtr& item) { return item->message == message; });
  if (found == items_.end()) return;
  std::erase_if((*found)->debts, [&](const Debt& debt) { return debt.receiver == receiver; });
  Acknowledge();
}

void Inbound::StepOut(const MessagePtr& message) {
  const auto found =
      std::ranges::find_if(items_, [&](const ItemPtr& item) { return item->message == message; });
  if (found == items_.end()) return;
  (*found)->stepped_out = true;
  Acknowledge();
}

void Inbound::Erase(std::size_t index) {
  bytes_ -= SizeOf(*items_[index]->message);
  items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Inbound::Acknowledge() {
  patience_.Cancel();
  bool sent = false;
  for (std::size_t i = 0; i < items_.size();) {
    const Item& item = *items_[i];
    if (item.debts.empty() && item.id == 0) {
      Erase(i);
      continue;
    }
    if (!item.on_wire) {
      ++i;  // the broker will send it again
      continue;
    }
    if (!item.debts.empty()) {
      const async::TimePoint limit = item.arrived + kPatience;
      if (!item.stepped_out && limit > loop_.now()) {
        const bool anybody = std::any_of(
            items_.begin() + static_cast<std::ptrdiff_t>(i), items_.end(),
            [](const ItemPtr& behind) { return behind->on_wire && behind->debts.empty(); });
        if (anybody) loop_.timers().Arm(patience_, limit);
        break;
      }
      ++i;
      continue;
    }
    if (item.message->qos == 2) received_.insert(item.id);
    AppendAck(connection_->out(),
              item.message->qos == 1 ? PacketType::kPuback : PacketType::kPubrec, item.id);
    Erase(i);
    sent = true;
  }
  if (!connection_) return;
  if (sent) connection_->Flush();
  connection_->Continue();
}

async::TimePoint Inbound::HoldUntil() {
  if (items_.size() >= limits_.messages || bytes_ >= limits_.bytes) {
    // What the broker is going to send again is with us already.
    std::size_t messages = 0;
    std::size_t bytes = 0;
    for (const ItemPtr& item : items_) {
      if (!item->on_wire && item->id != 0) continue;
      ++messages;
      bytes += SizeOf(*item->message);
    }
    if (messages >= limits_.messages || bytes >= limits_.bytes) return async::kForever;
  }
  const bool full = std::ranges::any_of(routes_, [&](const Route& route) {
    return route.waiting >= limits_.unacknowledged ||
           route.waiting_bytes >= limits_.unacknowledged_bytes;
  });
  if (!full) {
    full_until_ = {};
    return {};
  }
  if (full_until_ == async::TimePoint{}) full_until_ = loop_.After(kFullWait);
  return full_until_;
}

}  // namespace components::mqtt
