#include "components/state/sqlite/store.hpp"

#include <utility>

#include "async/loop.hpp"
#include "async/wait.hpp"
#include "base/strings.hpp"

namespace components::state::sqlite {

using base::Kind;
using base::StrCat;

namespace {

constexpr std::size_t kReaders = 2;
constexpr std::size_t kMaxQueue = 10'000;

base::Error Overloaded() {
  return {Kind::kExhausted,
          StrCat("more than ", kMaxQueue, " operations wait for the sqlite database: slow down")};
}
base::Error TimedOut() {
  return {Kind::kTimeout, "the operation waited for the sqlite database until its timeout"};
}

}  // namespace

Store::Store() = default;

Store::~Store() {
  // Connections must not be closed while a thread is at work with them.
  writer_pool_.reset();
  reader_pool_.reset();
}

uint32_t Store::Features() const {
  return contracts::kStateEtag | contracts::kStateTransactional | contracts::kStateTtl |
         contracts::kStateKeysLike;
}

base::TimePoint Store::DeadlineOf(const contracts::Call& call) const {
  return std::min(call.deadline, async::Loop::Current()->After(settings_.timeout));
}

template <class F>
auto Store::OnWriter(const contracts::Call& call, F work)
    -> async::Task<std::invoke_result_t<F, Database&>> {
  using R = std::invoke_result_t<F, Database&>;
  const base::TimePoint deadline = DeadlineOf(call);
  std::optional<R> result = co_await writer_pool_->Run([&]() -> R {
    if (base::Clock::now() > deadline) return std::unexpected(TimedOut());
    writer_->set_deadline(deadline);
    return work(*writer_);
  });
  if (!result) co_return std::unexpected(Overloaded());
  co_return *std::move(result);
}

template <class F>
auto Store::OnReader(const contracts::Call& call, F work)
    -> async::Task<std::invoke_result_t<F, Database&>> {
  using R = std::invoke_result_t<F, Database&>;
  if (settings_.target.memory) co_return co_await OnWriter(call, std::move(work));
  const base::TimePoint deadline = DeadlineOf(call);
  std::optional<R> result = co_await reader_pool_->Run([&]() -> R {
    if (base::Clock::now() > deadline) return std::unexpected(TimedOut());
    base::Result<std::unique_ptr<Database>> reader = TakeReader();
    if (!reader) return std::unexpected(std::move(reader).error());
    (*reader)->set_deadline(deadline);
    R answer = work(**reader);
    GiveReader(*std::move(reader));
    return answer;
  });
  if (!result) co_return std::unexpected(Overloaded());
  co_return *std::move(result);
}

base::Result<std::unique_ptr<Database>> Store::TakeReader() {
  {
    std::lock_guard lock(readers_mutex_);
    if (!readers_.empty()) {
      std::unique_ptr<Database> reader = std::move(readers_.back());
      readers_.pop_back();
      return reader;
    }
  }
  // Not mode=ro: a reader of a write-ahead log must be able to make its shared index file.
  return Database::Open(settings_.target,
                        {.busy_timeout = settings_.busy_timeout, .wal = settings_.wal});
}

void Store::GiveReader(std::unique_ptr<Database> reader) {
  std::lock_guard lock(readers_mutex_);
  readers_.push_back(std::move(reader));
}

base::Status Store::OpenAndMigrate() {
  ASSIGN_OR_RETURN(writer_,
                   Database::Open(settings_.target,
                                  {.busy_timeout = settings_.busy_timeout, .wal = settings_.wal}));
  return Migrate(*writer_, *sql_, settings_.target.read_only);
}

async::Task<base::Status> Store::Init(const contracts::Call& call,
                                      const contracts::InitRequest& request) {
  CO_ASSIGN_OR_RETURN(settings_, ReadSettings(request));
  sql_ = std::make_unique<Sql>(settings_.tables.table, settings_.tables.metadata_table);
  writer_pool_ = std::make_unique<async::BlockingPool>(1, kMaxQueue);
  reader_pool_ = std::make_unique<async::BlockingPool>(kReaders, kMaxQueue);
  std::optional<base::Status> opened =
      co_await writer_pool_->Run([this] { return OpenAndMigrate(); });
  if (!opened) co_return std::unexpected(Overloaded());
  CO_RETURN_IF_ERROR(std::move(*opened));
  CO_RETURN_IF_ERROR(co_await Ping(call));
  if (settings_.cleanup_interval.count() > 0 && !settings_.target.read_only) {
    gate_.Spawn(CleanupLoop(settings_.cleanup_interval));
  }
  co_return base::Status();
}

async::Task<base::Status> Store::Ping(const contracts::Call& call) {
  co_return co_await OnReader(call, [](Database& database) { return database.Exec("SELECT 1"); });
}

async::Task<void> Store::Close(const contracts::Call& call) {
  co_await gate_.Close(call);
}

async::Task<void> Store::CleanupLoop(std::chrono::nanoseconds interval) {
  const async::Context context = gate_.context();
  while (co_await async::Sleep(context, async::Loop::Current()->After(interval)) ==
         async::Wake::kReady) {
    // A failed round is not worth more than the next one: operations report what is wrong.
    (void)co_await Cleanup(contracts::Call(async::Context()));
  }
}

async::Task<base::Result<int64_t>> Store::Cleanup(const contracts::Call& call) {
  co_return co_await OnWriter(call, [this](Database& database) -> base::Result<int64_t> {
    int64_t removed = 0;
    // A little less than the interval, so that a timer that fires early does not skip a round.
    const int64_t interval = std::max<int64_t>(
        0, std::chrono::ceil<std::chrono::milliseconds>(settings_.cleanup_interval).count() - 100);
    RETURN_IF_ERROR(database.Transaction("IMMEDIATE", [&]() -> base::Status {
      {
        ASSIGN_OR_RETURN(sqlite3_stmt * claim, database.Prepare(sql_->claim_cleanup));
        Run run(database, claim);
        run.Int(1, interval);
        ASSIGN_OR_RETURN(const int claimed, run.Finish());
        if (claimed == 0) return {};
      }
      ASSIGN_OR_RETURN(sqlite3_stmt * cleanup, database.Prepare(sql_->cleanup));
      Run run(database, cleanup);
      ASSIGN_OR_RETURN(removed, run.Finish());
      return {};
    }));
    return removed;
  });
}

async::Task<base::Result<contracts::GetResponse>> Store::Get(const contracts::Call& call,
                                                             contracts::GetRequest request) {
  co_return co_await OnReader(call,
                              [&](Database& database) { return Read(database, request.key); });
}

async::Task<base::Status> Store::Set(const contracts::Call& call, contracts::SetRequest request) {
  co_return co_await OnWriter(call, [&](Database& database) { return Write(database, request); });
}

async::Task<base::Status> Store::Delete(const contracts::Call& call,
                                        contracts::DeleteRequest request) {
  co_return co_await OnWriter(call, [&](Database& database) { return Erase(database, request); });
}

async::Task<base::Result<std::vector<contracts::BulkGetItem>>> Store::BulkGet(
    const contracts::Call& call, std::vector<contracts::GetRequest> requests,
    contracts::BulkOptions) {
  using Items = std::vector<contracts::BulkGetItem>;
  co_return co_await OnReader(call, [&](Database& database) -> base::Result<Items> {
    Items items(requests.size());
    RETURN_IF_ERROR(database.Transaction("DEFERRED", [&]() -> base::Status {
      for (std::size_t i = 0; i < requests.size(); ++i) {
        items[i].key = requests[i].key;
        base::Result<contracts::GetResponse> got = Read(database, requests[i].key);
        if (got) {
          items[i].value = *std::move(got);
        } else {
          items[i].error = std::move(got.error().message);
        }
      }
      return {};
    }));
    return items;
  });
}

namespace {

// What ends one item of a bulk operation and not the others. Anything else is about the database,
// which may have ended the transaction itself.
bool IsOfItemAlone(const base::Error& error) {
  return error.kind == Kind::kConflict || error.kind == Kind::kInvalidArgument;
}

// Does `work` for every item in one transaction; the first error.
template <class Request, class F>
base::Status InBulk(Database& database, const std::vector<Request>& requests, F work) {
  base::Status first;
  RETURN_IF_ERROR(database.Transaction("IMMEDIATE", [&]() -> base::Status {
    for (const Request& request : requests) {
      base::Status status = work(request);
      if (status) continue;
      if (!IsOfItemAlone(status.error())) return status;
      if (first) first = std::move(status);
    }
    return {};
  }));
  return first;
}

}  // namespace

async::Task<base::Status> Store::BulkSet(const contracts::Call& call,
                                         std::vector<contracts::SetRequest> requests,
                                         contracts::BulkOptions) {
  co_return co_await OnWriter(call, [&](Database& database) -> base::Status {
    return InBulk(database, requests,
                  [&](const contracts::SetRequest& request) { return Write(database, request); });
  });
}

async::Task<base::Status> Store::BulkDelete(const contracts::Call& call,
                                            std::vector<contracts::DeleteRequest> requests,
                                            contracts::BulkOptions) {
  co_return co_await OnWriter(call, [&](Database& database) -> base::Status {
    return InBulk(database, requests, [&](const contracts::DeleteRequest& request) {
      return Erase(database, request);
    });
  });
}

async::Task<base::Status> Store::Multi(const contracts::Call& call,
                                       contracts::TransactionRequest request) {
  co_return co_await OnWriter(call, [&](Database& database) -> base::Status {
    return database.Transaction("IMMEDIATE", [&]() -> base::Status {
      for (const contracts::TransactionOperation& operation : request.operations) {
        if (const auto* set = std::get_if<contracts::SetRequest>(&operation)) {
          RETURN_IF_ERROR(Write(database, *set));
        } else {
          RETURN_IF_ERROR(Erase(database, std::get<contracts::DeleteRequest>(operation)));
        }
      }
      return {};
    });
  });
}

async::Task<base::Result<contracts::KeysLikeResponse>> Store::KeysLike(
    const contracts::Call& call, contracts::KeysLikeRequest request) {
  co_return co_await OnReader(
      call, [&](Database& database) -> base::Result<contracts::KeysLikeResponse> {
        ASSIGN_OR_RETURN(sqlite3_stmt * statement, database.Prepare(sql_->keys_like));
        Run run(database, statement);
        // One more than the page, to learn whether there is another.
        const int64_t limit = request.page_size > 0 ? int64_t{request.page_size} + 1 : -1;
        run.Text(1, request.pattern).Text(2, request.token).Int(3, limit);
        contracts::KeysLikeResponse response;
        while (true) {
          ASSIGN_OR_RETURN(const bool row, run.Step());
          if (!row) break;
          if (request.page_size > 0 && response.keys.size() == request.page_size) {
            response.token = response.keys.back();
            break;
          }
          response.keys.emplace_back(run.ColumnText(0));
        }
        return response;
      });
}

}  // namespace components::state::sqlite
