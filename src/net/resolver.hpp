// Resolver: host names to addresses, one per loop. Answers are kept for the time to live that DNS
// gave them, equal questions asked at once become one. Own loop's thread only.
//
// IP literals and "localhost" are answered at once, then /etc/hosts, then DNS with the servers,
// search domains and ndots of /etc/resolv.conf, which is read when the resolver is made.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "async/loop.hpp"
#include "async/task.hpp"
#include "async/wait.hpp"
#include "base/result.hpp"
#include "net/address.hpp"

// c-ares's types, kept out of this header on purpose.
struct ares_channeldata;
struct ares_addrinfo;  // NOLINT(readability-identifier-naming)

namespace net {

struct Resolved {
  std::vector<Address> addresses;  // never empty; IPv4 first; else in the order of the answer
  async::TimePoint expires;        // ask again then; kForever for literals
};

struct ResolverOptions {
  /// "ip:port,…" in place of resolv.conf's servers; empty = those.
  std::string servers;
  /// In place of resolv.conf's search domains where `servers` is set.
  std::vector<std::string> search_domains;
  /// How long to wait for one server's answer at first, and how often to ask each.
  std::chrono::milliseconds timeout{2000};
  int tries = 3;
  /// Bounds of how long an answer is kept, and how long "no such host" is.
  std::chrono::milliseconds min_ttl{250};
  std::chrono::milliseconds max_ttl{300'000};
  std::chrono::milliseconds negative_ttl{1000};
  size_t max_entries = 1024;
};

class Resolver {
 public:
  explicit Resolver(async::Loop& loop, ResolverOptions options = {});
  /// Questions still waiting fail with kCanceled.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// The addresses of `host` (a name, or an IP literal with or without brackets) with `port` filled
  /// in. kNotFound: there is no such host, or it has no address. kTimeout: no server answered, or
  /// the context's deadline came first. kUnavailable: the servers failed. kExhausted: too many
  /// questions at once. Errors read like "lookup db.example: no such host".
  async::Task<base::Result<Resolved>> Resolve(const async::Context& context, std::string_view host,
                                              uint16_t port);

  /// Drops what is known about `host`, for example when none of its addresses answers.
  void Forget(std::string_view host);

 private:
  struct Entry {
    std::string host;
    std::vector<Address> addresses;  // port 0
    base::Status status;
    async::TimePoint expires = async::kForever;
    bool done = false;
    async::Event finished;
  };
  // One question handed to c-ares.
  struct Question {
    Resolver* resolver;
    std::shared_ptr<Entry> entry;
  };
  struct Channel;  // the c-ares side: its channel, sockets and timer

  static base::Result<Resolved> Answer(const Entry& entry, uint16_t port);
  static void OnAnswer(void* argument, int status, int timeouts, ares_addrinfo* result);
  base::Result<std::shared_ptr<Entry>> Find(std::string host);
  void MakeRoom();
  void Settle(Entry& entry, int status, const ares_addrinfo* result);
  void FireFinished();

  async::Loop& loop_;
  const ResolverOptions options_;
  std::unordered_map<std::string, std::shared_ptr<Entry>> entries_;
  size_t in_flight_ = 0;
  std::vector<std::shared_ptr<Entry>> finished_;  // settled, waiters not yet told
  std::unique_ptr<Channel> channel_;
};

}  // namespace net
