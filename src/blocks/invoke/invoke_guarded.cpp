// InvokeBlock: calls under the policies of Resiliency resources.
#include <optional>

#include "base/strings.hpp"
#include "blocks/invoke/invoke_block.hpp"
#include "blocks/invoke/status_map.hpp"
#include "grpc/status.hpp"
#include "resiliency/execution.hpp"

namespace blocks::invoke {
namespace {

std::unexpected<base::Error> Refuse(std::string_view target, const base::Error& error,
                                    std::string_view what) {
  return base::Fail(error.kind, base::ErrorId::kDirectInvoke,
                    base::StrCat("failed to invoke, id: ", target, ", err: ", what));
}

// One attempt's view of a body that is kept for others.
struct Replay {
  explicit Replay(std::shared_ptr<const std::string> kept)
      : data(std::move(kept)), body(http::StringBody::View(*data)) {}
  std::shared_ptr<const std::string> data;
  http::StringBody body;
};

// The body of an answer, with the request it may still be reading.
class ReplayedBody final : public http::Body {
 public:
  ReplayedBody(std::unique_ptr<Replay> replay, std::unique_ptr<http::Body> body)
      : replay_(std::move(replay)), body_(std::move(body)) {}
  Poll TryRead(std::string_view& chunk) override { return body_->TryRead(chunk); }
  void OnReady(async::Waiter* waiter) override { body_->OnReady(waiter); }
  base::Error error() const override { return body_->error(); }
  const http::Headers* trailers() const override { return body_->trailers(); }
  std::optional<std::string_view> Whole() override { return body_->Whole(); }
  std::optional<uint64_t> length() const override { return body_->length(); }

 private:
  const std::unique_ptr<Replay> replay_;  // goes last
  const std::unique_ptr<http::Body> body_;
};

// An answer that is a failure is one for the caller too, once it is not tried again.
resiliency::Outcome OutcomeOf(const base::Result<InvokeResponse>& response, bool grpc_caller) {
  if (!response) {
    const base::Error& error = response.error();
    resiliency::Outcome outcome{.ok = false,
                                .timed_out = error.kind == base::Kind::kTimeout,
                                .ended = error.kind == base::Kind::kCanceled};
    outcome.final = error.id == base::ErrorId::kDirectInvokeDenied ||
                    error.kind == base::Kind::kInvalidArgument;
    if (grpc_caller && error.remote()) outcome.code = error.remote()->code;
    return outcome;
  }
  if (response->grpc_code >= 0) {
    // HTTP callers of gRPC apps get an answer of the app, whatever it says.
    return {.ok = !grpc_caller || response->grpc_code == 0, .code = response->grpc_code};
  }
  const int status = response->status;
  if (grpc_caller) {
    return {.ok = status >= 200 && status < 300, .code = static_cast<int>(CodeOfHttp(status))};
  }
  return {.ok = status >= 200 && status < 400, .code = status};
}

}  // namespace

const resiliency::Policy* PolicyFor(const resiliency::Policies& policies, std::string_view target) {
  if (policies.NamesApp(target) || target.find("://") != std::string_view::npos) {
    return policies.App(target);
  }
  return policies.App(target.substr(0, target.find('.')));
}

void InvokeBlock::SetPolicies(std::shared_ptr<const resiliency::Policies> policies) {
  std::lock_guard lock(policies_mutex_);
  has_policies_ = policies != nullptr;
  policies_ = std::move(policies);
}

std::shared_ptr<const resiliency::Policies> InvokeBlock::CurrentPolicies() const {
  if (!has_policies_.load(std::memory_order_relaxed)) return nullptr;
  std::lock_guard lock(policies_mutex_);
  return policies_;
}

async::Task<base::Result<InvokeResponse>> InvokeBlock::InvokeUnder(
    std::shared_ptr<const resiliency::Policies> policies, const resiliency::Policy& policy,
    const contracts::Call& call, InvokeRequest request, http::InterimObserver* interim) {
  // Only what is known to end is kept for another try: not the body of a caller that streams.
  std::shared_ptr<const std::string> kept;
  if (policy.retries()) {
    if (!request.body) {
      kept = std::make_shared<const std::string>();
    } else if (request.body->Whole() || request.body->length()) {
      auto read = co_await http::ReadAll(*request.body, call, options_.max_message);
      if (!read) {
        const base::Error& error = read.error();
        co_return Refuse(request.target, error,
                         error.kind == base::Kind::kTimeout ? "context deadline exceeded"
                                                            : std::string_view(error.message));
      }
      kept = std::make_shared<const std::string>(std::move(*read));
    }
  }
  resiliency::Execution run(policy, call, request.target);
  while (true) {
    if (const base::Status entered = run.Enter(); !entered) {
      co_return Refuse(request.target, entered.error(), entered.error().message);
    }
    InvokeRequest attempt = request;
    std::unique_ptr<Replay> replay;
    if (kept && request.body) {
      replay = std::make_unique<Replay>(kept);
      attempt.body = &replay->body;
    }
    auto response = co_await InvokeOnce(run.attempt(), std::move(attempt), interim);
    resiliency::Outcome outcome = OutcomeOf(response, request.grpc_origin);
    outcome.final = outcome.final || !kept;
    if (const auto wait = run.Judge(outcome)) {
      // A failed answer must not keep its place at the app meanwhile.
      const base::Error why = response ? base::Error(base::Kind::kCanceled, "context canceled")
                                       : std::move(response).error();
      response = std::unexpected(why);
      replay.reset();
      if (co_await run.Wait(*wait)) continue;
      co_return response;
    }
    if (!response) {
      if (run.timed_out()) {
        co_return Refuse(request.target, response.error(), "context deadline exceeded");
      }
      co_return response;
    }
    if (replay) {
      response->body = std::make_unique<ReplayedBody>(std::move(replay), std::move(response->body));
    }
    co_return response;
  }
}

}  // namespace blocks::invoke
