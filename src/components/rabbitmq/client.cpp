#include "components/rabbitmq/client.hpp"

#include <cstdio>
#include <cstdlib>

#include "async/loop.hpp"

namespace components::rabbitmq {

// The end of one part on its loop, told to the loop that waits for it. The gate is of the part's
// loop, the event of the other.
struct Client::Farewell {
  async::Loop* home = nullptr;
  async::Gate gate;
  async::Event done;
};

base::Result<std::unique_ptr<Client>> Client::Make(Settings settings, bool confirms) {
  ASSIGN_OR_RETURN(DialOptions options, MakeDialOptions(std::move(settings)));
  return std::unique_ptr<Client>(new Client(std::move(options), confirms));
}

Client::~Client() {
  if (parts_.empty()) return;
  std::fprintf(stderr, "fatal: a rabbitmq client was destroyed without being closed\n");
  std::abort();
}

Client::Part& Client::Here() {
  async::Loop& loop = *async::Loop::Current();
  const std::lock_guard lock(mutex_);
  for (const auto& part : parts_) {
    if (&part->loop == &loop) return *part;
  }
  return *parts_.emplace_back(std::make_unique<Part>(loop, options_, confirms_));
}

async::Task<base::Status> Client::Ping(const async::Context& context) {
  auto connection = co_await Here().publishing.Get(context, 1);
  if (!connection) co_return std::unexpected(std::move(connection).error());
  co_return base::Status();
}

async::Task<void> Client::End(std::shared_ptr<Farewell> farewell, std::unique_ptr<Part> part) {
  co_await part->publishing.Close();
  co_await part->consuming.Close();
  part.reset();
  // The gate must be left before it goes, and go on this loop.
  async::Loop::Current()->Post([farewell] {
    async::Loop* const home = farewell->home;
    home->Post([farewell] { farewell->done.Set(); });
  });
}

async::Task<void> Client::Close(const async::Context& context) {
  std::vector<std::unique_ptr<Part>> parts;
  {
    const std::lock_guard lock(mutex_);
    parts.swap(parts_);
  }
  for (std::unique_ptr<Part>& part : parts) {
    const auto farewell = std::make_shared<Farewell>();
    farewell->home = async::Loop::Current();
    async::Loop& loop = part->loop;
    auto work = [farewell, part = std::move(part)]() mutable {
      farewell->gate.Spawn(End(farewell, std::move(part)));
    };
    loop.Post(std::move(work));
    co_await farewell->done.Wait(context);
  }
}

}  // namespace components::rabbitmq
