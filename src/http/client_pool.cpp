#include "http/client_pool.hpp"

#include "base/strings.hpp"

namespace http {
namespace {

// Canceled when either of two is.
class EitherToken {
 public:
  EitherToken(async::CancelToken* first, async::CancelToken& second) {
    if (first && !first_.HookInto(*first)) token_.Cancel();
    if (!second_.HookInto(second)) token_.Cancel();
  }
  async::CancelToken& token() { return token_; }

 private:
  struct Hook : async::CancelHook {
    explicit Hook(async::CancelToken* target)
        : CancelHook([](CancelHook* hook) { static_cast<Hook*>(hook)->target->Cancel(); }),
          target(target) {}
    async::CancelToken* target;
  };
  async::CancelToken token_;
  Hook first_{&token_};
  Hook second_{&token_};
};

}  // namespace

base::Error EndOfWait(async::Wake wake, std::string_view what, const Origin& origin) {
  if (wake == async::Wake::kTimeout) {
    return base::Error(base::Kind::kTimeout,
                       base::StrCat("timeout ", what, " ", origin.address.ToString()));
  }
  return base::Error(base::Kind::kCanceled,
                     base::StrCat("canceled ", what, " ", origin.address.ToString()));
}

base::Error ClientClosing() {
  return base::Error(base::Kind::kUnavailable, "the HTTP client is closing");
}

base::Result<std::shared_ptr<const net::TlsContext>> TlsOf(const Origin& origin) {
  if (origin.tls_source) return origin.tls_source->Current();
  return origin.tls;
}

async::Task<base::Result<std::unique_ptr<net::Stream>>> Connect(
    const async::Context& context, const Origin& origin, std::shared_ptr<const net::TlsContext> tls,
    async::TimePoint until, async::CancelToken& closing) {
  async::Loop& loop = *async::Loop::Current();
  EitherToken stop(context.cancel, closing);
  async::Context bounded = context.Until(until);
  bounded.cancel = &stop.token();
  // A dial that takes too long is an unreachable peer, unless the caller's own time is over.
  const auto judge = [&](base::Error error) {
    if (closing.canceled()) return std::unexpected(ClientClosing());
    const bool slow = error.kind == base::Kind::kTimeout && loop.now() < context.deadline;
    if (slow || error.kind == base::Kind::kUnavailable) error.kind = base::Kind::kUnreachable;
    return std::unexpected(std::move(error));
  };
  auto stream = co_await net::Dial(bounded, origin.address);
  if (!stream) co_return judge(std::move(stream).error());
  if (tls) {
    auto status = co_await (*stream)->ConnectTls(bounded, std::move(tls), origin.server_name);
    if (!status) co_return judge(std::move(status).error());
  }
  co_return std::move(*stream);
}

}  // namespace http
