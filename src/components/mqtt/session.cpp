#include "components/mqtt/session.hpp"

#include <algorithm>

#include "async/loop.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"
#include "telemetry/log.hpp"

namespace components::mqtt {

using base::Kind;
using base::StrCat;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr milliseconds kFirstPause(50);
constexpr milliseconds kLongestPause(3'000);
// A connection that lasts shorter counts as a failure: perhaps somebody else has our client id.
constexpr seconds kStable(5);
constexpr int kManyFailures = 3;
// How long callers wait for a connection.
constexpr seconds kReadyWait(5);
// Of whoever names no deadline.
constexpr seconds kLongestCall(60);
constexpr seconds kGoodbye(1);
constexpr seconds kUnsubscribeWait(2);
constexpr std::size_t kMaxWaiting = 10'000;
// Bytes of QoS 0 that wait for the socket before their publishers do.
constexpr std::size_t kMaxUnsent = std::size_t{1} << 20;

// Counts a caller in as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  std::size_t& count_;
};

telemetry::Log Log() {
  return telemetry::Log("dapr.contrib");
}

base::Error Refused(uint8_t code, const Settings& settings) {
  switch (code) {
    case 1:
      return {Kind::kProtocol, "the broker does not speak MQTT 3.1.1"};
    case 2:
      return {Kind::kInvalidArgument,
              StrCat("the broker does not allow the client id ", base::Quote(settings.client_id),
                     ": check consumerID")};
    case 3:
      return {Kind::kUnavailable, "the broker is not available now"};
    case 4:
    case 5:
      return {Kind::kUnauthenticated,
              settings.username.empty()
                  ? "the broker does not allow us in: it wants user and password in url, or a "
                    "client certificate"
                  : "the broker does not allow us in: check user and password in url"};
    default:
      return {Kind::kProtocol, StrCat("the broker refused the connection with code ", code)};
  }
}

base::Error Ended(async::Wake wake, std::string_view what) {
  if (wake == async::Wake::kTimeout) return {Kind::kTimeout, StrCat(what, " before the deadline")};
  return {Kind::kCanceled, "the caller went away"};
}

}  // namespace

bool IsLasting(const base::Error& error) {
  return error.kind == Kind::kUnauthenticated || error.kind == Kind::kInvalidArgument;
}

Session::Session(Settings settings, Inbound::Limits limits)
    : settings_(std::move(settings)),
      name_(settings_.Name()),
      loop_(*async::Loop::Current()),
      resolver_(loop_),
      inbound_(limits) {}

Session::~Session() = default;

base::Error Session::Named(const base::Error& error) const {
  return {error.kind,
          error.message.starts_with(name_) ? error.message : StrCat(name_, ": ", error.message)};
}

async::Task<base::Result<std::unique_ptr<net::Stream>>> Session::Connect(
    const async::Context& context) {
  auto resolved = co_await resolver_.Resolve(context, settings_.host, settings_.port);
  if (!resolved) {
    const Kind kind = resolved.error().kind;
    co_return base::Fail(
        kind == Kind::kTimeout || kind == Kind::kCanceled ? kind : Kind::kUnreachable,
        resolved.error().message);
  }
  base::Error error(Kind::kUnreachable, "no address");
  for (const net::Address& address : resolved->addresses) {
    auto stream = co_await net::Dial(context, address);
    if (stream && settings_.tls) {
      base::Status secure = co_await (*stream)->ConnectTls(context, settings_.tls, settings_.host);
      if (!secure) stream = std::unexpected(std::move(secure).error());
    }
    if (stream) co_return std::move(*stream);
    error = std::move(stream).error();
  }
  resolver_.Forget(settings_.host);  // perhaps the name has moved on
  co_return std::unexpected(std::move(error));
}

async::Task<base::Status> Session::Open(const async::Context& context) {
  const async::Context limited = context.Until(loop_.After(settings_.dial_timeout));
  auto stream = co_await Connect(limited);
  if (!stream) co_return std::unexpected(Named(stream.error()));
  connack_.reset();
  const auto connection = Connection::Start(*std::move(stream), settings_, *this);
  opening_ = connection;
  AppendConnect(connection->out(),
                {.client_id = settings_.client_id,
                 .username = settings_.username,
                 .password = settings_.password,
                 .clean_session = settings_.clean_session,
                 .keep_alive_seconds = static_cast<uint16_t>(settings_.keep_alive.count())});
  connection->Flush();
  connection->Owe();
  async::Wake wake = async::Wake::kReady;
  while (!connack_ && !connection->broken() && wake == async::Wake::kReady) {
    wake = co_await answered_.Wait(limited);
  }
  opening_.reset();
  if (connection_ == connection) co_return base::Status();
  base::Error error = Ended(wake, "the broker did not answer");
  if (connack_ && *connack_ != 0) {
    error = Refused(*connack_, settings_);
  } else if (connection->broken()) {
    error = connection->error();
  }
  co_await connection->Close();
  co_return base::Fail(Named(error));
}

async::Task<base::Status> Session::Start(const async::Context& context) {
  CO_RETURN_IF_ERROR(co_await Open(context));
  gate_.Spawn(Keep());
  co_return base::Status();
}

async::Duration Session::Pause() const {
  const int doublings = std::clamp(failures_ - 1, 0, 10);
  return base::Jitter(std::min<async::Duration>(kFirstPause * (1 << doublings), kLongestPause));
}

async::Task<void> Session::Keep() {
  const async::Context context = gate_.context();
  while (!gate_.closing()) {
    if (connection_) {
      co_await connection_->WaitBroken(context);
      const std::shared_ptr<Connection> connection = connection_;
      connection->Break({Kind::kCanceled, "the mqtt component is closing"});
      OnLost();
      connection_.reset();
      co_await connection->Close();
      if (gate_.closing() || goodbye_) break;
    }
    if (co_await async::Sleep(context, loop_.After(Pause())) != async::Wake::kReady) break;
    base::Status opened = co_await Open(context);
    if (opened) {
      Log().Info(StrCat("connected to ", name_, " again"));
      continue;
    }
    if (gate_.closing()) break;
    ++failures_;
    last_error_ = std::move(opened).error();
    Log().RateLimited("mqtt-connect", 1).Warning(StrCat(last_error_->message, "; trying again"));
    changed_.Pulse();
  }
}

void Session::OnLost() {
  const base::Error& why = connection_->error();
  inbound_.OnLost();
  for (const auto& [id, request] : requests_) ids_.Give(id);
  const auto requests = std::exchange(requests_, {});
  if (settings_.clean_session) {
    outbox_.Fail({Kind::kUnavailable,
                  StrCat(why.message, " before it acknowledged the message, which it may have")});
  }
  last_error_ = why;
  failures_ = loop_.now() - connected_ < kStable ? failures_ + 1 : 0;
  if (!gate_.closing() && !goodbye_) {
    Log()
        .RateLimited("mqtt-lost", 1)
        .Warning(StrCat(why.message,
                        failures_ >= kManyFailures
                            ? StrCat(" again and again: does another client use the client id ",
                                     base::Quote(settings_.client_id), "?")
                            : "; connecting again"));
  }
  for (const auto& [id, request] : requests) {
    request->lost = true;
    request->done.Set();
  }
}

void Session::OnConnack(const Packet& packet) {
  connack_ = packet.code;
  if (packet.code != 0) {
    return opening_->Break(Refused(packet.code, settings_));
  }
  connection_ = opening_;
  connected_ = loop_.now();
  last_error_.reset();
  inbound_.OnConnected(*connection_, packet.session_present);
  if (packet.session_present) {
    outbox_.Resend(*connection_);
  } else {
    outbox_.Fail({Kind::kUnavailable,
                  StrCat(name_,
                         " lost the connection and the session before it acknowledged the "
                         "message, which may have been delivered or not")});
    for (const auto& [filter, qos] : filters_) Ask(*connection_, *Filter::Parse(filter), qos);
  }
  answered_.Pulse();
  changed_.Pulse();
}

void Session::OnBroken() {
  answered_.Pulse();
}

void Session::OnPacket(const Packet& packet) {
  if (goodbye_) return;
  if (!connection_) {
    if (packet.type == PacketType::kConnack) return OnConnack(packet);
    return opening_->Break(
        {Kind::kProtocol, StrCat(name_, " sent ", PacketName(packet.type), " before CONNACK")});
  }
  switch (packet.type) {
    case PacketType::kPublish:
    case PacketType::kPubrel:
      return inbound_.OnPacket(packet);
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubcomp:
      return outbox_.OnAnswer(*connection_, packet);
    case PacketType::kSuback:
    case PacketType::kUnsuback: {
      const auto found = requests_.find(packet.id);
      if (found == requests_.end()) return;
      const std::shared_ptr<Request> request = found->second;
      requests_.erase(found);
      ids_.Give(packet.id);
      request->code = packet.payload.empty() ? 0 : static_cast<uint8_t>(packet.payload.front());
      if (*request->code == kSubackFailure && request.use_count() == 1) {
        Log()
            .RateLimited("mqtt-refused", 1)
            .Warning(StrCat(name_, " refused the subscription ", base::Quote(request->filter)));
      }
      request->done.Set();
      return;
    }
    default:
      return connection_->Break({Kind::kProtocol, StrCat(name_, " sent ", PacketName(packet.type),
                                                         " where it does not belong")});
  }
}

async::TimePoint Session::HoldUntil() {
  return connection_ && !goodbye_ ? inbound_.HoldUntil() : async::TimePoint{};
}

bool Session::IsOwed() const {
  return opening_ || !outbox_.empty() || !requests_.empty();
}

base::Status Session::Check() const {
  if (connection_ && !connection_->broken()) return {};
  if (last_error_) return base::Fail(*last_error_);
  return base::Fail(Kind::kUnavailable, StrCat(name_, ": there is no connection"));
}

async::Task<base::Result<std::shared_ptr<Connection>>> Session::Ready(
    const async::Context& context) {
  const async::Context limited = context.Until(loop_.After(kReadyWait));
  while (!connection_ || connection_->broken()) {
    if (gate_.closing()) co_return base::Fail(Kind::kCanceled, "the mqtt component is closing");
    if (last_error_ && IsLasting(*last_error_)) co_return base::Fail(*last_error_);
    const async::Wake wake = co_await changed_.Wait(limited);
    if (wake == async::Wake::kReady) continue;
    if (wake == async::Wake::kTimeout && last_error_) co_return base::Fail(*last_error_);
    co_return base::Fail(Ended(wake, StrCat("no connection to ", name_)));
  }
  co_return connection_;
}

async::Task<base::Status> Session::Publish(const async::Context& context, OutMessage message) {
  CO_RETURN_IF_ERROR(CheckTopic(message.topic));
  if (PublishBody(message.topic.size(), message.payload.size(), message.qos) > kMaxBody) {
    co_return base::Fail(Kind::kInvalidArgument,
                         StrCat("an MQTT message has at most ", kMaxBody, " bytes"));
  }
  if (waiting_ >= kMaxWaiting) {
    co_return base::Fail(Kind::kExhausted, StrCat("more than ", kMaxWaiting, " messages wait for ",
                                                  name_, " already: slow down"));
  }
  const Counted counted(waiting_);
  const async::Context limited = context.Until(loop_.After(kLongestCall));
  CO_ASSIGN_OR_RETURN(std::shared_ptr<Connection> connection, co_await Ready(limited));
  if (message.qos == 0) {
    AppendPublish(connection->out(),
                  {.topic = message.topic, .payload = message.payload, .retain = message.retain});
    connection->Flush();
    co_await connection->WaitUnsent(limited, kMaxUnsent);
    co_return base::Status();
  }
  while (!outbox_.HasRoom(message.qos) || connection->broken()) {
    if (!connection->broken()) {
      const async::Wake wake = co_await outbox_.room().Wait(limited);
      if (wake != async::Wake::kReady) {
        co_return base::Fail(Ended(wake, StrCat(name_, " did not acknowledge those before it")));
      }
    }
    auto again = co_await Ready(limited);
    if (!again) {
      outbox_.room().PulseOne();
      co_return std::unexpected(std::move(again).error());
    }
    connection = *std::move(again);
  }
  const uint8_t qos = message.qos;
  const auto flight = outbox_.Send(*connection, std::move(message));
  if (outbox_.HasRoom(qos)) outbox_.room().PulseOne();
  const async::Wake wake = co_await flight->done.Wait(limited);
  if (flight->status) co_return std::move(*flight->status);
  co_return base::Fail(
      Ended(wake, StrCat(name_, " did not acknowledge the message, which may still arrive,")));
}

std::shared_ptr<Session::Request> Session::Ask(Connection& connection, const Filter& filter,
                                               std::optional<uint8_t> qos) {
  const auto request = std::make_shared<Request>();
  request->filter = filter.text();
  const uint16_t id = ids_.Take();
  requests_.emplace(id, request);
  if (qos) {
    AppendSubscribe(connection.out(), id, filter.text(), *qos);
  } else {
    AppendUnsubscribe(connection.out(), id, filter.text());
  }
  connection.Flush();
  connection.Owe();
  return request;
}

async::Task<base::Status> Session::Subscribe(const async::Context& context, Filter filter,
                                             uint8_t qos, ReceiverPtr receiver) {
  const async::Context limited = context.Until(loop_.After(kLongestCall));
  // Before the broker is asked: its messages may come before its answer.
  inbound_.AddRoute(filter, receiver);
  base::Status status;
  while (true) {
    auto connection = co_await Ready(limited);
    if (!connection) {
      status = std::unexpected(std::move(connection).error());
      break;
    }
    const auto request = Ask(**connection, filter, qos);
    const async::Wake wake = co_await request->done.Wait(limited);
    if (request->lost) continue;
    if (!request->code) {
      status = base::Fail(Ended(wake, StrCat(name_, " did not answer the subscription")));
    } else if (*request->code == kSubackFailure) {
      status = base::Fail(Kind::kPermissionDenied,
                          StrCat(name_, " refused the subscription ", base::Quote(filter.text()),
                                 ": check what the user of url may read"));
    }
    break;
  }
  if (status && !inbound_.Find(receiver)) status = base::Fail(Kind::kCanceled, "it was given up");
  if (!status) {
    inbound_.RemoveRoute(receiver, false);
    co_return status;
  }
  filters_.insert_or_assign(filter.text(), qos);
  co_return status;
}

async::Task<void> Session::Remove(const async::Context& context, ReceiverPtr receiver,
                                  bool unsubscribe) {
  const Inbound::Route* const route = inbound_.Find(receiver);
  if (!route) co_return;
  const Filter filter = route->filter;
  inbound_.RemoveRoute(receiver, unsubscribe);
  if (!unsubscribe || inbound_.HasFilter(filter.text())) co_return;
  filters_.erase(filter.text());
  if (!connection_ || connection_->broken()) co_return;
  const auto request = Ask(*connection_, filter, std::nullopt);
  co_await request->done.Wait(context.Until(loop_.After(kUnsubscribeWait)));
}

async::Task<void> Session::Close(const async::Context& context) {
  if (const std::shared_ptr<Connection> connection = connection_) {
    goodbye_ = true;
    AppendEmpty(connection->out(), PacketType::kDisconnect);
    connection->Flush();
    connection->Continue();
    // The broker hangs up when it has read everything. If we did so first, with bytes of its
    // unread, the acknowledgements that it has not read yet could be lost.
    co_await connection->WaitBroken(context.Until(loop_.After(kGoodbye)));
  }
  // Waiting for a connection ends with the gate; a last pulse wakes who is about to wait.
  gate_.token().Cancel();
  outbox_.Fail({Kind::kCanceled, "the mqtt component is closing"});
  co_await gate_.Close(async::Context());
  changed_.Set();
  while (waiting_ > 0) co_await async::Yield();
}

}  // namespace components::mqtt
