#include "components/postgres/client.hpp"

#include <sys/stat.h>

#include <cstdlib>

#include "base/duration.hpp"
#include "base/strings.hpp"

namespace components::postgres {

using base::Kind;
using base::StrCat;

namespace {

constexpr std::size_t kConnectionsPerLoop = 3;
constexpr std::chrono::seconds kCloseTimeout(5);

// libpq's "-c name=value", blanks and backslashes escaped.
std::string SessionOptions(const Settings& settings) {
  std::string out;
  const auto add = [&out](std::string_view name, std::string_view value) {
    base::StrAppend(out, out.empty() ? "-c " : " -c ", name, "=");
    for (const char c : value) {
      if (base::IsSpace(c) || c == '\\') out += '\\';
      out += c;
    }
  };
  bool own_limit = false;
  for (const auto& [name, value] : settings.target.session) {
    add(name, value);
    own_limit = own_limit || base::EqualsIgnoreCase(name, "statement_timeout");
  }
  // What nobody waits for any more must not hold its locks on the server.
  if (!own_limit) {
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(settings.timeout);
    add("statement_timeout", StrCat(limit.count()));
  }
  return out;
}

// libpq looks for authorities in ~/.postgresql only; the Go driver takes those of the system.
std::string SystemAuthorities() {
  if (const char* file = std::getenv("SSL_CERT_FILE"); file && *file) return file;
  struct stat status{};
  for (const char* file : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    if (stat(file, &status) == 0) return file;
  }
  return {};
}

std::shared_ptr<const ConnectionOptions> MakeOptions(const Settings& settings, bool plain) {
  auto options = std::make_shared<ConnectionOptions>();
  const Target& target = settings.target;
  std::string session = plain ? std::string() : SessionOptions(settings);
  for (const auto& [name, value] : target.options) {
    if (name == "options") {
      if (!session.empty()) session += ' ';
      session += value;
    } else {
      options->parameters.emplace_back(name, value);
    }
  }
  const auto add = [&](std::string_view name, std::string value) {
    if (!value.empty() && !target.Find(name)) {
      options->parameters.emplace_back(name, std::move(value));
    }
  };
  if (!session.empty()) options->parameters.emplace_back("options", session);
  add("fallback_application_name", "daprd");
  options->parameters.emplace_back("client_encoding", "UTF8");
  options->parameters.emplace_back("gssencmode", "disable");
  // A peer that vanished without a word is noticed by the kernel.
  add("tcp_user_timeout", "5000");
  add("keepalives_idle", "15");
  add("keepalives_interval", "5");
  add("keepalives_count", "3");
  const std::string* mode = target.Find("sslmode");
  if (mode && mode->starts_with("verify")) add("sslrootcert", SystemAuthorities());
  options->prepare = settings.prepare;
  options->timeout = settings.timeout;
  options->idle_time = settings.idle_time;
  return options;
}

}  // namespace

bool RunningBase::await_suspend(std::coroutine_handle<> self) {
  if (!sink_) {
    error = base::Error(Kind::kInternal, "postgresql: this loop cannot be served");
    return false;
  }
  if (!sink_->Submit(*this)) return false;
  if (Suspend(self)) return true;
  Withdraw();
  return false;
}

void RunningBase::Settle() {
  if (wake_ == async::Wake::kReady || error) return;
  const bool canceled = wake_ == async::Wake::kCanceled;
  std::string text = canceled ? "the operation on postgresql was canceled"
                     : sent   ? "postgresql did not answer before the operation's timeout"
                              : "no connection to postgresql was free before the operation's "
                                "timeout";
  if (sent && kind == OperationKind::kWrite) {
    text += "; whether the write has happened is not known";
  }
  error = base::Error(canceled ? Kind::kCanceled : Kind::kTimeout, std::move(text));
}

bool Session::Submit(Operation& operation) {
  if (!connection_->usable()) {
    operation.error = {Kind::kUnavailable, "the connection to postgresql broke"};
    return false;
  }
  connection_->Submit(operation);
  return true;
}

Client::Client(Settings settings)
    : settings_(std::move(settings)),
      options_(MakeOptions(settings_, false)),
      plain_options_(MakeOptions(settings_, true)) {}

Client::~Client() = default;

const Statement& Client::Prepare(std::string sql) {
  statements_.push_back(std::make_unique<Statement>(std::move(sql), statements_.size()));
  return *statements_.back();
}

std::shared_ptr<const ConnectionOptions> Client::connection_options() const {
  return plain_.load(std::memory_order_relaxed) ? plain_options_ : options_;
}

bool Client::DropStartupSettings() {
  // What the user asked for cannot be left out in silence.
  return settings_.target.session.empty() && !plain_.exchange(true);
}

bool Client::MayOpen(std::size_t on_this_loop) const {
  if (settings_.max_connections > 0) {
    return open_connections_.load(std::memory_order_relaxed) < settings_.max_connections;
  }
  return on_this_loop < kConnectionsPerLoop;
}

Pool* Client::Here() {
  async::Loop* const loop = async::Loop::Current();
  const auto index = static_cast<std::size_t>(loop->index());
  if (index >= kMaxLoops) return nullptr;
  Pool* pool = pools_[index].load(std::memory_order_relaxed);
  if (!pool) {
    pool = new Pool(*this, *loop);
    pools_[index].store(pool, std::memory_order_release);
  }
  return pool;
}

async::Task<base::Result<std::unique_ptr<Session>>> Client::OpenSession(
    const async::Context& context) {
  Pool* const pool = Here();
  if (!pool) co_return base::Fail(Kind::kInternal, "postgresql: this loop cannot be served");
  auto connection = co_await pool->OpenSession(Bounded(context));
  if (!connection) co_return std::unexpected(std::move(connection).error());
  co_return std::make_unique<Session>(*std::move(connection));
}

namespace {

// Shared by the home loop, which may stop waiting, and the other loops.
struct Closing {
  async::Loop* home;
  int left = 0;  // touched on the home loop only
  async::Event done;
  async::Gate* gate = nullptr;
};

async::Task<void> CloseAndTell(Pool* pool, async::Gate* gate, std::shared_ptr<Closing> closing) {
  const async::Context context(async::Loop::Current()->After(kCloseTimeout));
  co_await pool->Close(context);
  // In a later turn, when this task has left its gate.
  pool->loop().Post([pool, gate, closing] {
    delete pool;
    delete gate;
    closing->home->Post([closing] {
      if (--closing->left == 0) closing->done.Set();
    });
  });
}

}  // namespace

async::Task<void> Client::Close(const async::Context& context) {
  async::Loop* const home = async::Loop::Current();
  auto closing = std::make_shared<Closing>();
  closing->home = home;
  for (std::atomic<Pool*>& place : pools_) {
    Pool* const pool = place.exchange(nullptr, std::memory_order_acquire);
    if (!pool) continue;
    ++closing->left;
    auto work = [pool, closing] {
      auto* gate = new async::Gate;
      gate->Spawn(CloseAndTell(pool, gate, closing));
    };
    if (&pool->loop() == home) {
      work();
    } else {
      pool->loop().Post(std::move(work));
    }
  }
  if (closing->left == 0) co_return;
  const async::Context limit = context.Until(home->After(kCloseTimeout * 2));
  co_await closing->done.Wait(limit);
}

}  // namespace components::postgres
