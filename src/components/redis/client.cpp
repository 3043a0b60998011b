#include "components/redis/client.hpp"

#include <cstdio>
#include <cstdlib>

#include "async/loop.hpp"
#include "components/redis/loop_client.hpp"

namespace components::redis {

namespace {

// The end of one loop's part, told to the loop that waits for it. The event is touched on the
// waiting loop only; whoever comes last frees it.
struct Ending {
  async::Event done;
};

// Work on another loop: closes the part there and reports back.
struct Closer {
  std::unique_ptr<LoopClient> part;
  async::Loop* home;
  std::shared_ptr<Ending> ending;
  async::Gate gate;
};

async::Task<void> CloseThere(Closer* closer) {
  co_await closer->part->Close();
  closer->part.reset();
  // The gate must be left before it goes.
  async::Loop::Current()->Post([closer] {
    const std::unique_ptr<Closer> last(closer);
    last->home->Post([ending = last->ending] { ending->done.Set(); });
  });
}

}  // namespace

base::Result<std::unique_ptr<Client>> Client::Make(Settings settings) {
  ASSIGN_OR_RETURN(DialerOptions options, MakeDialerOptions(std::move(settings)));
  return std::unique_ptr<Client>(new Client(std::move(options)));
}

Client::~Client() {
  for (const auto& part : loops_) {
    if (!part.load()) continue;
    std::fprintf(stderr, "fatal: a redis client was destroyed without being closed\n");
    std::abort();
  }
}

LoopClient& Client::Here() {
  async::Loop& loop = *async::Loop::Current();
  auto& part = loops_[static_cast<std::size_t>(loop.index()) % kMaxLoops];
  LoopClient* here = part.load(std::memory_order_relaxed);
  if (!here) {
    here = new LoopClient(loop, options_);
    part.store(here, std::memory_order_release);
  }
  return *here;
}

async::Task<base::Status> Client::Run(const async::Context& context, Request& request, Lane lane) {
  return Here().Run(context, request, lane);
}

async::Task<void> Client::RunAll(const async::Context& context, std::span<Request> requests,
                                 Lane lane) {
  return Here().RunAll(context, requests, lane);
}

async::Task<base::Result<Reply>> Client::Call(const async::Context& context,
                                              std::span<const Arg> args, std::string_view key,
                                              bool repeatable) {
  Request request{.args = args, .key = key, .repeatable = repeatable};
  CO_RETURN_IF_ERROR(co_await Run(context, request));
  if (request.reply.is_error()) co_return std::unexpected(ServerError(request.reply.text()));
  co_return std::move(request.reply);
}

async::Task<base::Result<std::unique_ptr<Session>>> Client::OpenSession(
    const async::Context& context, std::string_view key, std::size_t max_pushed) {
  return Here().OpenSession(context, key, max_pushed);
}

async::Task<base::Status> Client::Ping(const async::Context& context) {
  const Arg args[] = {"PING"};
  Request request{.args = args, .repeatable = true};
  CO_RETURN_IF_ERROR(co_await Run(context, request));
  const Reply& reply = request.reply;
  // A user without the right to PING has been answered all the same.
  if (reply.is_error() && !reply.text().starts_with("NOPERM")) {
    co_return std::unexpected(ServerError(reply.text()));
  }
  co_return base::Status();
}

std::size_t Client::connections() {
  return Here().connections();
}

async::Task<void> Client::Close(const async::Context& context) {
  async::Loop* const home = async::Loop::Current();
  for (auto& slot : loops_) {
    std::unique_ptr<LoopClient> part(slot.exchange(nullptr));
    if (!part) continue;
    async::Loop& loop = part->loop();
    if (&loop == home) {
      co_await part->Close();
      continue;
    }
    auto ending = std::make_shared<Ending>();
    auto* closer = new Closer{std::move(part), home, ending, {}};
    loop.Post([closer] { closer->gate.Spawn(CloseThere(closer)); });
    co_await ending->done.Wait(context);
  }
}

}  // namespace components::redis
