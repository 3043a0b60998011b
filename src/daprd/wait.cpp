#include "daprd/wait.hpp"

#include <thread>

#include "async/loop_group.hpp"
#include "base/strings.hpp"
#include "http/client.hpp"
#include "net/resolver.hpp"
#include "telemetry/log.hpp"

namespace daprd {
namespace {

// One address each time: behind a name may be several instances that come and go.
async::Task<void> Ask(http::Client& client, net::Resolver& names, std::string_view host,
                      uint16_t port, bool& ready) {
  const async::Context context(async::Loop::Current()->After(std::chrono::seconds(1)));
  auto found = co_await names.Resolve(context, host, port);
  if (!found) co_return;
  http::Origin origin;
  origin.address = found->addresses.front();
  http::RequestHead head;
  head.target = "/v1.0/healthz/outbound";
  head.authority = origin.address.ToString();
  auto response = co_await client.Send(context, origin, std::move(head), nullptr);
  ready = response && response->head.status == 204;
  if (!response) names.Forget(host);
}

async::Task<void> CloseClient(http::Client& client) {
  const async::Context context(async::Loop::Current()->After(std::chrono::milliseconds(100)));
  co_await client.Close(context);
}

}  // namespace

int WaitForRuntime(const config::Options& options) {
  const telemetry::Log log("dapr.runtime");
  const std::string host =
      options.listen_addresses.empty() ? "127.0.0.1" : options.listen_addresses.front();
  async::LoopGroup loops(1);
  std::unique_ptr<http::Client> client;
  std::unique_ptr<net::Resolver> names;
  loops.RunOn(0, [&] {
    client = http::MakeClient(loops.at(0));
    names = std::make_unique<net::Resolver>(loops.at(0));
  });
  bool ready = false;
  const auto until = async::Clock::now() + std::chrono::minutes(1);
  while (!ready && async::Clock::now() < until) {
    loops.RunTaskOn(0, [&] { return Ask(*client, *names, host, options.http_port, ready); });
    if (!ready) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  loops.RunTaskOn(0, [&] { return CloseClient(*client); });
  loops.RunOn(0, [&] {
    client.reset();
    names.reset();
  });
  if (!ready) {
    log.Fatal(base::StrCat("no runtime became ready at ", host, " port ", options.http_port,
                           " within a minute"));
  }
  return ready ? 0 : 1;
}

}  // namespace daprd
