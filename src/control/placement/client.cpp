#include "control/placement/client.hpp"

#include <utility>

#include "base/duration.hpp"
#include "base/strings.hpp"
#include "grpc/client.hpp"
#include "telemetry/dapr_families.hpp"

namespace control {
namespace {

// Tables list every host of every type.
constexpr std::size_t kMaxMessage = std::size_t{64} << 20;

}  // namespace

// What a session knows of the rounds so far.
struct PlacementClient::Round {
  uint64_t version = 0;
  std::shared_ptr<const PlacementTable> table;  // of the update of this round
};

PlacementClient::PlacementClient(PlacementOptions options, http::Client& http, Locate locate,
                                 PlacementObserver* observer, telemetry::InstanceMetrics* metrics,
                                 const telemetry::Log& log)
    : options_(std::move(options)),
      http_(http),
      locate_(std::move(locate)),
      observer_(observer),
      metrics_(metrics),
      log_(log),
      report_{.name = {},
              .app_id = options_.app_id,
              .app_namespace = options_.app_namespace,
              .entities = {}} {}

PlacementClient::~PlacementClient() = default;

void PlacementClient::Start(std::string name) {
  report_.name = std::move(name);
  gate_.Spawn(Run());
}

void PlacementClient::SetEntities(std::vector<std::string> entities) {
  if (report_.entities == entities) return;
  report_.entities = std::move(entities);
  hosts_actors_ = !report_.entities.empty();
  if (stream_) Report(*stream_);
}

void PlacementClient::Reconnect() {
  interrupt_.Fire();
}

async::Task<void> PlacementClient::Close() {
  const async::Context patient;
  co_await gate_.Close(patient);
}

std::shared_ptr<const PlacementTable> PlacementClient::table() const {
  const std::lock_guard lock(mutex_);
  return table_;
}

void PlacementClient::Publish(std::shared_ptr<const PlacementTable> table) {
  const bool connected = table != nullptr;
  {
    const std::lock_guard lock(mutex_);
    table_ = std::move(table);
  }
  connected_.store(connected, std::memory_order_release);
}

void PlacementClient::Count(const telemetry::Family& family,
                            std::initializer_list<std::string_view> labels) {
  if (metrics_) metrics_->Count(family, labels);
}

void PlacementClient::Report(grpc::ClientStream& stream) {
  stream.Write(WriteReport(report_));
  Count(telemetry::family::kActorStatusReportTotal, {"", "send"});
  // The round that follows must come to its end.
  if (round_ends_ == async::kForever) {
    round_ends_ = async::Loop::Current()->After(options_.times.round);
  }
}

void PlacementClient::Lose() {
  round_ends_ = async::kForever;
  if (!connected()) return;
  Publish(nullptr);
  if (observer_) observer_->OnLost();
}

void PlacementClient::NoteTrouble(const base::Error& error, const Backoff& backoff) {
  if (!troubles_.Worth(error.message)) return;
  log_.Warning(base::StrCat("Placement at ", options_.address, " is away: ", error.message,
                            "; trying again in about ", base::FormatDuration(backoff.next())));
}

async::Task<void> PlacementClient::Run() {
  Backoff backoff(options_.times.retry, options_.times.max_retry);
  std::size_t refusals = 0;  // by servers that do not lead, one after another
  while (!gate_.closing()) {
    base::Error error(base::Kind::kUnreachable, "there is no address");
    std::size_t servers = 0;
    bool refused = false;
    const async::TimePoint began = async::Loop::Current()->now();
    auto origins =
        co_await locate_(gate_.context().Until(async::Loop::Current()->After(options_.times.call)));
    // The token taken below is of after the gate's end.
    if (gate_.closing()) co_return;
    if (!origins) {
      error = std::move(origins).error();
      Count(telemetry::family::kActorStatusReportFailTotal, {"", "establish", "conn"});
    } else if (!origins->empty()) {
      servers = origins->size();
      const http::Origin& origin = (*origins)[next_address_ % servers];
      const auto token = interrupt_.token();
      const async::Context context(async::kForever, token.get());
      error = co_await Session(origin, context, refused);
      Lose();
      if (gate_.closing()) co_return;
      if (token->canceled()) continue;
    }
    if (gate_.closing()) co_return;
    ++next_address_;
    // Only one of them leads, and each says at once that it does not.
    if (refused && ++refusals < servers) continue;
    refusals = 0;
    if (async::Loop::Current()->now() - began > options_.times.max_retry) backoff.Reset();
    NoteTrouble(error, backoff);
    co_await backoff.Pause(gate_.context());
  }
}

async::Task<base::Error> PlacementClient::Session(const http::Origin& origin,
                                                  const async::Context& context, bool& refused) {
  grpc::ClientStream stream(grpc::Channel(http_, origin, options_.authority, kMaxMessage),
                            kReportPath, {});
  struct Current {
    explicit Current(PlacementClient& client, grpc::ClientStream& stream) : client(client) {
      client.stream_ = &stream;
    }
    ~Current() { client.stream_ = nullptr; }
    PlacementClient& client;
  } current(*this, stream);
  Report(stream);
  Round round;
  if (auto opened = co_await OpenWithin(stream, context, options_.times.round); !opened) {
    Count(telemetry::family::kActorStatusReportFailTotal, {"", "establish", "stream"});
    co_return opened.error();
  }
  while (true) {
    auto message = co_await stream.Read(context.Until(round_ends_));
    if (!message) {
      Count(telemetry::family::kActorStatusReportFailTotal, {"", "send", "status"});
      if (message.error().kind == base::Kind::kTimeout) {
        co_return base::Error(
            base::Kind::kTimeout,
            base::StrCat("a round did not end within ", base::FormatDuration(options_.times.round),
                         " (--actors-disseminate-timeout)"));
      }
      co_return message.error();
    }
    if (!*message) {
      Count(telemetry::family::kActorStatusReportFailTotal, {"", "send", "status"});
      refused = stream.status().code == grpc::Code::kFailedPrecondition;
      co_return StreamEnd(stream.status(), "placement");
    }
    auto order = ReadOrder(**message);
    if (!order) co_return order.error();
    auto obeyed = co_await Obey(stream, context, round, std::move(*order));
    if (!obeyed) co_return obeyed.error();
  }
}

async::Task<base::Status> PlacementClient::Obey(grpc::ClientStream& stream,
                                                const async::Context& context, Round& round,
                                                PlacementOrder order) {
  const std::string_view name = PlacementOperationName(order.operation);
  Count(telemetry::family::kActorTableOperationRecvTotal, {"", name});
  const auto out_of_turn = [&] {
    return base::Fail(base::Kind::kProtocol,
                      base::StrCat("placement sent ", name.empty() ? "an unknown order" : name,
                                   " of version ", order.version, " in round ", round.version));
  };
  if (order.version < round.version) co_return out_of_turn();
  switch (order.operation) {
    case PlacementOperation::kLock:
      round = {.version = order.version, .table = nullptr};
      round_ends_ = async::Loop::Current()->After(options_.times.round);
      if (observer_) co_await observer_->OnLock(context.Until(round_ends_), order.version);
      break;
    case PlacementOperation::kUpdate:
      round = {.version = order.version, .table = std::move(order.table)};
      if (observer_) co_await observer_->OnUpdate(context.Until(round_ends_), *round.table);
      break;
    case PlacementOperation::kUnlock: {
      if (!round.table || order.version != round.version) co_return out_of_turn();
      const bool first = !connected();
      Publish(round.table);
      if (observer_) observer_->OnUnlock(std::move(round.table));
      round.table = nullptr;
      round_ends_ = async::kForever;
      troubles_.Over();
      if (first) log_.Info(base::StrCat("Connected to placement ", options_.address));
      log_.Debug(base::StrCat("Dissemination complete for version ", order.version));
      break;
    }
    default:
      co_return out_of_turn();
  }
  // What ended while the app was at work is the next read's business.
  if (!context.canceled()) stream.Write(WriteAnswer(report_, order.operation, order.version));
  co_return base::Status();
}

}  // namespace control
