#include "control/operator/client.hpp"

#include <algorithm>
#include <optional>

#include "async/blocking_pool.hpp"
#include "base/duration.hpp"
#include "base/strings.hpp"
#include "control/operator/session.hpp"
#include "grpc/client.hpp"

namespace control {
namespace {

using std::chrono::milliseconds;

// Lists hold every resource of a namespace, with all that Kubernetes adds to them.
constexpr std::size_t kMaxMessage = std::size_t{64} << 20;

}  // namespace

OperatorClient::OperatorClient(OperatorOptions options, http::Client& http, Locate locate,
                               const telemetry::Log& log)
    : options_(std::move(options)),
      http_(http),
      locate_(std::move(locate)),
      log_(log),
      cache_(options_.cache_directory, options_.app_namespace, options_.app_id,
             options_.configuration) {}

OperatorClient::~OperatorClient() = default;

base::Result<AppResources> OperatorClient::Decode() {
  return DecodeResources(set_, options_.app_id, options_.app_namespace);
}

async::Task<base::Status> OperatorClient::Fetch(const async::Context& context, bool& answered) {
  CO_ASSIGN_OR_RETURN(const std::vector<http::Origin> origins, co_await locate_(context));
  if (origins.empty()) {
    co_return base::Fail(base::Kind::kUnreachable, "the operator has no address");
  }
  const http::Origin& origin = origins[next_address_++ % origins.size()];
  OperatorSession session(*this, grpc::Channel(http_, origin, options_.address, kMaxMessage));
  bool changed = false;
  auto status = co_await session.List(context, true, changed, answered);
  // A connection on which nothing comes may be dead without telling; the next try makes another.
  if (!status && !answered) http_.Forget(origin);
  co_return status;
}

async::Task<base::Result<AppResources>> OperatorClient::Load(const async::Context& context) {
  std::optional<ResourceSet> remembered;
  if (cache_.enabled()) {
    async::BlockingPool pool(1);
    auto found = co_await pool.Run([this] { return cache_.Load(); });
    if (found && *found) {
      remembered = **std::move(found);
    } else if (found && found->error().kind != base::Kind::kNotFound) {
      log_.Warning(base::StrCat("resources cache: ", found->error().message));
    }
  }
  async::Loop& loop = *async::Loop::Current();
  const milliseconds patience =
      remembered ? options_.times.cached_patience : options_.times.patience;
  const async::Context limited = context.Until(loop.After(patience));
  Backoff backoff(options_.times.retry, options_.times.max_retry / 3);
  base::Error last(base::Kind::kTimeout, "there was no time to ask");
  bool tried = false;
  while (true) {
    bool answered = false;
    const async::Context attempt = limited.Until(loop.After(options_.times.call * 2));
    auto fetched = co_await Fetch(attempt, answered);
    if (fetched) {
      auto decoded = Decode();
      if (!decoded) co_return std::unexpected(std::move(decoded).error());
      connected_ = trusted_ = true;
      co_await Remember();
      co_return decoded;
    }
    if (answered) co_return std::unexpected(std::move(fetched).error());
    if (context.cancel && context.cancel->canceled()) {
      co_return std::unexpected(std::move(fetched).error());
    }
    // An attempt that the end of patience cut short says nothing of the operator.
    if (!std::exchange(tried, true) || loop.now() < limited.deadline) {
      last = std::move(fetched).error();
    }
    if (loop.After(backoff.next()) >= limited.deadline) break;
    log_.Warning(base::StrCat("The Dapr operator at ", options_.address,
                              " does not answer: ", last.message, "; trying again"));
    co_await backoff.Pause(limited);
  }
  if (remembered) {
    set_ = *std::move(remembered);
    log_.Warning(base::StrCat("The Dapr operator at ", options_.address, " is away (", last.message,
                              "): starting with the resources last known, from ", cache_.file(),
                              "; changes follow when it is back"));
    co_return Decode();
  }
  co_return base::Fail(
      last.kind,
      base::StrCat(
          "context deadline exceeded: connection error: desc = ", base::Quote(last.message),
          ": the Dapr operator at ", options_.address, " did not answer within ",
          base::FormatDuration(patience),
          "; check --control-plane-address and the pods of dapr-operator",
          cache_.enabled() ? base::StrCat(" (", cache_.file(), " holds nothing to start from)")
                           : std::string(" (--resources-cache would let the app start "
                                         "from what it knew)")));
}

void OperatorClient::Watch(Apply apply) {
  apply_ = std::move(apply);
  gate_.Spawn(Run());
}

void OperatorClient::Ask() {
  asked_ = true;
  if (session_) session_->Wake();
}

async::Task<void> OperatorClient::Close(const async::Context& context) {
  co_await gate_.Close(context);
}

void OperatorClient::NoteTrouble(const base::Error& error, milliseconds pause) {
  const bool was_connected = std::exchange(connected_, false);
  if (!troubles_.Worth(error.message) && !was_connected) return;
  log_.Warning(
      base::StrCat(was_connected ? "Error from operator stream: " : "Failed to establish stream: ",
                   error.message, "; the app goes on with the resources it has; trying ",
                   options_.address, " again in about ", base::FormatDuration(pause)));
}

void OperatorClient::NoteConnected() {
  if (std::exchange(connected_, true)) return;
  troubles_.Over();
  log_.Info("Reconnected to operator");
}

async::Task<void> OperatorClient::Run() {
  const async::Context context = gate_.context();
  Backoff backoff(options_.times.retry, options_.times.max_retry);
  while (!gate_.closing()) {
    const auto token = interrupt_.token();
    base::Error error(base::Kind::kUnreachable, "the operator has no address");
    const async::TimePoint began = async::Loop::Current()->now();
    auto origins =
        co_await locate_(context.Until(async::Loop::Current()->After(options_.times.call)));
    if (!origins) {
      error = std::move(origins).error();
    } else if (!origins->empty()) {
      const http::Origin& origin = (*origins)[next_address_++ % origins->size()];
      OperatorSession session(*this, grpc::Channel(http_, origin, options_.address, kMaxMessage));
      session_ = &session;
      error = co_await session.Follow(async::Context(async::kForever, token.get()));
      session_ = nullptr;
      co_await session.Close();
      http_.Forget(origin);
    }
    if (gate_.closing()) co_return;
    if (token->canceled()) continue;
    // One that lasted was well; one that ends at once again and again is not.
    if (connected_ && async::Loop::Current()->now() - began > options_.times.max_retry) {
      backoff.Reset();
    }
    NoteTrouble(error, backoff.next());
    co_await backoff.Pause(context);
  }
}

async::Task<void> OperatorClient::Publish(bool asked) {
  auto decoded = Decode();
  if (!decoded) {
    log_.Error(base::StrCat(decoded.error().message, "; the app keeps what it has"));
    co_return;
  }
  trusted_ = true;
  decoded->asked = asked;
  co_await apply_(*std::move(decoded));
  co_await Remember();
}

async::Task<void> OperatorClient::Remember() {
  if (!cache_.enabled()) co_return;
  // A thread of its own, for as long as the write takes: no loop waits for a disk.
  const ResourceSet set = set_;
  async::BlockingPool pool(1);
  const auto stored = co_await pool.Run([this, &set] { return cache_.Store(set); });
  if (stored && !*stored) {
    log_.Warning(base::StrCat("resources cache: ", stored->error().message));
  }
}

}  // namespace control
