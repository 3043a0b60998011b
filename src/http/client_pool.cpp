#include "http/client_pool.hpp"

#include "base/strings.hpp"

namespace http {

base::Error EndOfWait(async::Wake wake, std::string_view what, const Origin& origin) {
  if (wake == async::Wake::kTimeout) {
    return base::Error(base::Kind::kTimeout,
                       base::StrCat("timeout ", what, " ", origin.address.ToString()));
  }
  return base::Error(base::Kind::kCanceled,
                     base::StrCat("canceled ", what, " ", origin.address.ToString()));
}

async::Task<base::Result<std::unique_ptr<net::Stream>>> Connect(const async::Context& context,
                                                                const Origin& origin,
                                                                std::chrono::milliseconds timeout) {
  async::Loop& loop = *async::Loop::Current();
  const async::Context bounded = context.Until(loop.After(timeout));
  // A dial that takes too long is an unreachable peer, unless the caller's own time is over.
  const auto judge = [&](base::Error error) {
    const bool slow = error.kind == base::Kind::kTimeout && loop.now() < context.deadline;
    if (slow || error.kind == base::Kind::kUnavailable) error.kind = base::Kind::kUnreachable;
    return std::unexpected(std::move(error));
  };
  auto stream = co_await net::Dial(bounded, origin.address);
  if (!stream) co_return judge(std::move(stream).error());
  if (origin.tls) {
    auto status = co_await (*stream)->ConnectTls(bounded, origin.tls, origin.server_name);
    if (!status) co_return judge(std::move(status).error());
  }
  co_return std::move(*stream);
}

}  // namespace http
