// Which app a request speaks for. One immutable table per process state, one copy of its pointer on
// each loop, so that the look-up takes no lock and an app that comes or goes disturbs no other.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "http/exchange.hpp"

namespace runtime {

class Instance;

/// The ports a process serves.
enum class Port : uint8_t { kHttp, kGrpc, kInternal, kPublic, kScaler };

/// What a listener was opened for; ConnectionInfo::listener_tag points to one.
struct ListenerTag {
  Port port = Port::kHttp;
  std::string app_id;  // the one app this listener serves; empty = whatever the caller speaks for
};

class InstanceTable {
 public:
  /// `only`: the process serves exactly one app, given by --app-id, and asks nobody who they are.
  InstanceTable(std::vector<std::shared_ptr<Instance>> instances, bool only);

  /// The app of a request, by listener, else by token, else by service name (DESIGN, section 7).
  /// Errors: kNoSuchInstance, kInstanceToken (a token nobody has), kInstanceTokenMismatch. A
  /// `probe` of an app's health needs no token, so that none is wrong for it.
  base::Result<Instance*> Find(const http::Exchange& exchange, bool probe = false) const;
  /// Whether the request says by port or service name which app it is about, served here or not.
  bool NamesAnApp(const http::Exchange& exchange) const;
  /// By app-id; null if it is not served here.
  std::shared_ptr<Instance> ById(std::string_view app_id, std::string_view app_namespace) const;

  const std::vector<std::shared_ptr<Instance>>& all() const { return instances_; }
  bool single() const { return only_; }

 private:
  const std::shared_ptr<Instance>* Locate(std::string_view app_id,
                                          std::string_view app_namespace) const;
  struct Holders {
    Instance* first = nullptr;  // null: nobody has it
    bool several = false;
  };
  Holders ByToken(std::string_view token) const;
  // One line for each app that has a token of an app before it.
  std::vector<std::string> SharedTokens() const;
  Instance* ByAuthority(std::string_view authority) const;

  std::vector<std::shared_ptr<Instance>> instances_;
  std::map<std::string, std::shared_ptr<Instance>, std::less<>> by_id_;
  // By the name in lower case; null where several apps have it.
  std::map<std::string, std::shared_ptr<Instance>, std::less<>> by_host_;
  // Keyed by a seeded hash, so that neither the look-up's time nor its collisions tell about
  // tokens; a hit is still compared in constant time.
  std::unordered_multimap<std::size_t, std::pair<std::string, Instance*>> by_token_;
  uint64_t seed_;
  bool only_;
};

}  // namespace runtime
