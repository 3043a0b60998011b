#include "net/resolver_channel.hpp"

#include <poll.h>
#include <sys/time.h>

#include <mutex>

namespace net {
namespace {

constexpr int kMostReadsPerEdge = 64;

void InitLibrary() {
  static std::once_flag once;
  std::call_once(once, [] { ares_library_init(ARES_LIB_INIT_ALL); });
}

}  // namespace

Resolver::Channel::Watched::Edge::Edge(Watched* watched)
    : Waiter([](Waiter* waiter) {
        const Watched* self = static_cast<Edge*>(waiter)->watched;
        self->owner->OnEdge(self->fd);
      }),
      watched(watched) {}

Resolver::Channel::Tick::Tick(Channel* owner)
    : Timer([](Timer* timer) { static_cast<Tick*>(timer)->owner->OnTick(); }), owner(owner) {}

Resolver::Channel::Channel(async::Loop& loop, const ResolverOptions& options,
                           std::function<void()> after)
    : loop_(loop), after_(std::move(after)) {
  InitLibrary();
  ares_options ares{};
  ares.timeout = static_cast<int>(options.timeout.count());
  ares.tries = options.tries;
  ares.sock_state_cb = OnSocketState;
  ares.sock_state_cb_data = this;
  int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  std::vector<char*> domains;
  if (!options.servers.empty()) {
    for (const std::string& domain : options.search_domains) {
      domains.push_back(const_cast<char*>(domain.c_str()));  // copied by c-ares
    }
    ares.domains = domains.data();
    ares.ndomains = static_cast<int>(domains.size());
    mask |= ARES_OPT_DOMAINS;
  }
  status = ares_init_options(&channel, &ares, mask);
  if (status != ARES_SUCCESS) {
    channel = nullptr;
    return;
  }
  if (!options.servers.empty()) {
    status = ares_set_servers_ports_csv(channel, options.servers.c_str());
    if (status != ARES_SUCCESS) {
      ares_destroy(channel);
      channel = nullptr;
    }
  }
}

Resolver::Channel::~Channel() {
  if (channel) ares_destroy(channel);
}

void Resolver::Channel::OnSocketState(void* self, ares_socket_t fd, int readable, int writable) {
  auto& owner = *static_cast<Channel*>(self);
  const auto found = owner.sockets_.find(fd);
  if (!readable && !writable) {
    if (found == owner.sockets_.end()) return;
    found->second->watch.Close();  // now: c-ares closes the descriptor next
    owner.closed_.push_back(std::move(found->second));
    owner.sockets_.erase(found);
    return;
  }
  Watched* watched = nullptr;
  if (found == owner.sockets_.end()) {
    auto made = std::make_unique<Watched>();
    made->owner = &owner;
    made->fd = fd;
    // If the loop cannot watch it, the question ends by c-ares's timeout.
    if (!made->watch.Open(owner.loop_, fd)) return;
    made->watch.OnReadable(&made->read);
    made->watch.OnWritable(&made->write);
    watched = made.get();
    owner.sockets_.emplace(fd, std::move(made));
  } else {
    watched = found->second.get();
  }
  // The edge of a socket that was writable all along has passed.
  if (writable && !watched->wants_write) owner.poll_again_ = true;
  watched->wants_write = writable != 0;
}

void Resolver::Channel::ServeSocket(int fd) {
  for (int i = 0; i < kMostReadsPerEdge; ++i) {
    const auto found = sockets_.find(fd);
    if (found == sockets_.end()) return;
    const short wanted = static_cast<short>(POLLIN | (found->second->wants_write ? POLLOUT : 0));
    pollfd state{.fd = fd, .events = wanted, .revents = 0};
    if (poll(&state, 1, 0) <= 0) return;
    const bool failed = (state.revents & (POLLERR | POLLHUP)) != 0;
    const bool write = failed || (state.revents & POLLOUT) != 0;
    const bool read = failed || (state.revents & POLLIN) != 0;
    ares_process_fd(channel, read ? fd : ARES_SOCKET_BAD,
                    write && found->second->wants_write ? fd : ARES_SOCKET_BAD);
  }
  poll_again_ = true;
}

void Resolver::Channel::OnEdge(int fd) {
  ServeSocket(fd);
  if (const auto found = sockets_.find(fd); found != sockets_.end()) {
    found->second->watch.OnReadable(&found->second->read);
    found->second->watch.OnWritable(&found->second->write);
  }
  Finish();
}

void Resolver::Channel::OnTick() {
  poll_again_ = false;
  std::vector<int> fds;
  for (const auto& [fd, watched] : sockets_) fds.push_back(fd);
  for (const int fd : fds) ServeSocket(fd);
  ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // timeouts
  Finish();
}

void Resolver::Channel::ArmTimer() {
  timeval wait{};
  if (poll_again_) {
    loop_.timers().Arm(tick_, loop_.now());
  } else if (ares_timeout(channel, nullptr, &wait)) {
    loop_.timers().Arm(tick_, loop_.After(std::chrono::seconds(wait.tv_sec) +
                                          std::chrono::microseconds(wait.tv_usec)));
  } else {
    tick_.Cancel();
  }
}

void Resolver::Channel::Finish() {
  closed_.clear();
  ArmTimer();
  const std::function<void()> after = after_;
  after();  // *this may be gone
}

}  // namespace net
