// What the MQTT components read from their metadata about the broker. Read once in Init; immutable.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/properties.hpp"
#include "contracts/descriptor.hpp"
#include "net/tls.hpp"

namespace components::mqtt {

struct Settings {
  std::string host;
  uint16_t port = 0;
  std::string username;  // empty = none
  std::string password;
  std::string client_id;
  bool clean_session = false;
  std::shared_ptr<const net::TlsContext> tls;  // null = plain

  /// Longest silence between us and the broker.
  std::chrono::seconds keep_alive{30};
  /// For opening a connection, handshakes and CONNACK included.
  std::chrono::milliseconds dial_timeout{10'000};
  /// How long the broker may keep quiet while it owes an answer before it is asked whether it is
  /// there, and how long the answer to that may take.
  std::chrono::milliseconds owed_quiet{3'000};
  std::chrono::milliseconds ping_timeout{5'000};

  /// The broker as messages name it: "mqtt broker at host:port".
  std::string Name() const;
};

/// Reads `url`, `caCert`, `clientCert`, `clientKey`, `cleanSession` (whose default is given);
/// `client_id` is left to the caller. kInvalidArgument names the field and the mend, never the
/// password.
base::Result<Settings> ReadSettings(const config::Properties& properties, bool clean_session);

/// The fields of all this for a component's descriptor.
std::vector<contracts::Field> ConnectionFields(bool clean_session);

}  // namespace components::mqtt
