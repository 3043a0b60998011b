#include "daprd/wait.hpp"

#include <thread>

#include "async/loop_group.hpp"
#include "base/strings.hpp"
#include "http/client.hpp"
#include "telemetry/log.hpp"

namespace daprd {
namespace {

async::Task<void> Ask(http::Client& client, const http::Origin& origin, bool& ready) {
  const async::Context context(async::Loop::Current()->After(std::chrono::seconds(1)));
  http::RequestHead head;
  head.target = "/v1.0/healthz/outbound";
  head.authority = origin.address.ToString();
  auto response = co_await client.Send(context, origin, std::move(head), nullptr);
  ready = response && response->head.status == 204;
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
  auto address = net::Address::FromIp(host, options.http_port);
  if (!address) {
    log.Fatal(base::StrCat("--wait: ", address.error().message));
    return 1;
  }
  http::Origin origin;
  origin.address = *address;
  async::LoopGroup loops(1);
  std::unique_ptr<http::Client> client;
  loops.RunOn(0, [&] { client = http::MakeClient(loops.at(0)); });
  bool ready = false;
  const auto until = async::Clock::now() + std::chrono::minutes(1);
  while (!ready && async::Clock::now() < until) {
    loops.RunTaskOn(0, [&] { return Ask(*client, origin, ready); });
    if (!ready) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  loops.RunTaskOn(0, [&] { return CloseClient(*client); });
  loops.RunOn(0, [&] { client.reset(); });
  if (!ready) {
    log.Fatal(base::StrCat("no runtime became ready at ", address->ToString(), " within a minute"));
  }
  return ready ? 0 : 1;
}

}  // namespace daprd
