#include <optional>
#include <utility>
#include <vector>

#include "api/http/handlers.hpp"
#include "api/http/query.hpp"
#include "base/strings.hpp"
#include "blocks/state/errors.hpp"
#include "blocks/state/request.hpp"
#include "blocks/state/state_block.hpp"

namespace api {
namespace {

using contracts::GetResponse;

const blocks::state::StateBlock& Block(HttpCall& call) {
  return *call.app().state;
}

contracts::GetRequest GetRequestOf(HttpCall& call) {
  contracts::GetRequest request{.key = std::string(call.Param(1)), .metadata = {}};
  if (call.request().query().empty()) return request;
  request.metadata = call.UrlMetadata();
  // An unknown word asks for nothing.
  if (auto options = blocks::state::ParseStateOptions({}, call.Query("consistency").value_or(""))) {
    request.consistency = options->consistency;
  }
  return request;
}

void AnswerGet(HttpCall& call, const base::Result<GetResponse>& got) {
  if (!got) return call.Fail(got.error());
  if (!got->found || got->data.empty()) return call.Empty();
  http::ResponseHead head;
  head.headers.Reserve(4 + got->metadata.size(), 192);
  head.headers.Add("Content-Type", "application/json");
  if (got->etag) head.headers.Add("Etag", *got->etag);
  for (const auto& [key, value] : got->metadata) {
    head.headers.Add(CanonicalFieldName(base::StrCat("metadata.", key)), value);
  }
  call.Respond(head, got->data);
}

// An error about the options is one of the deletion.
base::Result<contracts::DeleteRequest> DeleteRequestOf(HttpCall& call) {
  contracts::DeleteRequest request{.key = std::string(call.Param(1)), .etag = {}, .metadata = {}};
  if (const auto etag = call.request().headers.Get("if-match")) request.etag.emplace(*etag);
  if (call.request().query().empty()) return request;
  request.metadata = call.UrlMetadata();
  auto options = blocks::state::ParseStateOptions(call.Query("concurrency").value_or(""),
                                                  call.Query("consistency").value_or(""));
  if (!options) {
    return std::unexpected(blocks::state::DeleteFailed(request.key, options.error()));
  }
  request.options = *options;
  return request;
}

void AnswerStatus(HttpCall& call, const base::Status& status) {
  if (status) return call.Empty();
  call.Fail(status.error());
}

// The text of a body that cannot be had is that of a decoder that could not read on.
base::Error Unreadable(const base::Error& cause, std::string_view prefix) {
  return blocks::state::MalformedRequest(base::StrCat(prefix, cause.message));
}
constexpr std::string_view kDeserializing = "failed deserializing HTTP body: ";

}  // namespace

bool TryGetState(HttpCall& call) {
  const auto got = Block(call).TryGet(call.context(), call.Param(0), GetRequestOf(call));
  if (!got) return false;
  AnswerGet(call, *got);
  return true;
}

async::Task<void> GetState(HttpCall& call) {
  AnswerGet(call, co_await Block(call).Get(call.context(), call.Param(0), GetRequestOf(call)));
}

bool TryDeleteState(HttpCall& call) {
  if (auto store = Block(call).Find(call.Param(0)); !store) {
    call.Fail(store.error());
    return true;
  }
  auto request = DeleteRequestOf(call);
  if (!request) {
    call.Fail(request.error());
    return true;
  }
  const auto status = Block(call).TryDelete(call.context(), call.Param(0), *request);
  if (!status) return false;
  AnswerStatus(call, *status);
  return true;
}

async::Task<void> DeleteState(HttpCall& call) {
  if (auto store = Block(call).Find(call.Param(0)); !store) co_return call.Fail(store.error());
  auto request = DeleteRequestOf(call);
  if (!request) co_return call.Fail(request.error());
  AnswerStatus(call,
               co_await Block(call).Delete(call.context(), call.Param(0), std::move(*request)));
}

bool TrySaveState(HttpCall& call) {
  const auto store = Block(call).Find(call.Param(0));
  if (!store) {
    call.Fail(store.error());
    return true;
  }
  if (!(*store)->store->answers_at_once()) return false;
  const auto body = call.exchange().body().Whole();
  if (!body || body->size() > call.body_limit()) return false;
  auto items = blocks::state::ParseSaveRequest(*body, call.Param(0), call.UrlMetadata());
  if (!items) {
    call.Fail(items.error());
    return true;
  }
  const auto status = Block(call).TrySave(call.context(), call.Param(0), *items);
  if (!status) return false;
  AnswerStatus(call, *status);
  return true;
}

async::Task<void> SaveState(HttpCall& call) {
  if (auto store = Block(call).Find(call.Param(0)); !store) co_return call.Fail(store.error());
  const auto body = co_await call.ReadJson();
  if (!body) co_return call.Fail(Unreadable(body.error(), {}));
  auto items = blocks::state::ParseSaveRequest(*body, call.Param(0), call.UrlMetadata());
  if (!items) co_return call.Fail(items.error());
  AnswerStatus(call, co_await Block(call).Save(call.context(), call.Param(0), std::move(*items)));
}

async::Task<void> BulkGetState(HttpCall& call) {
  if (auto store = Block(call).Find(call.Param(0)); !store) co_return call.Fail(store.error());
  const auto body = co_await call.ReadJson();
  if (!body) co_return call.Fail(Unreadable(body.error(), kDeserializing));
  auto request = blocks::state::ParseBulkGet(*body, call.UrlMetadata());
  if (!request) co_return call.Fail(request.error());
  const auto items =
      co_await Block(call).BulkGet(call.context(), call.Param(0), std::move(*request));
  if (!items) co_return call.Fail(items.error());
  call.Json(blocks::state::WriteBulkGetResponse(*items));
}

async::Task<void> StateTransaction(HttpCall& call) {
  const auto store = Block(call).Find(call.Param(0));
  if (!store) co_return call.Fail(store.error());
  if (!((*store)->store->Features() & contracts::kStateTransactional)) {
    co_return call.Fail(blocks::state::TransactionsNotSupported((*store)->name));
  }
  const auto body = co_await call.ReadJson();
  if (!body) co_return call.Fail(Unreadable(body.error(), kDeserializing));
  auto request = blocks::state::ParseTransaction(*body, call.UrlMetadata());
  if (!request) co_return call.Fail(request.error());
  AnswerStatus(
      call, co_await Block(call).Transaction(call.context(), call.Param(0), std::move(*request)));
}

namespace {

// The query API tells no app-id with a missing store.
base::Error WithoutMetadata(const base::Error& error) {
  base::Error out(error.kind, error.id, error.message);
  for (base::ErrorDetail detail : error.details()) {
    if (auto* info = std::get_if<base::ErrorInfo>(&detail)) info->metadata.clear();
    out.With(std::move(detail));
  }
  return out;
}

}  // namespace

async::Task<void> QueryState(HttpCall& call) {
  if (auto store = Block(call).Find(call.Param(0)); !store) {
    co_return call.Fail(WithoutMetadata(store.error()));
  }
  auto body = co_await call.ReadJson();
  if (!body) co_return call.Fail(Unreadable(body.error(), kDeserializing));
  const auto response =
      co_await Block(call).Query(call.context(), call.Param(0),
                                 {.document = std::move(*body), .metadata = call.UrlMetadata()});
  if (!response) co_return call.Fail(response.error());
  if (response->items.empty() && response->token.empty()) co_return call.Empty();
  call.Json(blocks::state::WriteQueryResponse(*response));
}

}  // namespace api
