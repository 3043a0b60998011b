// What every rabbitmq component (pub/sub, binding) reads from its metadata about the broker: where
// it is, who we are, how the connection lives. Read once in Init; immutable.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/properties.hpp"
#include "contracts/descriptor.hpp"

namespace components::rabbitmq {

struct Settings {
  std::string host;
  uint16_t port = 5672;
  std::string vhost = "/";
  std::string username = "guest";
  std::string password = "guest";
  bool external = false;  // SASL EXTERNAL: who we are is in our certificate

  bool tls = false;
  std::string ca_pem;  // empty = the system's authorities
  std::string certificate_pem;
  std::string key_pem;

  std::string client_name;  // shown in the broker's list of connections
  /// Of our side; the broker may ask for a shorter one. 0 = the broker decides.
  std::chrono::seconds heartbeat{10};
  /// For opening a connection, TLS and the greeting included.
  std::chrono::nanoseconds dial_timeout = std::chrono::seconds(10);
  /// The longest pause between two attempts to connect.
  std::chrono::nanoseconds reconnect_wait = std::chrono::seconds(3);

  /// "host:port" as messages name it.
  std::string Server() const;
};

/// Reads an AMQP URI: "amqp://user:password@host:port/vhost", "amqps://…". The error never holds
/// the text, which has a password in it.
base::Result<Settings> ParseUri(std::string_view uri);

/// Reads connectionString (or host, or hostname with protocol, username and password) and the TLS
/// fields. kInvalidArgument names the component, the field and the mend.
base::Result<Settings> ReadSettings(const config::Properties& properties);

/// The fields of all this for a component's descriptor.
std::vector<contracts::Field> ConnectionFields();

}  // namespace components::rabbitmq
