#include "control/link/link.hpp"

#include <algorithm>
#include <utility>

#include "base/random.hpp"
#include "base/strings.hpp"
#include "grpc/client.hpp"

namespace control {
namespace {

// A trouble that goes on is told again after this time.
constexpr std::chrono::minutes kTellAgain{1};

}  // namespace

base::Result<HostPort> SplitAddress(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  const auto port = colon == std::string_view::npos || colon == 0
                        ? std::nullopt
                        : base::ParseUint<uint16_t>(address.substr(colon + 1));
  if (!port || *port == 0) {
    return base::Fail(
        base::Kind::kInvalidArgument,
        base::StrCat("the address ", base::Quote(address), " is not of the form host:port"));
  }
  return HostPort{std::string(address.substr(0, colon)), *port};
}

std::vector<http::Origin> OriginsOf(const HostPort& place,
                                    const std::vector<net::Address>& addresses,
                                    std::shared_ptr<const net::TlsSource> tls) {
  std::vector<http::Origin> out;
  for (const net::Address& address : addresses) {
    http::Origin& origin = out.emplace_back();
    origin.address = address;
    origin.protocol = http::Protocol::kHttp2;
    // An address is no name that could be asked for.
    if (!net::Address::FromIp(place.host, place.port)) origin.server_name = place.host;
    origin.tls_source = tls;
  }
  return out;
}

async::Task<void> Backoff::Pause(const async::Context& context) {
  const std::chrono::milliseconds pause = next_;
  next_ = std::min(next_ + next_ / 2, most_);
  co_await async::Sleep(context, async::Loop::Current()->After(base::Jitter(pause, 0.3)));
}

bool Troubles::Worth(std::string_view what) {
  const async::TimePoint now = async::Loop::Current()->now();
  if (last_ == what && now - told_ < kTellAgain) return false;
  last_ = what;
  told_ = now;
  return true;
}

bool Troubles::Over() {
  return !std::exchange(last_, std::string()).empty();
}

async::Task<base::Status> OpenWithin(grpc::ClientStream& stream, const async::Context& context,
                                     async::Duration patience) {
  struct Limit {
    static async::Task<void> Run(const async::Context context, async::TimePoint end,
                                 async::CancelToken& opening, bool& late) {
      if (co_await async::Sleep(context, end) != async::Wake::kReady) co_return;
      late = true;
      opening.Cancel();
    }
  };
  struct Outer final : async::CancelHook {
    explicit Outer(async::CancelToken& opening)
        : async::CancelHook(
              [](async::CancelHook* hook) { static_cast<Outer*>(hook)->opening.Cancel(); }),
          opening(opening) {}
    async::CancelToken& opening;
  };
  async::CancelToken opening;
  Outer outer(opening);
  if (context.cancel && !outer.HookInto(*context.cancel)) opening.Cancel();
  bool late = false;
  async::Gate limit;
  limit.Spawn(Limit::Run(limit.context(), async::Loop::Current()->After(patience), opening, late));
  auto opened = co_await stream.Open(async::Context(async::kForever, &opening));
  const async::Context patient;
  co_await limit.Close(patient);
  if (!opened && late) co_return base::Fail(base::Kind::kTimeout, "there was no answer in time");
  co_return opened;
}

base::Error StreamEnd(const grpc::Status& status, std::string_view who) {
  return base::Error(base::Kind::kUnavailable,
                     status.ok() ? base::StrCat(who, " ended the stream")
                                 : grpc::RpcErrorText(status.code, status.message));
}

}  // namespace control
