// What is known of other runtimes: for each app that somebody asked for, its instances, how long
// they count and who waits for the first of them. Every loop reads it, the home loop writes it; one
// lock, never held for longer than a look-up. Bounded, because both callers and the network choose
// names.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "async/loop.hpp"
#include "async/wait.hpp"
#include "components/nameresolution/mdns/packet.hpp"
#include "contracts/name_resolver.hpp"

namespace components::nameresolution::mdns {

inline constexpr std::size_t kMaxApps = 1024;     // not counting own ones
inline constexpr std::size_t kMaxInstances = 64;  // of one app
inline constexpr std::size_t kMaxAddresses = 4;   // of one instance, each of IPv4 and IPv6
inline constexpr std::size_t kMaxWaiting = 256;   // for one app
inline constexpr auto kInstanceLife = std::chrono::seconds(60);  // since it was last heard of
inline constexpr auto kAbsentLife = std::chrono::seconds(1);     // of "nobody answered"
inline constexpr auto kInterestLife =
    std::chrono::minutes(10);  // of an app nobody asks for any more

/// A coroutine that waits, on its own loop, until a look for an app is over.
struct Waiting {
  explicit Waiting(async::Loop& loop) : loop(loop) {}
  async::Loop& loop;
  async::Event over;
};

class Cache {
 public:
  using Endpoints = std::vector<contracts::Endpoint>;

  /// The live endpoints of an app: IPv4 if there are any, else IPv6, beginning with another one
  /// each time. Empty if none is known. Any thread.
  Endpoints Find(std::string_view app_id, async::TimePoint now);

  enum class Wanted {
    kBrowse,   // wait, and start to look: nobody does yet
    kWait,     // somebody looks already
    kAbsent,   // somebody looked a moment ago, in vain
    kBadName,  // no such app can exist
    kFull,     // too many apps or waiters
  };
  /// Notes that an app is wanted. With kBrowse and kWait, `waiting` is told when there is news. Any
  /// thread.
  Wanted Want(std::string_view app_id, std::shared_ptr<Waiting> waiting, async::TimePoint now);
  /// The look for the app has ended; whoever still waits is told.
  void EndBrowse(std::string_view app_id, async::TimePoint now);
  /// True while somebody waits for the first instance of the app.
  bool IsBrowsing(std::string_view app_id);

  /// An instance was heard of; ignored unless the app is wanted and `name` is below its service.
  void Update(std::string_view app_id, const Name& name, Endpoints v4, Endpoints v6,
              async::TimePoint now);
  void Remove(std::string_view app_id, const Name& name);
  /// An instance of this process; it stays, whatever the network says.
  void AddOwn(std::string_view app_id, const Name& name, Endpoints v4, Endpoints v6);

  void RemoveOwn(std::string_view app_id, const Name& name);

  /// Forgets what is too old; the services of all apps that are still wanted.
  std::vector<Name> Refresh(async::TimePoint now);

 private:
  struct Known {
    Name name;
    Endpoints v4;
    Endpoints v6;
    async::TimePoint expires;  // kForever: own
  };
  struct App {
    Name service;
    std::vector<Known> instances;
    std::vector<std::shared_ptr<Waiting>> waiting;
    async::TimePoint asked{};
    async::TimePoint absent_until{};
    std::size_t turn = 0;
    bool browsing = false;
    bool own = false;
  };
  App* Look(std::string_view app_id);
  App* Make(std::string_view app_id, Name service);
  bool MakeRoom();
  static void Tell(std::vector<std::shared_ptr<Waiting>> waiting);

  std::mutex mutex_;
  std::map<std::string, App, std::less<>> apps_;
  std::size_t foreign_ = 0;  // apps that are not own
};

/// Takes what a response says about wanted apps into the cache. Loopback addresses count only from
/// this machine (`from_here`).
void Learn(const Packet& packet, bool from_here, async::TimePoint now, Cache& cache);

}  // namespace components::nameresolution::mdns
