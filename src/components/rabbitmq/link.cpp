#include "components/rabbitmq/link.hpp"

#include <algorithm>

#include "async/loop.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"

namespace components::rabbitmq {

using base::Kind;
using base::StrCat;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kFirstPause(50);
constexpr int kMaxWaiting = 10'000;

// Counts a caller in as long as it waits.
struct Waiting {
  explicit Waiting(int& count) : count(count) { ++count; }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { --count; }
  int& count;
};

}  // namespace

bool IsLasting(const base::Error& error) {
  return error.kind == Kind::kUnauthenticated || error.kind == Kind::kInvalidArgument ||
         error.kind == Kind::kPermissionDenied;
}

base::Result<DialOptions> MakeDialOptions(Settings settings) {
  DialOptions options;
  if (settings.tls) {
    auto tls = net::TlsContext::Client(
        {.ca_pem = settings.ca_pem, .identity = {settings.certificate_pem, settings.key_pem}});
    if (!tls) {
      return base::Fail(
          Kind::kInvalidArgument,
          StrCat("TLS for rabbitmq (caCert, clientCert, clientKey): ", tls.error().message));
    }
    options.tls = *std::move(tls);
  }
  options.settings = std::move(settings);
  return options;
}

async::Task<base::Result<std::unique_ptr<net::Stream>>> Link::Dial(const async::Context& context) {
  const Settings& settings = options_.settings;
  auto found = co_await resolver_.Resolve(context, settings.host, settings.port);
  if (!found) co_return base::Fail(Kind::kUnreachable, found.error().message);
  base::Error error(Kind::kUnreachable, "no address");
  for (const net::Address& address : found->addresses) {
    auto stream = co_await net::Dial(context, address);
    if (stream) {
      if (!options_.tls) co_return stream;
      base::Status secure = co_await (*stream)->ConnectTls(context, options_.tls, settings.host);
      if (secure) co_return stream;
      error = std::move(secure).error();
    } else {
      error = std::move(stream).error();
    }
  }
  resolver_.Forget(settings.host);
  co_return std::unexpected(std::move(error));
}

async::Task<base::Result<std::shared_ptr<Connection>>> Link::Open(const async::Context& context) {
  auto stream = co_await Dial(context);
  if (!stream) {
    const base::Error& error = stream.error();
    const Kind kind = error.kind == Kind::kTimeout ? Kind::kUnreachable : error.kind;
    co_return base::Fail(kind,
                         StrCat("rabbitmq at ", options_.settings.Server(), ": ", error.message));
  }
  co_return co_await Connection::Open(context, *std::move(stream), options_.settings);
}

// One attempt; alone at any time.
async::Task<void> Link::Connect() {
  const async::Context context = gate_.context();
  if (connection_) {
    const auto broken = std::move(connection_);
    co_await broken->Close();
  }
  if (co_await async::Sleep(context, next_attempt_) == async::Wake::kReady) {
    async::Loop& loop = *async::Loop::Current();
    const auto limit = std::chrono::duration_cast<async::Duration>(options_.settings.dial_timeout);
    const async::Context limited = context.Until(loop.After(limit));
    auto opened = co_await Open(limited);
    ++attempts_;
    if (opened) {
      connection_ = *std::move(opened);
      failures_ = 0;
      last_error_.reset();
      // A broker that greets and hangs up is not asked without a pause.
      next_attempt_ = loop.After(base::Jitter(kFirstPause));
    } else {
      last_error_ = std::move(opened).error();
      const auto longest =
          std::chrono::duration_cast<async::Duration>(options_.settings.reconnect_wait);
      const async::Duration pause = kFirstPause * (1 << std::min(failures_, 10));
      ++failures_;
      next_attempt_ = loop.After(base::Jitter(std::min(pause, longest)));
    }
  }
  connecting_ = false;
  changed_.Pulse();
}

async::Task<base::Result<std::shared_ptr<Connection>>> Link::Get(const async::Context& context,
                                                                 int attempts) {
  if (ready()) co_return connection_;
  if (waiting_ >= kMaxWaiting) {
    co_return base::Fail(Kind::kExhausted,
                         StrCat("more than ", kMaxWaiting,
                                " callers wait for a connection to rabbitmq already: slow down"));
  }
  const Waiting counted(waiting_);
  const uint64_t first = attempts_;
  while (true) {
    if (gate_.closing()) {
      co_return base::Fail(Kind::kCanceled, "the rabbitmq component is closing");
    }
    if (ready()) co_return connection_;
    if (last_error_ && attempts_ > first &&
        (attempts_ - first >= static_cast<uint64_t>(attempts) || IsLasting(*last_error_))) {
      co_return std::unexpected(*last_error_);
    }
    if (!connecting_) {
      connecting_ = true;
      gate_.Spawn(Connect());
      continue;
    }
    const async::Wake wake = co_await changed_.Wait(context);
    if (wake == async::Wake::kReady) continue;
    if (wake == async::Wake::kCanceled) {
      co_return base::Fail(Kind::kCanceled, "the caller went away");
    }
    co_return base::Fail(
        Kind::kUnreachable,
        StrCat("no connection to rabbitmq at ", options_.settings.Server(), " before the deadline",
               last_error_ ? ": " : "",
               last_error_ ? std::string_view(last_error_->message) : std::string_view()));
  }
}

async::Task<void> Link::Close() {
  co_await gate_.Close(async::Context());
  changed_.Set();
  if (connection_) {
    const auto last = std::move(connection_);
    co_await last->Close();
  }
  while (waiting_ > 0) co_await async::Yield();
}

}  // namespace components::rabbitmq
