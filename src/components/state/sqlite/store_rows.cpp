// What the store does with one row. Runs on a thread of the store.
#include "base/base64.hpp"
#include "base/strings.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"
#include "components/state/sqlite/store.hpp"

namespace components::state::sqlite {

using base::Kind;
using base::StrCat;
using contracts::Concurrency;
using contracts::EtagMismatch;

namespace {

// The column's text ("2024-05-06 07:08:09", UTC) as the API shows it.
std::string ExpireTimeText(std::string_view column) {
  std::string text(column);
  if (text.size() == 19 && text[10] == ' ') {
    text[10] = 'T';
    text += 'Z';
    return text;
  }
  const auto time = base::ParseRfc3339(text);
  return time ? base::FormatRfc3339(*time) : std::string();
}

}  // namespace

base::Result<contracts::GetResponse> Store::Read(Database& database, std::string_view key) {
  ASSIGN_OR_RETURN(sqlite3_stmt * statement, database.Prepare(sql_->get));
  Run run(database, statement);
  run.Text(1, key);
  ASSIGN_OR_RETURN(const bool row, run.Step());
  contracts::GetResponse response;
  if (!row) return response;
  response.found = true;
  if (run.ColumnInt(1) != 0) {
    std::optional<std::string> bytes = base::Base64Decode(run.ColumnText(0));
    if (!bytes) {
      return base::Fail(Kind::kInternal, StrCat("the value of key ", base::Quote(key),
                                                " is marked as binary but is no base64 text"));
    }
    response.data = *std::move(bytes);
  } else {
    response.data = run.ColumnText(0);
  }
  response.etag = std::string(run.ColumnText(2));
  if (!run.ColumnIsNull(3)) {
    if (std::string text = ExpireTimeText(run.ColumnText(3)); !text.empty()) {
      response.metadata.Set(contracts::kTtlExpireTimeKey, std::move(text));
    }
  }
  return response;
}

base::Status Store::Write(Database& database, const contracts::SetRequest& request) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> ttl, contracts::ParseTtlSeconds(request.metadata));
  if (ttl && *ttl < -1) {
    return base::Fail(Kind::kInvalidArgument,
                      StrCat("error parsing TTL: ttlInSeconds is ", *ttl,
                             ": use -1 for no expiry, or a number of seconds"));
  }
  const bool has_etag = request.has_etag();
  const bool insert_only = !has_etag && request.options.concurrency == Concurrency::kFirstWrite;
  const std::string& sql = has_etag ? sql_->update : insert_only ? sql_->insert : sql_->set;
  ASSIGN_OR_RETURN(sqlite3_stmt * statement, database.Prepare(sql));
  const std::string encoded = request.json ? std::string() : base::Base64Encode(request.value);
  const std::string etag = base::NewUuid();
  std::string modifier;
  Run run(database, statement);
  run.Text(1, request.key).Text(2, request.json ? request.value : encoded);
  run.Int(3, request.json ? 0 : 1).Text(4, etag);
  if (ttl && *ttl > 0) {
    modifier = StrCat("+", *ttl, " seconds");
    run.Text(5, modifier);
  }
  if (has_etag) run.Text(6, *request.etag);
  ASSIGN_OR_RETURN(const int changed, run.Finish());
  if (changed == 0 && (has_etag || insert_only)) return std::unexpected(EtagMismatch());
  return {};
}

base::Status Store::Erase(Database& database, const contracts::DeleteRequest& request) {
  const bool has_etag = request.has_etag();
  ASSIGN_OR_RETURN(sqlite3_stmt * statement,
                   database.Prepare(has_etag ? sql_->erase_etag : sql_->erase));
  Run run(database, statement);
  run.Text(1, request.key);
  if (has_etag) run.Text(2, *request.etag);
  ASSIGN_OR_RETURN(const int changed, run.Finish());
  if (changed == 0 && has_etag) return std::unexpected(EtagMismatch());
  return {};
}

}  // namespace components::state::sqlite
