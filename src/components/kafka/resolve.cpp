#include "components/kafka/resolve.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <cstdlib>
#include <cstring>
#include <optional>

#include "async/gate.hpp"
#include "base/strings.hpp"
#include "net/resolver.hpp"

namespace components::kafka {
namespace {

constexpr std::chrono::seconds kPatience(10);

async::Task<void> Ask(net::Resolver& resolver, const char* node, uint16_t port,
                      std::optional<base::Result<net::Resolved>>& answer) {
  const async::Context context(async::Loop::Current()->After(kPatience));
  answer = co_await resolver.Resolve(context, node, port);
}

void Free(addrinfo* list) {
  while (list) {
    addrinfo* next = list->ai_next;
    std::free(list->ai_addr);
    std::free(list);
    list = next;
  }
}

addrinfo* Entry(const net::Address& address, const addrinfo* hints) {
  auto* entry = static_cast<addrinfo*>(std::calloc(1, sizeof(addrinfo)));
  auto* copy = static_cast<sockaddr*>(std::malloc(address.size()));
  std::memcpy(copy, address.data(), address.size());
  entry->ai_family = copy->sa_family;
  entry->ai_socktype = hints ? hints->ai_socktype : SOCK_STREAM;
  entry->ai_protocol = hints ? hints->ai_protocol : 0;
  entry->ai_addr = copy;
  entry->ai_addrlen = static_cast<socklen_t>(address.size());
  return entry;
}

// As getaddrinfo; with neither name nor service it frees `*out`.
int Resolve(const char* node, const char* service, const addrinfo* hints, addrinfo** out,
            void* /*opaque*/) {
  if (!node && !service) {
    Free(*out);
    return 0;
  }
  *out = nullptr;
  const auto port = base::ParseUint<uint16_t>(service ? service : "0");
  if (!node || !port) return EAI_NONAME;
  async::Loop loop;
  std::optional<base::Result<net::Resolved>> answer;
  {
    net::Resolver resolver(loop);
    async::Gate gate;
    // The loop is current only during its turns.
    loop.Post([&] { gate.Spawn(Ask(resolver, node, *port, answer)); });
    while (!answer) loop.RunOnce(1000);
  }
  if (!*answer) {
    return answer->error().kind == base::Kind::kNotFound ? EAI_NONAME : EAI_AGAIN;
  }
  addrinfo** next = out;
  for (const net::Address& address : (*answer)->addresses) {
    const bool wanted =
        !hints || hints->ai_family == AF_UNSPEC || hints->ai_family == address.data()->sa_family;
    if (!wanted) continue;
    *next = Entry(address, hints);
    next = &(*next)->ai_next;
  }
  return *out ? 0 : EAI_NONAME;
}

}  // namespace

void UseOwnResolver(rd_kafka_conf_t* conf) {
  rd_kafka_conf_set_resolve_cb(conf, Resolve);
}

}  // namespace components::kafka
