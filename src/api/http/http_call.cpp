#include "api/http/http_call.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <vector>

#include "api/error_table.hpp"
#include "api/http/query.hpp"
#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "telemetry/dapr_metrics.hpp"
#include "telemetry/log.hpp"

namespace api {
namespace {

// Of what a request says to be coming.
constexpr std::size_t kMostAtOnce = std::size_t{4} * 1024 * 1024;

std::unexpected<base::Error> TooLarge() {
  return base::Fail(base::Kind::kTooLarge, "stream too large");
}

}  // namespace

HttpCall::HttpCall(const AppContext& app, http::Exchange& exchange)
    : app_(app), exchange_(exchange), start_(base::Clock::now()) {
  context_.cancel = &exchange.cancel();
  context_.app_id = app.app_id;
  // Probes come all the time and tell nothing.
  traced_ = request().path().find("/healthz") == std::string_view::npos;
  if (traced_) StartTrace();
}

void HttpCall::StartTrace() {
  if (const auto parent = request().headers.Get("traceparent")) {
    const auto state = request().headers.Get("tracestate");
    if (auto given = telemetry::ParseTraceContext(*parent, state.value_or(std::string_view()))) {
      trace_ = *std::move(given);
    }
  }
  if (const auto baggage = request().headers.Get("baggage")) baggage_ = *baggage;
  if (app_.tracer) trace_ = app_.tracer->StartSpan(trace_);
  context_.trace = &trace_;
}

std::string_view HttpCall::Param(std::size_t i) {
  const std::string_view raw = match_.raw(i);
  if (raw.find_first_of("%+") == std::string_view::npos) return raw;
  if (!(decoded_ & (1 << i))) {
    // The pipeline has refused bad escapes.
    params_[i] = base::PercentDecodeQuery(raw).value_or(std::string(raw));
    decoded_ = static_cast<uint8_t>(decoded_ | (1 << i));
  }
  return params_[i];
}

std::optional<std::string> HttpCall::Query(std::string_view key) const {
  const std::string_view query = request().query();
  if (query.empty()) return std::nullopt;
  return QueryValue(query, key);
}
contracts::Metadata HttpCall::UrlMetadata() const {
  return QueryMetadata(request().query());
}

std::string_view HttpCall::Header(std::string_view name) const {
  return request().headers.Get(name).value_or(std::string_view());
}

std::size_t HttpCall::body_limit() const {
  return app_.max_body_bytes == 0 ? std::numeric_limits<std::size_t>::max() : app_.max_body_bytes;
}

http::Headers HttpCall::TakeHeaders() {
  if (app_.http_log) user_agent_ = Header("user-agent");
  return std::move(exchange_.request().headers);
}

async::Task<base::Result<std::string>> HttpCall::ReadBody() {
  return Collect(false);
}

async::Task<base::Result<std::string>> HttpCall::ReadJson() {
  return Collect(true);
}

async::Task<base::Result<std::string>> HttpCall::Collect(bool json) {
  http::Body& body = exchange_.body();
  const auto length = body.length();
  // Who says how long it is has been counted with that.
  http::BodyAccount* const account = length ? nullptr : exchange_.account();
  std::string text;
  if (length) {
    if (!json && *length > body_limit()) co_return TooLarge();
    text.reserve(std::min<std::size_t>(*length, std::min(body_limit(), kMostAtOnce)));
  }
  while (true) {
    auto chunk = co_await http::NextChunk(body, context_);
    if (!chunk) co_return std::unexpected(std::move(chunk).error());
    if (!*chunk) {
      if (account) account->Hold(text.size(), true);
      co_return text;
    }
    if (account && !account->Hold(text.size() + (*chunk)->size(), false)) {
      co_return base::Fail(*account->refusal());
    }
    const std::size_t room = body_limit() - text.size();
    text += (*chunk)->substr(0, room);
    if ((*chunk)->size() <= room) continue;
    if (json) {
      if (auto valid = base::CheckJson(text);
          !valid && valid.error().message != "unexpected end of JSON input") {
        co_return std::unexpected(std::move(valid).error());
      }
    }
    co_return TooLarge();
  }
}

void HttpCall::Decorate(http::ResponseHead& head) {
  status_ = head.status;
  for (const auto& [name, value] : extra_) head.headers.Add(name, value);
  if (!traced_) return;
  if (!head.headers.Has("traceparent")) {
    head.headers.Add("Traceparent", telemetry::FormatTraceparent(trace_));
    if (!trace_.tracestate.empty() && !head.headers.Has("tracestate")) {
      head.headers.Add("Tracestate", trace_.tracestate);
    }
  }
  if (!baggage_.empty() && !head.headers.Has("baggage")) head.headers.Add("Baggage", baggage_);
}

void HttpCall::Respond(http::ResponseHead& head, std::string_view body) {
  Decorate(head);
  exchange_.Respond(head, body);
}

void HttpCall::Empty(int status) {
  http::ResponseHead head;
  head.status = status;
  Respond(head, {});
}

void HttpCall::Send(int status, std::string_view content_type, std::string_view body) {
  http::ResponseHead head;
  head.status = status;
  head.headers.Reserve(4, 160);
  head.headers.Add("Content-Type", content_type);
  Respond(head, body);
}

void HttpCall::Fail(const base::Error& given) {
  // What could not be read because of the app's limits is no mistake of the body.
  const http::BodyAccount* account = exchange_.account();
  const base::Error& error = account && account->refusal() ? *account->refusal() : given;
  if (app_.metrics) app_.metrics->ErrorCode(ErrorCodeOf(error), RowOf(error.id).category);
  Json(HttpErrorBody(error), HttpStatusOf(error));
}

void HttpCall::Ended() {
  const std::chrono::duration<double, std::milli> elapsed = base::Clock::now() - start_;
  if (app_.metrics && app_.metrics->enabled()) {
    const std::string_view path = request().path();
    std::string scratch;
    std::string decoded;
    std::string_view plain = path;
    if (path.find('%') != std::string_view::npos) {
      decoded = base::PercentDecodePath(path).value_or(std::string(path));
      plain = decoded;
    }
    app_.metrics->HttpServerRequest(
        request().method, app_.metrics->http_labels().Path(plain, scratch), status_,
        elapsed.count(), static_cast<int64_t>(exchange_.body().length().value_or(0)),
        static_cast<int64_t>(exchange_.sent()));
  }
  if (app_.http_log && app_.http_log->Enabled(telemetry::Level::kInfo)) LogCall(elapsed.count());
}

void HttpCall::LogCall(double milliseconds) const {
  const Op op = match_.op();
  if (app_.log_omit_health_checks && (op == Op::kHealthz || op == Op::kHealthzOutbound)) return;
  std::string method;
  if (app_.log_obfuscate_urls) {
    method = log_name_.empty() ? std::string(match_.route().name) : log_name_;
  } else {
    method = base::StrCat(request().method, " ", request().path());
  }
  std::vector<telemetry::LogField> fields = {{"method", method},
                                             {"code", status_},
                                             {"size", static_cast<int64_t>(exchange_.sent())},
                                             {"duration", static_cast<int64_t>(milliseconds)}};
  const std::string_view agent = user_agent_.empty() ? Header("user-agent") : user_agent_;
  if (!agent.empty()) fields.emplace_back("useragent", agent);
  app_.http_log->Write(telemetry::Level::kInfo, "HTTP API Called", fields);
}

}  // namespace api
