// HttpCall: one request of the HTTP API on its way through the handlers: what the pipeline found
// out about it, and the only way in which handlers answer. Lives in the frame that serves the
// request.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "api/app_context.hpp"
#include "api/http/router.hpp"
#include "async/task.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "contracts/call.hpp"
#include "contracts/metadata.hpp"
#include "http/exchange.hpp"
#include "telemetry/trace.hpp"

namespace api {

class HttpCall {
 public:
  HttpCall(const AppContext& app, http::Exchange& exchange);
  HttpCall(const HttpCall&) = delete;
  HttpCall& operator=(const HttpCall&) = delete;

  const AppContext& app() const { return app_; }
  http::Exchange& exchange() { return exchange_; }
  const http::RequestHead& request() const { return exchange_.request(); }
  /// Deadline, cancellation, trace and caller for the blocks.
  const contracts::Call& context() const { return context_; }
  RouteMatch& match() { return match_; }
  const RouteMatch& match() const { return match_; }

  /// A parameter of the route, decoded (`+` is a space). The view lives as long as this object.
  std::string_view Param(std::size_t i);
  std::optional<std::string> Query(std::string_view key) const;
  contracts::Metadata UrlMetadata() const;
  std::string_view Header(std::string_view name) const;
  /// Gives the request's fields away; the call keeps what it needs of them itself.
  http::Headers TakeHeaders();

  /// The whole request body. kTooLarge ("stream too large") past the app's limit.
  async::Task<base::Result<std::string>> ReadBody();
  /// The same for a body of JSON: of one that is too large a syntax error within the limit is told
  /// instead, because Dapr decodes as it reads.
  async::Task<base::Result<std::string>> ReadJson();
  std::size_t body_limit() const;

  // Answers; exactly one of them.
  void Empty(int status = 204);
  void Json(std::string_view body, int status = 200) { Send(status, "application/json", body); }
  void Text(int status, std::string_view body) { Send(status, "text/plain; charset=utf-8", body); }
  void Fail(const base::Error& error);
  void Send(int status, std::string_view content_type, std::string_view body);
  /// For handlers that need fields of their own: Decorate adds what every response carries.
  void Respond(http::ResponseHead& head, std::string_view body);
  void Decorate(http::ResponseHead& head);
  void NoteStatus(int status) { status_ = status; }

  /// Fields that CORS adds to the response.
  void AddField(std::string_view name, std::string_view value) { extra_.Add(name, value); }
  /// The name shown in API logs that hide URLs, if it is not the route's.
  void SetLogName(std::string name) { log_name_ = std::move(name); }
  bool traced() const { return traced_; }

  /// Metrics and the API log. Once, after the answer.
  void Ended();

 private:
  void StartTrace();
  async::Task<base::Result<std::string>> Collect(bool json);
  void LogCall(double milliseconds) const;

  const AppContext& app_;
  http::Exchange& exchange_;
  const base::TimePoint start_;
  contracts::Call context_;
  telemetry::TraceContext trace_;
  RouteMatch match_;
  std::string params_[3];
  uint8_t decoded_ = 0;  // bits of params_ that are filled
  bool traced_ = false;
  int status_ = 0;
  http::Headers extra_;
  std::string log_name_;
  std::string user_agent_;  // for the API log, once the fields are gone
  std::string baggage_;     // goes back to the caller
};

}  // namespace api
