#include "runtime/scaler.hpp"

#include <charconv>
#include <optional>
#include <utility>

#include "api/grpc/method.hpp"
#include "base/strings.hpp"
#include "blocks/pubsub/loop_call.hpp"
#include "keda/externalscaler.pb.h"
#include "runtime/instance.hpp"
#include "runtime/waiting_work.hpp"

namespace runtime {
namespace {

using base::StrCat;
using externalscaler::ScaledObjectRef;
using grpc::Code;
using grpc::Status;

constexpr std::string_view kService = "/externalscaler.ExternalScaler/";
constexpr auto kPatience = std::chrono::seconds(5);
constexpr auto kLook = std::chrono::seconds(1);  // between looks at what waits
constexpr int kMostStreams = 1000;
constexpr std::size_t kMaxMessage = std::size_t{64} * 1024;

std::unexpected<Status> Fail(Code code, std::string text) {
  return std::unexpected(Status{code, std::move(text), {}});
}

template <class Message>
std::expected<Message, Status> Parse(std::string_view bytes) {
  Message message;
  if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return message;
  return std::unexpected(api::BadMessage());
}

std::string_view Find(const ScaledObjectRef& ref, const char* key) {
  const auto found = ref.scalermetadata().find(key);
  return found == ref.scalermetadata().end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace

// Which work is meant, and how much of it one replica takes.
struct Scaler::Query {
  std::shared_ptr<Instance> app;
  WaitingWork::Filter filter;
  int64_t target = 1;

  // HPA knows a metric by its name, which stands in paths of Kubernetes.
  std::string MetricName() const {
    std::string name = StrCat("dapr-shared-", base::ToLower(app->app_id()));
    for (char& c : name) {
      if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) c = '-';
    }
    return name;
  }
};

struct Scaler::Answer {
  // Nobody is told that nothing waits only because the runtime ends.
  base::Result<int64_t> count = base::Fail(base::Kind::kUnavailable, "the runtime ends");
};

// The methods as the service wants them.
struct Scaler::Methods {
  using Reply = async::Task<grpc::UnaryReply>;

  static Reply IsActive(Scaler& scaler, grpc::ServerCall& call, std::string bytes) {
    auto ref = Parse<ScaledObjectRef>(bytes);
    if (!ref) co_return std::unexpected(std::move(ref).error());
    auto query = scaler.QueryOf(&*ref);
    if (!query) co_return std::unexpected(std::move(query).error());
    auto count = co_await scaler.Waiting(call.context(), *std::move(query));
    if (!count) co_return std::unexpected(std::move(count).error());
    externalscaler::IsActiveResponse out;
    out.set_result(*count > 0);
    co_return out.SerializeAsString();
  }

  static Reply GetMetricSpec(Scaler& scaler, grpc::ServerCall&, std::string bytes) {
    auto ref = Parse<ScaledObjectRef>(bytes);
    if (!ref) co_return std::unexpected(std::move(ref).error());
    const auto query = scaler.QueryOf(&*ref);
    if (!query) co_return std::unexpected(query.error());
    externalscaler::GetMetricSpecResponse out;
    externalscaler::MetricSpec& spec = *out.add_metricspecs();
    spec.set_metricname(query->MetricName());
    spec.set_targetsize(query->target);
    spec.set_targetsizefloat(static_cast<double>(query->target));
    co_return out.SerializeAsString();
  }

  static Reply GetMetrics(Scaler& scaler, grpc::ServerCall& call, std::string bytes) {
    auto request = Parse<externalscaler::GetMetricsRequest>(bytes);
    if (!request) co_return std::unexpected(std::move(request).error());
    auto query = scaler.QueryOf(&request->scaledobjectref());
    if (!query) co_return std::unexpected(std::move(query).error());
    const std::string name = query->MetricName();
    if (!request->metricname().empty() && request->metricname() != name) {
      co_return Fail(Code::kInvalidArgument, StrCat("there is no metric ", request->metricname(),
                                                    "; the one of this app is ", name));
    }
    auto count = co_await scaler.Waiting(call.context(), *std::move(query));
    if (!count) co_return std::unexpected(std::move(count).error());
    externalscaler::GetMetricsResponse out;
    externalscaler::MetricValue& value = *out.add_metricvalues();
    value.set_metricname(name);
    value.set_metricvalue(*count);
    value.set_metricvaluefloat(static_cast<double>(*count));
    co_return out.SerializeAsString();
  }
};

Scaler::Scaler(async::LoopGroup& loops, const TableSource& tables)
    : loops_(loops),
      tables_(tables),
      service_({.max_message = kMaxMessage, .observer = nullptr, .fallback = nullptr}),
      home_gate_(std::make_shared<async::Gate>()) {
  for (int i = 0; i < loops.size(); ++i) ending_.push_back(std::make_unique<async::Event>());
  using Unary = async::Task<grpc::UnaryReply> (*)(Scaler&, grpc::ServerCall&, std::string);
  const auto add = [this](std::string_view name, Unary function) {
    grpc::Method method;
    method.unary = [this, function](grpc::ServerCall& call, std::string bytes) {
      return function(*this, call, std::move(bytes));
    };
    service_.Add(StrCat(kService, name), std::move(method));
  };
  add("IsActive", Methods::IsActive);
  add("GetMetricSpec", Methods::GetMetricSpec);
  add("GetMetrics", Methods::GetMetrics);
  grpc::Method stream;
  stream.stream = [this](grpc::ServerStream& call) { return Stream(call); };
  service_.Add(StrCat(kService, "StreamIsActive"), std::move(stream));
  api::AddReflection(service_);
}

Scaler::~Scaler() {
  Stop();
}

bool Scaler::IsFor(const http::Exchange& exchange) {
  return exchange.request().target.starts_with(kService);
}

bool Scaler::TryHandle(http::Exchange& exchange) {
  return service_.TryHandle(exchange);
}

async::Task<void> Scaler::Handle(http::Exchange& exchange) {
  return service_.Handle(exchange);
}

namespace {

async::Task<void> CloseGate(async::Gate& gate) {
  const async::Context patient;
  co_await gate.Close(patient);
}

}  // namespace

void Scaler::Stop() {
  if (stopping_.exchange(true)) return;
  for (int i = 0; i < loops_.size(); ++i) {
    loops_.RunOn(i, [&] { ending_[static_cast<std::size_t>(i)]->Set(); });
  }
  loops_.RunTaskOn(0, [this] { return CloseGate(*home_gate_); });
}

std::expected<Scaler::Query, Status> Scaler::QueryOf(const void* message) const {
  const auto& ref = *static_cast<const ScaledObjectRef*>(message);
  const auto& table = tables_.Here();
  if (!table || stopping_) return Fail(Code::kUnavailable, "the runtime starts or ends");
  Query query;
  const std::string_view app_id = Find(ref, "appId");
  if (!app_id.empty()) {
    query.app = table->ById(app_id, {});
    if (!query.app) {
      return Fail(Code::kNotFound, StrCat("app ", app_id, " is not served here; appId of the ",
                                          "trigger's metadata names it"));
    }
  } else if (table->single() && !table->all().empty()) {
    query.app = table->all().front();
  } else {
    return Fail(Code::kInvalidArgument,
                "this process serves many apps: name one as appId in the trigger's metadata");
  }
  query.filter.pubsub = Find(ref, "pubsubName");
  query.filter.topic = Find(ref, "topic");
  if (const std::string_view text = Find(ref, "invocations"); !text.empty()) {
    if (text != "true" && text != "false") {
      return Fail(Code::kInvalidArgument, "invocations in the trigger's metadata is true or false");
    }
    query.filter.invocations = text == "true";
  }
  if (const std::string_view text = Find(ref, "targetPending"); !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), query.target);
    if (error != std::errc() || end != text.data() + text.size() || query.target < 1) {
      return Fail(Code::kInvalidArgument,
                  "targetPending in the trigger's metadata is a number from 1 on");
    }
  }
  return query;
}

async::Task<std::expected<int64_t, Status>> Scaler::Waiting(const async::Context& context,
                                                            Query query) {
  auto answer = std::make_shared<Answer>();
  auto until = async::Loop::Current()->After(kPatience);
  until = std::min(until, context.deadline);
  co_await blocks::pubsub::RunOnLoop(
      loops_.at(0), home_gate_,
      [answer, app = std::move(query.app), filter = std::move(query.filter), until] {
        return [](std::shared_ptr<Answer> to, std::shared_ptr<Instance> of,
                  WaitingWork::Filter which, async::TimePoint limit) -> async::Task<void> {
          const async::Context own(limit);
          to->count = co_await of->waiting_work().Count(own, std::move(which));
        }(answer, app, filter, until);
      });
  if (!answer->count) co_return Fail(Code::kUnavailable, answer->count.error().message);
  co_return *answer->count;
}

async::Task<grpc::CallStatus> Scaler::Stream(grpc::ServerStream& stream) {
  const async::Context& context = stream.call().context();
  struct Seat {
    explicit Seat(std::atomic<int>& count) : count(count), number(++count) {}
    ~Seat() { --count; }
    std::atomic<int>& count;
    const int number;
  };
  const Seat seat(streams_);
  if (seat.number > kMostStreams) {
    co_return Fail(Code::kResourceExhausted, "too many streams are open here");
  }
  auto bytes = co_await stream.Read();
  if (!bytes) co_return Fail(grpc::CodeOfKind(bytes.error().kind), bytes.error().message);
  if (!*bytes) co_return Fail(Code::kInternal, "the request has no message");
  const auto ref = Parse<ScaledObjectRef>(**bytes);
  if (!ref) co_return std::unexpected(ref.error());
  async::Loop& loop = *async::Loop::Current();
  async::Event& ending = *ending_[static_cast<std::size_t>(loop.index())];
  std::optional<bool> told;
  while (true) {
    // Each time anew: the app may have been replaced or taken out.
    auto query = QueryOf(&*ref);
    // A clean end: KEDA then asks again soon, while each error makes it wait longer.
    if (stopping_) co_return grpc::CallStatus();
    if (!query) co_return std::unexpected(std::move(query).error());
    const auto count = co_await Waiting(context, *std::move(query));
    if (stopping_) co_return grpc::CallStatus();
    // What is not known now is no news; an error would keep KEDA from asking for long.
    if (const bool active = count && *count > 0; count && told != active) {
      externalscaler::IsActiveResponse out;
      out.set_result(active);
      if (auto sent = co_await stream.Write(out.SerializeAsString()); !sent) {
        co_return Fail(Code::kCancelled, sent.error().message);
      }
      told = active;
    }
    const async::Wake wake = co_await ending.Wait(context.Until(loop.After(kLook)));
    if (wake == async::Wake::kReady) co_return grpc::CallStatus();
    if (wake == async::Wake::kCanceled) co_return Fail(Code::kCancelled, "the caller went away");
    if (context.deadline <= loop.now()) co_return Fail(Code::kDeadlineExceeded, "time is over");
  }
}

}  // namespace runtime
