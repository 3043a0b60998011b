// What every redis component (state, pub/sub, binding, configuration, lock) reads from its metadata
// about the server: where it is, who we are, how long to wait. Read once in Init; immutable.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "components/redis/reply_reader.hpp"
#include "config/properties.hpp"
#include "contracts/descriptor.hpp"

namespace components::redis {

struct Endpoint {
  std::string host;  // a name or an IP without brackets
  uint16_t port = 6379;

  /// "host:port", "[::1]:port".
  std::string ToString() const;
  bool operator==(const Endpoint&) const = default;
};

/// "host", "host:port", "[v6]:port"; `port` where the text has none. kInvalidArgument otherwise.
base::Result<Endpoint> ParseEndpoint(std::string_view text, uint16_t port);

enum class Topology : uint8_t {
  kNode,      // one server
  kSentinel,  // the master that sentinels name; `endpoints` are the sentinels
  kCluster,   // Redis Cluster; `endpoints` are where to ask for the slots first
};

struct Settings {
  std::vector<Endpoint> endpoints;  // never empty
  Topology topology = Topology::kNode;
  std::string master_name;  // kSentinel
  int db = 0;
  std::string username;
  std::string password;
  std::string sentinel_username;
  std::string sentinel_password;

  bool tls = false;
  bool skip_verify = false;
  std::string client_certificate_pem;
  std::string client_key_pem;

  /// How often a command that was not carried out is tried again, and how long to wait between.
  int max_retries = 3;
  std::chrono::nanoseconds min_retry{};
  std::chrono::nanoseconds max_retry{};
  /// For opening a connection, handshakes included.
  std::chrono::nanoseconds dial_timeout{};
  /// How long the answer to one command may take.
  std::chrono::nanoseconds read_timeout{};
  /// What is read of one answer.
  ReplyLimits limits;

  /// The servers as messages name them.
  std::string Servers() const;
};

/// Defaults in which the components differ.
struct SettingsDefaults {
  std::chrono::milliseconds min_retry{8};
  std::chrono::milliseconds max_retry{512};
};

/// kInvalidArgument names the component, the field and the mend.
base::Result<Settings> ReadSettings(const config::Properties& properties,
                                    const SettingsDefaults& defaults);

/// The fields of all this for a component's descriptor.
std::vector<contracts::Field> ConnectionFields(const SettingsDefaults& defaults);

}  // namespace components::redis
