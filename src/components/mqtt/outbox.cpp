#include "components/mqtt/outbox.hpp"

#include <algorithm>

namespace components::mqtt {

uint16_t PacketIds::Take() {
  do {
    if (++last_ == 0) last_ = 1;
  } while (!used_.insert(last_).second);
  return last_;
}

namespace {

void Append(Connection& connection, const Outbox::Flight& flight, bool dup) {
  const OutMessage& message = flight.message;
  AppendPublish(connection.out(), {.topic = message.topic,
                                   .payload = message.payload,
                                   .qos = message.qos,
                                   .retain = message.retain,
                                   .dup = dup,
                                   .id = flight.id});
}

}  // namespace

std::shared_ptr<Outbox::Flight> Outbox::Send(Connection& connection, OutMessage message) {
  auto flight = std::make_shared<Flight>();
  flight->message = std::move(message);
  flight->id = ids_.Take();
  bytes_ += flight->message.payload.size();
  flights_.push_back(flight);
  Append(connection, *flight, false);
  connection.Owe();
  connection.Flush();
  return flight;
}

void Outbox::End(std::size_t index, base::Status status) {
  const std::shared_ptr<Flight> flight = flights_[index];
  flights_.erase(flights_.begin() + static_cast<std::ptrdiff_t>(index));
  bytes_ -= flight->message.payload.size();
  ids_.Give(flight->id);
  flight->status = std::move(status);
  flight->done.Set();
  room_.PulseOne();
}

void Outbox::OnAnswer(Connection& connection, const Packet& packet) {
  // Answers come in order, so it is one of the first.
  const auto found =
      std::ranges::find_if(flights_, [&](const auto& flight) { return flight->id == packet.id; });
  if (packet.type == PacketType::kPubrec) {
    // Also where we know nothing of it any more: only so the broker can end it.
    if (found != flights_.end()) (*found)->released = true;
    AppendAck(connection.out(), PacketType::kPubrel, packet.id);
    connection.Flush();
    return;
  }
  if (found == flights_.end()) return;
  const uint8_t qos = packet.type == PacketType::kPuback ? 1 : 2;
  if ((*found)->message.qos != qos) {
    return connection.Break(
        {base::Kind::kProtocol, "the mqtt broker acknowledged a message in a wrong way"});
  }
  End(static_cast<std::size_t>(found - flights_.begin()), {});
}

void Outbox::Resend(Connection& connection) {
  for (const auto& flight : flights_) {
    if (flight->released) {
      AppendAck(connection.out(), PacketType::kPubrel, flight->id);
    } else {
      Append(connection, *flight, true);
    }
  }
  if (flights_.empty()) return;
  connection.Owe();
  connection.Flush();
}

void Outbox::Fail(const base::Error& error) {
  while (!flights_.empty()) End(0, base::Fail(error));
}

}  // namespace components::mqtt
