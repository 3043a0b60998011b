// Client: a rabbitmq component's way to its broker, from any loop. Made in the component's Init,
// closed in its Close. Each loop has a part of its own, made when it is first used: a connection
// for publishing and one for consuming.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "components/rabbitmq/link.hpp"
#include "components/rabbitmq/publisher.hpp"

namespace components::rabbitmq {

class Client {
 public:
  /// `confirms` as of Publisher. kInvalidArgument on settings that cannot work. Connects to
  /// nothing.
  static base::Result<std::unique_ptr<Client>> Make(Settings settings, bool confirms);
  /// Close must have been awaited.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const Settings& settings() const { return options_.settings; }

  // Of the loop this is called on.
  Publisher& publisher() { return Here().publisher; }
  Link& consuming() { return Here().consuming; }

  /// Reaches the broker and logs in.
  async::Task<base::Status> Ping(const async::Context& context);
  /// Ends everything on all loops. After it nothing may be called.
  async::Task<void> Close(const async::Context& context);

 private:
  struct Part {
    Part(async::Loop& home, const DialOptions& options, bool confirms)
        : loop(home),
          resolver(home),
          publishing(options, resolver),
          consuming(options, resolver),
          publisher(publishing, confirms) {}
    async::Loop& loop;
    net::Resolver resolver;
    Link publishing;
    Link consuming;
    Publisher publisher;
  };
  struct Farewell;

  Client(DialOptions options, bool confirms) : options_(std::move(options)), confirms_(confirms) {}
  Part& Here();
  static async::Task<void> End(std::shared_ptr<Farewell> farewell, std::unique_ptr<Part> part);

  const DialOptions options_;
  const bool confirms_;
  std::mutex mutex_;  // of the list; the parts belong to their loops
  std::vector<std::unique_ptr<Part>> parts_;
};

}  // namespace components::rabbitmq
