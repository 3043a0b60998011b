#include "components/state/postgresql/store.hpp"

#include <utility>

#include "async/loop.hpp"
#include "async/wait.hpp"
#include "base/strings.hpp"
#include "components/postgres/error.hpp"

namespace components::state::postgresql {

using base::Kind;
using base::StrCat;
using postgres::Rows;

Store::Store(Layout layout) : layout_(layout) {}
Store::~Store() = default;

uint32_t Store::Features() const {
  return contracts::kStateEtag | contracts::kStateTransactional | contracts::kStateTtl |
         contracts::kStateKeysLike | (layout_ == Layout::kV1 ? contracts::kStateQueryApi : 0);
}

async::Task<base::Status> Store::Init(const contracts::Call& call,
                                      const contracts::InitRequest& request) {
  CO_ASSIGN_OR_RETURN(settings_, ReadSettings(request));
  client_ = std::make_unique<postgres::Client>(settings_.postgres);
  sql_ = std::make_unique<Statements>(*client_, layout_, settings_.tables);
  base::Status started = co_await Start(call);
  if (!started) {
    const contracts::Call patient;
    co_await client_->Close(patient);
    co_return started;
  }
  if (settings_.cleanup_interval.count() > 0) {
    gate_.Spawn(CleanupLoop(settings_.cleanup_interval));
  }
  co_return base::Status();
}

async::Task<base::Status> Store::Start(const contracts::Call& call) {
  CO_RETURN_IF_ERROR(co_await Migrate(call, *client_, layout_, settings_.tables));
  auto checked = co_await client_->Read(call, {.statement = sql_->check, .params = {}});
  if (!checked) {
    checked.error().message =
        StrCat(checked.error().message, ": ", settings_.tables.state.quoted,
               " is not a table of this component and version; choose another name");
    co_return std::unexpected(std::move(checked).error());
  }
  co_return base::Status();
}

async::Task<base::Status> Store::Ping(const contracts::Call& call) {
  CO_RETURN_IF_ERROR(co_await client_->Read(call, {.statement = sql_->ping, .params = {}}));
  co_return base::Status();
}

async::Task<void> Store::Close(const contracts::Call& call) {
  co_await gate_.Close(call);
  if (client_) co_await client_->Close(call);
}

async::Task<void> Store::CleanupLoop(std::chrono::nanoseconds interval) {
  const async::Context context = gate_.context();
  while (co_await async::Sleep(context, async::Loop::Current()->After(interval)) ==
         async::Wake::kReady) {
    // A failed round is not worth more than the next one: operations report what is wrong.
    (void)co_await Cleanup(contracts::Call(context));
  }
}

async::Task<base::Result<int64_t>> Store::Cleanup(const contracts::Call& call) {
  // A little less than the interval, so that a timer that fires early does not skip a round.
  const int64_t interval = std::max<int64_t>(
      0, std::chrono::ceil<std::chrono::milliseconds>(settings_.cleanup_interval).count() - 100);
  postgres::Query claim{.statement = sql_->claim_cleanup, .params = {}};
  claim.params.Int8(interval);
  const auto claimed = co_await client_->Write(call, claim);
  if (!claimed) co_return std::unexpected(claimed.error());
  if (claimed->affected() == 0) co_return 0;
  const auto removed = co_await client_->Write(call, {.statement = sql_->cleanup, .params = {}});
  if (!removed) co_return std::unexpected(removed.error());
  co_return removed->affected();
}

async::Task<base::Result<contracts::GetResponse>> Store::Get(const contracts::Call& call,
                                                             contracts::GetRequest request) {
  postgres::Query query{.statement = sql_->get, .params = {}};
  query.params.Text(request.key);
  auto rows = co_await client_->Read(call, query);
  if (!rows) co_return std::unexpected(std::move(rows).error());
  if (rows->size() == 0) co_return contracts::GetResponse();
  co_return ReadRow(*rows, 0);
}

namespace {

// What a conditional write that changed no row means.
base::Error NotWritten(bool has_etag) {
  if (has_etag) return contracts::EtagMismatch();
  return {Kind::kInternal, "no item was updated"};
}

}  // namespace

async::Task<base::Status> Store::Set(const contracts::Call& call, contracts::SetRequest request) {
  Write write;
  CO_RETURN_IF_ERROR(PrepareSet(request, false, write));
  auto done = co_await client_->Write(call, write.query);
  if (!done) co_return std::unexpected(std::move(done).error());
  if (write.conditional && done->affected() != 1) {
    co_return std::unexpected(NotWritten(write.has_etag));
  }
  co_return base::Status();
}

async::Task<base::Status> Store::Delete(const contracts::Call& call,
                                        contracts::DeleteRequest request) {
  Write write;
  CO_RETURN_IF_ERROR(PrepareDelete(request, false, write));
  auto done = co_await client_->Write(call, write.query);
  if (!done) co_return std::unexpected(std::move(done).error());
  if (write.conditional && done->affected() != 1) {
    co_return std::unexpected(NotWritten(write.has_etag));
  }
  co_return base::Status();
}

async::Task<base::Status> Store::Multi(const contracts::Call& call,
                                       contracts::TransactionRequest request) {
  if (request.operations.empty()) co_return base::Status();
  // Rows are locked in one order everywhere, so that two transactions do not wait for each other.
  // Operations on one key keep their order; that of the others makes no difference.
  std::vector<std::pair<std::string_view, std::size_t>> order;
  order.reserve(request.operations.size());
  for (std::size_t i = 0; i < request.operations.size(); ++i) {
    order.emplace_back(std::visit([](const auto& one) -> std::string_view { return one.key; },
                                  request.operations[i]),
                       i);
  }
  std::ranges::sort(order);
  std::vector<Write> writes(order.size());  // parameters refer to texts inside
  std::vector<postgres::Query> queries;
  queries.reserve(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const contracts::TransactionOperation& operation = request.operations[order[i].second];
    if (const auto* set = std::get_if<contracts::SetRequest>(&operation)) {
      CO_RETURN_IF_ERROR(PrepareSet(*set, true, writes[i]));
    } else {
      CO_RETURN_IF_ERROR(
          PrepareDelete(std::get<contracts::DeleteRequest>(operation), true, writes[i]));
    }
    queries.push_back(writes[i].query);
  }
  std::optional<postgres::Failure> failure = co_await client_->Transaction(call, queries);
  if (!failure) co_return base::Status();
  const Write& write = writes[failure->index];
  if (failure->sqlstate == postgres::kDivisionByZero && write.conditional) {
    co_return std::unexpected(NotWritten(write.has_etag));
  }
  co_return std::unexpected(std::move(failure->error));
}

async::Task<base::Result<contracts::KeysLikeResponse>> Store::KeysLike(
    const contracts::Call& call, contracts::KeysLikeRequest request) {
  postgres::Query query{.statement = sql_->keys_like, .params = {}};
  query.params.Text(request.pattern);
  if (request.token.empty()) {
    query.params.Null();
  } else {
    query.params.Text(request.token);
  }
  if (request.page_size == 0) {
    query.params.Null();
  } else {
    query.params.Int8(static_cast<int64_t>(request.page_size) + 1);
  }
  const auto rows = co_await client_->Read(call, query);
  if (!rows) co_return std::unexpected(rows.error());
  contracts::KeysLikeResponse response;
  for (int i = 0; i < rows->size(); ++i) {
    if (request.page_size > 0 && response.keys.size() == request.page_size) {
      response.token = response.keys.back();
      break;
    }
    response.keys.emplace_back(rows->Bytes(i, 0));
  }
  co_return response;
}

}  // namespace components::state::postgresql
