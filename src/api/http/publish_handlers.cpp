#include <algorithm>
#include <utility>

#include "api/error_table.hpp"
#include "api/http/handlers.hpp"
#include "api/http/query.hpp"
#include "blocks/pubsub/bulk_body.hpp"
#include "blocks/pubsub/errors.hpp"
#include "blocks/pubsub/publish.hpp"
#include "telemetry/dapr_metrics.hpp"

namespace api {
namespace {

namespace pubsub = blocks::pubsub;

const pubsub::PublishBlock& Block(const HttpCall& call) {
  return *call.app().publish;
}

void AnswerStatus(HttpCall& call, const base::Status& status) {
  if (status) return call.Empty();
  call.Fail(status.error());
}

// A value of a header field: what may not stand in one is a space.
std::string FieldValue(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

void AnswerFailures(HttpCall& call, const pubsub::BulkOutcome& outcome) {
  const base::Error& error = *outcome.error;
  const std::string_view code = ErrorCodeOf(error);
  if (auto* metrics = call.app().metrics) metrics->ErrorCode(code, RowOf(error.id).category);
  const std::string body = pubsub::WriteBulkFailures(outcome.failures, code);
  http::ResponseHead head;
  head.status = HttpStatusOf(error);
  head.headers.Add("Content-Type", "application/json");
  head.headers.Add(CanonicalFieldName("metadata.responseData"), FieldValue(body));
  head.headers.Add(CanonicalFieldName("metadata.error"), FieldValue(error.message));
  call.Respond(head, body);
}

}  // namespace

bool TryPublish(HttpCall& call) {
  contracts::Metadata metadata = call.UrlMetadata();
  const auto target = Block(call).Open(call.Param(0), call.Param(1), metadata);
  if (!target) {
    call.Fail(target.error());
    return true;
  }
  const auto body = call.exchange().body().Whole();
  if (!body || body->size() > call.body_limit()) return false;
  const auto status =
      Block(call).TryPublish(call.context(), *target, *body, call.Header("content-type"), metadata);
  if (!status) return false;
  AnswerStatus(call, *status);
  return true;
}

async::Task<void> Publish(HttpCall& call) {
  contracts::Metadata metadata = call.UrlMetadata();
  const auto target = Block(call).Open(call.Param(0), call.Param(1), metadata);
  if (!target) co_return call.Fail(target.error());
  const auto body = co_await call.ReadBody();
  if (!body) {
    co_return call.Fail(pubsub::PublishFailed(call.Param(0), call.Param(1), body.error()));
  }
  AnswerStatus(call,
               co_await Block(call).Publish(call.context(), *target, *body,
                                            call.Header("content-type"), std::move(metadata)));
}

async::Task<void> BulkPublish(HttpCall& call) {
  pubsub::BulkInput input{.entries = {}, .metadata = call.UrlMetadata()};
  const auto target = Block(call).Open(call.Param(0), call.Param(1), input.metadata);
  if (!target) co_return call.Fail(target.error());
  const auto body = co_await call.ReadJson();
  if (!body) {
    co_return call.Fail(pubsub::BulkBodyMalformed(call.Param(0), call.Param(1), call.app().app_id,
                                                  body.error().message));
  }
  auto entries = pubsub::ParseBulkBody(*body, call.Param(0), call.Param(1), call.app().app_id);
  if (!entries) co_return call.Fail(entries.error());
  input.entries = std::move(*entries);
  const auto outcome = co_await Block(call).BulkPublish(call.context(), *target, std::move(input));
  if (!outcome) co_return call.Fail(outcome.error());
  if (outcome->error) co_return AnswerFailures(call, *outcome);
  call.Empty();
}

}  // namespace api
