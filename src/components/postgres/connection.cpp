// Sending and the life of a connection; what comes back is in connection_results.cpp.
#include "components/postgres/connection.hpp"

#include <postgresql/libpq-fe.h>

#include <charconv>
#include <utility>

#include "base/strings.hpp"
#include "components/postgres/error.hpp"

namespace components::postgres {

using base::Kind;
using base::StrCat;

namespace {

// The server ends a statement itself at its statement_timeout; this is for one that says nothing.
constexpr std::chrono::seconds kGrace(2);
constexpr std::chrono::milliseconds kStall(100);
// After so many bytes in one turn it is looked whether the network takes them.
constexpr std::size_t kFlushBytes = 256 << 10;

struct StatementName {
  char text[16];
  explicit StatementName(uint32_t number) {
    text[0] = 's';
    *std::to_chars(text + 1, text + sizeof text - 1, number).ptr = '\0';
  }
};

}  // namespace

Connection::Connection(async::Loop& loop, std::shared_ptr<const ConnectionOptions> options,
                       Owner* owner)
    : Turn(loop),
      loop_(loop),
      options_(std::move(options)),
      owner_(owner),
      read_waiter_(
          [](async::Waiter* waiter) { static_cast<ReadWaiter*>(waiter)->connection->ReadAll(); }),
      write_waiter_([](async::Waiter* waiter) {
        Connection& self = *static_cast<ReadWaiter*>(waiter)->connection;
        self.blocked_ = false;
        self.RequestTurn();
      }) {
  read_waiter_.connection = write_waiter_.connection = this;
  watchdog_.connection = this;
  watchdog_.set_callback(
      [](async::Timer* timer) { static_cast<Watchdog*>(timer)->connection->OnWatchdog(); });
}

Connection::~Connection() {
  watch_.Close();
  PQfinish(connection_);
}

// libpq may have closed the socket and opened another with the same number.
bool Connection::WatchSocket() {
  const int fd = PQsocket(connection_);
  if (fd < 0 || !watch_.Open(loop_, fd)) return false;
  watch_.set_readable(false);
  watch_.set_writable(false);
  return true;
}

async::Task<base::Status> Connection::Open(const async::Context& context, const Host& host,
                                           const std::string& address,
                                           const std::string& attributes) {
  host_ = host.ToString();
  std::vector<const char*> names{"host", "port", "target_session_attrs"};
  std::vector<const char*> values{host.name.c_str(), host.port.c_str(), attributes.c_str()};
  if (!address.empty()) {
    names.push_back("hostaddr");
    values.push_back(address.c_str());
  }
  for (const auto& [name, value] : options_->parameters) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  connection_ = PQconnectStartParams(names.data(), values.data(), 0);
  if (!connection_) co_return base::Fail(Kind::kExhausted, "postgresql: out of memory");
  PQsetNoticeReceiver(connection_, [](void*, const PGresult*) {}, nullptr);
  PQsetErrorVerbosity(connection_, PQERRORS_VERBOSE);  // shows the SQLSTATE
  PostgresPollingStatusType next =
      PQstatus(connection_) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED || !WatchSocket()) co_return std::unexpected(OpenError(host_));
    const async::Wake wake = next == PGRES_POLLING_WRITING
                                 ? co_await async::Writable(watch_, context)
                                 : co_await async::Readable(watch_, context);
    if (wake == async::Wake::kCanceled) {
      co_return base::Fail(Kind::kCanceled, "connecting to postgresql was canceled");
    }
    if (wake == async::Wake::kTimeout) {
      co_return std::unexpected(ConnectError(host_, "", "it does not answer"));
    }
    next = PQconnectPoll(connection_);
  }
  if (!WatchSocket() || PQsetnonblocking(connection_, 1) != 0 ||
      PQenterPipelineMode(connection_) != 1) {
    co_return std::unexpected(OpenError(host_));
  }
  co_return base::Status();
}

base::Error Connection::OpenError(const std::string& host) const {
  // "connection to server at … failed: FATAL:  28P01: password authentication …\nLOCATION: …";
  // one such part for each way that was tried, of which the last says most.
  std::string_view text = PQerrorMessage(connection_);
  if (const std::size_t failed = text.rfind(" failed: "); failed != std::string_view::npos) {
    text.remove_prefix(failed + 9);
  }
  text = text.substr(0, text.find("LOCATION:"));
  std::string_view state;
  if (const std::size_t colon = text.find(":  "); colon != std::string_view::npos) {
    const std::string_view rest = text.substr(colon + 3);
    if (rest.size() > 7 && rest.substr(5, 2) == ": ") {
      state = rest.substr(0, 5);
      text = rest.substr(7);
    }
  }
  if (text.empty()) text = "the connection failed";
  return ConnectError(host, state, text);
}

void Connection::Start() {
  started_ = true;
  progress_ = loop_.now();
  ArmWatchdog();
  WaitForData();
}

bool Connection::stalled() const {
  return silence() > kStall;
}

void Connection::Submit(Operation& operation) {
  if (operation.kind == OperationKind::kRead) {
    unsent_reads_.Push(operation, this);
    ++read_count_;
  } else {
    unsent_writes_.Push(operation, this);
    ++write_count_;
  }
  if (!blocked_) RequestTurn();
}

void Connection::Remove(Operation& operation) {
  if (OperationQueue* queue = operation.queue) {
    queue->Erase(operation);
    if (queue == &unsent_reads_) --read_count_;
    if (queue == &unsent_writes_) --write_count_;
    return;
  }
  operation.holder = nullptr;
  for (Entry& entry : entries_) {
    if (entry.operation == &operation) entry.operation = nullptr;
  }
}

void Connection::Append(Entry entry) {
  if (entries_.empty()) {
    progress_ = loop_.now();
    loop_.timers().Arm(watchdog_, loop_.After(options_->timeout + kGrace));
  }
  entry.sent = loop_.now();
  entries_.push_back(entry);
}

bool Connection::SendQuery(Operation& operation, std::size_t index) {
  const Query& query = operation.queries[index];
  const bool write = operation.kind == OperationKind::kWrite;
  const Params& params = query.params;
  const int results = query.text_results ? 0 : 1;
  bool sent;
  if (query.statement && options_->prepare) {
    const std::size_t statement = query.statement->index;
    if (prepared_.size() <= statement) prepared_.resize(statement + 1);
    if (prepared_[statement] == 0) {
      prepared_[statement] = ++names_;
      const StatementName name(names_);
      if (!PQsendPrepare(connection_, name.text, query.text(), 0, nullptr)) return false;
      Append({.what = Entry::What::kPrepare,
              .write = write,
              .index = static_cast<uint32_t>(statement),
              .operation = &operation,
              .sent = {}});
    }
    const StatementName name(prepared_[statement]);
    sent = PQsendQueryPrepared(connection_, name.text, params.size(), params.values(),
                               params.lengths(), params.formats(), results) != 0;
  } else {
    sent = PQsendQueryParams(connection_, query.text(), params.size(), nullptr, params.values(),
                             params.lengths(), params.formats(), results) != 0;
  }
  if (!sent) return false;
  Append({.what = Entry::What::kQuery,
          .write = write,
          .index = static_cast<uint32_t>(index),
          .operation = &operation,
          .sent = {}});
  return true;
}

bool Connection::SendOperation(Operation& operation) {
  operation.holder = this;
  operation.sent = true;
  for (std::size_t i = 0; i < operation.queries.size(); ++i) {
    if (!SendQuery(operation, i)) return false;
  }
  return operation.kind == OperationKind::kRead || Sync(&operation);
}

bool Connection::Sync(Operation* write) {
  if (!PQpipelineSync(connection_)) return false;
  Append({.what = Entry::What::kSync,
          .write = write != nullptr,
          .index = 0,
          .operation = write,
          .sent = {}});
  return true;
}

// Resumes nobody: the end of a turn is no place from which this object may go away.
void Connection::Flush() {
  if (!usable() || blocked_) return;
  bool segment = false;
  while (Operation* operation = unsent_reads_.front()) {
    if (segment && operation->alone) {
      if (!Sync(nullptr)) return BreakLater();
    }
    unsent_reads_.Pop();
    if (!SendOperation(*operation)) return BreakLater();
    segment = !operation->alone;
    if (operation->alone && !Sync(nullptr)) return BreakLater();
  }
  if (segment && !Sync(nullptr)) return BreakLater();
  std::size_t bytes = 0;
  while (Operation* operation = unsent_writes_.Pop()) {
    if (!SendOperation(*operation)) return BreakLater();
    for (const Query& query : operation->queries) bytes += query.params.bytes();
    if (bytes < kFlushBytes) continue;
    bytes = 0;
    WriteOut();
    if (blocked_) break;
  }
  WriteOut();
  // A write that found no room made libpq read; no edge will tell of what it has read.
  if (!entries_.empty() && !PQisBusy(connection_)) {
    loop_.Post([self = shared_from_this()] {
      if (self->usable()) self->ReadAll();
    });
  }
}

void Connection::WriteOut() {
  const int result = PQflush(connection_);
  if (result < 0) return BreakLater();
  blocked_ = result > 0;
  if (!blocked_) return;
  watch_.set_writable(false);
  watch_.OnWritable(&write_waiter_);
}

void Connection::BreakLater() {
  loop_.Post([self = shared_from_this()] {
    if (self->usable()) self->ReadAll();  // may tell more; it finds the connection broken
    if (self->usable()) {
      self->Break({Kind::kUnavailable, StrCat("the connection to postgresql at ", self->host_,
                                              " broke while sending")});
    }
  });
}

void Connection::Break(base::Error error) {
  if (!broken_) broken_ = std::move(error);
  ended_.Set();
}

void Connection::ArmWatchdog() {
  if (!entries_.empty()) {
    const async::TimePoint since = std::max(progress_, entries_.front().sent);
    loop_.timers().Arm(watchdog_, since + options_->timeout + kGrace);
  } else if (options_->idle_time.count() > 0) {
    loop_.timers().Arm(watchdog_, progress_ + options_->idle_time);
  }
}

void Connection::OnWatchdog() {
  const auto self = shared_from_this();
  const async::TimePoint now = loop_.now();
  if (!entries_.empty()) {
    if (now - std::max(progress_, entries_.front().sent) >= options_->timeout + kGrace) {
      return Break({Kind::kTimeout, StrCat("postgresql at ", host_,
                                           " stopped answering; the connection was given up")});
    }
  } else if (unsent_reads_.empty() && unsent_writes_.empty() && options_->idle_time.count() > 0 &&
             now - progress_ >= options_->idle_time) {
    return ended_.Set();
  }
  ArmWatchdog();
}

void Connection::GiveUp(Operation& operation) {
  if (operation.error && !operation.replay) {  // the server has said what became of it
    failing_.Push(operation, this);
    return;
  }
  const bool never_happened = !operation.sent || operation.kind == OperationKind::kRead;
  if (owner_ && never_happened && operation.replays < 2) {
    if (operation.sent) ++operation.replays;
    operation.sent = false;
    operation.holder = nullptr;
    owner_->Return(operation);
    return;
  }
  base::Error error =
      broken_ ? *broken_
              : base::Error(Kind::kUnavailable,
                            StrCat("the connection to postgresql at ", host_, " was closed"));
  if (operation.sent && operation.kind == OperationKind::kWrite) {
    error.message += "; whether the write has happened is not known";
  }
  operation.error = std::move(error);
  failing_.Push(operation, this);
}

void Connection::Finish() {
  started_ = false;
  ended_.Set();
  watchdog_.Cancel();
  watch_.Close();
  PQfinish(std::exchange(connection_, nullptr));
  for (const Entry& entry : std::exchange(entries_, {})) {
    // A write is named by its sync, a read by its statement.
    const bool names = entry.what == (entry.write ? Entry::What::kSync : Entry::What::kQuery);
    if (names && entry.operation) GiveUp(*entry.operation);
  }
  for (OperationQueue* queue : {&unsent_reads_, &unsent_writes_}) {
    while (Operation* operation = queue->Pop()) GiveUp(*operation);
  }
  read_count_ = write_count_ = 0;
  // Who is resumed may take others off the list.
  while (Operation* operation = failing_.Pop()) operation->Complete();
}

}  // namespace components::postgres
