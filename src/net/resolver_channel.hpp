// Drives one c-ares channel from a loop: its sockets by edges, its retries by a timer. Inside net/
// only.
#pragma once

#include <ares.h>

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "async/loop.hpp"
#include "net/resolver.hpp"

namespace net {

struct Resolver::Channel {
  /// `after` runs whenever c-ares may have settled questions; it may destroy this object.
  Channel(async::Loop& loop, const ResolverOptions& options, std::function<void()> after);
  ~Channel();

  /// Null if c-ares could not start; `status` tells.
  ares_channel channel = nullptr;
  int status = ARES_SUCCESS;

  /// Call after each question put to c-ares.
  void ArmTimer();

 private:
  // c-ares expects to be called as long as a socket is ready, an edge comes only once. So each edge
  // polls until the socket is not ready.
  struct Watched {
    struct Edge : async::Waiter {
      explicit Edge(Watched* watched);
      Watched* watched;
    };
    Channel* owner = nullptr;
    int fd = -1;
    bool wants_write = false;
    async::FdWatch watch;
    Edge read{this};
    Edge write{this};
  };
  struct Tick : async::Timer {
    explicit Tick(Channel* owner);
    Channel* owner;
  };
  static void OnSocketState(void* self, ares_socket_t fd, int readable, int writable);
  void OnEdge(int fd);
  void OnTick();
  void ServeSocket(int fd);
  void Finish();

  async::Loop& loop_;
  std::function<void()> after_;
  std::unordered_map<int, std::unique_ptr<Watched>> sockets_;
  std::vector<std::unique_ptr<Watched>> closed_;  // freed when c-ares is off the stack
  bool poll_again_ = false;                       // a socket changed what it waits for
  Tick tick_{this};
};

}  // namespace net
