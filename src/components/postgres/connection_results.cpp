// What the server sends: results in the order of what was sent, and notifications.
#include <openssl/ssl.h>
#include <postgresql/libpq-fe.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "base/strings.hpp"
#include "components/postgres/connection.hpp"
#include "components/postgres/error.hpp"

namespace components::postgres {

using base::Kind;
using base::StrCat;

namespace {

constexpr uint8_t kMaxReplays = 5;

// The statement this connection has prepared is gone or no longer fits its tables.
bool IsStale(std::string_view state, std::string_view message) {
  return state == kNoSuchStatement || state == kDuplicateStatement ||
         (state == kFeatureNotSupported && message.find("cached plan") != std::string_view::npos);
}

}  // namespace

void Connection::WaitForData() {
  watch_.OnReadable(&read_waiter_);
}

void Connection::ReadAll() {
  const auto self = shared_from_this();  // who is resumed may close everything
  do {
    const bool open = PQconsumeInput(connection_) != 0;
    TakeResults();
    if (!usable()) return;
    if (!open || PQstatus(connection_) == CONNECTION_BAD) return Lost();
    TakeNotifications();
    if (!usable()) return;
  } while (MoreToRead());
  watch_.set_readable(false);
  WaitForData();
  // The watchdog wakes once a timeout anyway.
  if (entries_.empty() && options_->idle_time < options_->timeout) ArmWatchdog();
  if (owner_) owner_->HasRoom();
}

// libpq does not say whether it has emptied the socket, and an edge comes only once.
bool Connection::MoreToRead() {
  if (watch_.hung_up()) return true;
  if (entries_.empty() && !notify_) return false;
  if (auto* ssl = static_cast<SSL*>(PQsslStruct(connection_, "OpenSSL"))) {
    if (SSL_pending(ssl) > 0) return true;
  }
  char byte;
  const ssize_t there = recv(PQsocket(connection_), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return there >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

void Connection::Lost() {
  Break({Kind::kUnavailable, StrCat("the connection to postgresql at ", host_,
                                    " broke: ", OneLine(PQerrorMessage(connection_)))});
}

void Connection::TakeResults() {
  int pauses = 0;
  while (connection_ && !entries_.empty() && !PQisBusy(connection_)) {
    if (PGresult* result = PQgetResult(connection_)) {
      pauses = 0;
      TakeResult(result);
    } else if (std::exchange(answered_, false)) {
      entries_.pop_front();
    } else if (++pauses > 1) {
      return;  // nothing more for now
    }
  }
}

void Connection::TakeResult(PGresult* result) {
  Rows rows(result);
  progress_ = loop_.now();
  Entry& entry = entries_.front();
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_PIPELINE_SYNC) {
    if (entry.what != Entry::What::kSync) {
      return Break({Kind::kProtocol, "postgresql answered out of order"});
    }
    const Entry done = entry;
    entries_.pop_front();
    if (done.write) --write_count_;
    if (done.operation) EndOperation(*done.operation);
    return;
  }
  if (status == PGRES_FATAL_ERROR && PQstatus(connection_) == CONNECTION_BAD &&
      !PQresultErrorField(result, PG_DIAG_SQLSTATE)) {
    return Lost();  // libpq's own words in place of an answer
  }
  // An error instead of the answer to a sync: the commit has failed. The answer still follows.
  if (entry.what != Entry::What::kSync) answered_ = true;
  switch (status) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
      if (entry.operation && entry.what == Entry::What::kQuery) {
        entry.operation->rows = std::move(rows);
      }
      break;
    case PGRES_PIPELINE_ABORTED:
      if (entry.what == Entry::What::kPrepare) prepared_[entry.index] = 0;
      // A read that another read of its segment took down.
      if (entry.operation && !entry.write && !entry.operation->error) {
        entry.operation->replay = entry.operation->alone = true;
      }
      break;
    default:
      TakeError(entry, result);
  }
  if (entry.what == Entry::What::kQuery && !entry.write) {
    --read_count_;
    if (Operation* operation = std::exchange(entry.operation, nullptr)) EndOperation(*operation);
  }
}

void Connection::TakeError(Entry& entry, PGresult* result) {
  const char* state_text = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* message_text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string_view state = state_text ? state_text : "";
  std::string_view message = message_text ? message_text : PQresultErrorMessage(result);
  if (message.empty()) message = "the server gave an answer that is not understood";
  if (entry.what == Entry::What::kPrepare) prepared_[entry.index] = 0;
  Operation* const operation = entry.operation;
  if (!operation || operation->error) return;
  const bool stale = IsStale(state, message);
  if (stale && entry.what == Entry::What::kQuery) {
    const Statement* statement = operation->queries[entry.index].statement;
    if (statement && statement->index < prepared_.size()) prepared_[statement->index] = 0;
  }
  // In all these cases the server has undone the whole segment.
  const bool undone = stale || state == kSerializationFailure || state == kDeadlock ||
                      (!entry.write && state.starts_with(kServerLeaves));
  operation->replay = owner_ && undone && operation->replays < kMaxReplays;
  operation->sqlstate = state;
  operation->failed = entry.what == Entry::What::kQuery ? entry.index : 0;
  operation->error = ServerError(state, message);
}

void Connection::EndOperation(Operation& operation) {
  operation.holder = nullptr;
  if (!operation.replay) {
    operation.Complete();
    return;
  }
  operation.replay = operation.sent = false;
  ++operation.replays;
  operation.error.reset();
  operation.sqlstate.clear();
  operation.failed = 0;
  operation.rows = {};
  if (owner_) {
    owner_->Return(operation);
  } else {
    Submit(operation);
  }
}

void Connection::TakeNotifications() {
  if (!notify_) return;
  while (connection_) {
    PGnotify* notification = PQnotifies(connection_);
    if (!notification) return;
    notify_(notification->relname, notification->extra ? notification->extra : "");
    PQfreemem(notification);
  }
}

}  // namespace components::postgres
