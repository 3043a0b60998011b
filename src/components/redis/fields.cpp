// The schema of the settings that all redis components share.
#include "base/duration.hpp"
#include "components/redis/settings.hpp"

namespace components::redis {

using contracts::Field;
using contracts::FieldType;

namespace {

// Of pools of connections: there is one connection a loop and server here, so these mean nothing.
Field Unused(std::string name, FieldType type) {
  return {.name = std::move(name),
          .type = type,
          .description =
              "Accepted for compatibility and not used: connections are shared and "
              "pipelined here, not pooled."};
}

std::vector<Field> ServerFields() {
  return {{.name = "redisHost",
           .required = true,
           .description = "`host:port` of the server. With `redisType: cluster` a comma-separated "
                          "list of nodes, with `failover` of sentinels."},
          {.name = "redisPort",
           .type = FieldType::kNumber,
           .default_value = "6379",
           .description = "The port where redisHost names none."},
          {.name = "redisDB",
           .type = FieldType::kNumber,
           .default_value = "0",
           .description = "Number of the database. A cluster has only 0."},
          {.name = "redisType",
           .default_value = "node",
           .description = "`node` for one server (or a master with sentinels), `cluster` for Redis "
                          "Cluster.",
           .allowed = {"node", "cluster"}},
          {.name = "failover",
           .type = FieldType::kBool,
           .default_value = "false",
           .description = "Ask the sentinels at redisHost which server is the master, and follow "
                          "when that changes."},
          {.name = "sentinelMasterName",
           .description = "The master's name in the sentinels' configuration; needed with "
                          "`failover`."}};
}

std::vector<Field> IdentityFields() {
  return {
      {.name = "redisUsername", .description = "User of the server's access control list."},
      {.name = "redisPassword", .secret = true, .description = "Password of that user."},
      {.name = "sentinelUsername", .description = "User for the sentinels."},
      {.name = "sentinelPassword", .secret = true, .description = "Password for the sentinels."},
      {.name = "enableTLS",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "Speak TLS with the servers (and sentinels); their certificates must be "
                      "of an authority the system trusts."},
      {.name = "insecureSkipTLSVerify",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "Accept any certificate."},
      {.name = "clientCert", .description = "PEM of our certificate, for mutual TLS."},
      {.name = "clientKey", .secret = true, .description = "PEM of its private key."},
      {.name = "useEntraID",
       .type = FieldType::kBool,
       .default_value = "false",
       .description = "Must be false: tokens of Entra ID are not supported."}};
}

std::vector<Field> TimeFields(const SettingsDefaults& defaults) {
  return {{.name = "redisMaxRetries",
           .type = FieldType::kNumber,
           .default_value = "3",
           .description = "How often a command that was surely not carried out is tried again; -1 "
                          "for never.",
           .aliases = {"maxRetries"}},
          {.name = "redisMinRetryInterval",
           .type = FieldType::kDuration,
           .default_value = base::FormatDuration(defaults.min_retry),
           .description = "Least pause before a retry; doubles with each. Bare numbers are "
                          "milliseconds in this and the following fields."},
          {.name = "redisMaxRetryInterval",
           .type = FieldType::kDuration,
           .default_value = base::FormatDuration(defaults.max_retry),
           .description = "Longest pause before a retry."},
          {.name = "maxRetryBackoff",
           .description = "Older name of redisMaxRetryInterval, where a bare number is "
                          "nanoseconds."},
          {.name = "dialTimeout",
           .type = FieldType::kDuration,
           .default_value = "5s",
           .description = "Longest time to open a connection."},
          {.name = "readTimeout",
           .type = FieldType::kDuration,
           .default_value = "3s",
           .description = "Longest time the server may take to answer a command; a server that is "
                          "silent for so long gets a new connection."},
          {.name = "writeTimeout",
           .type = FieldType::kDuration,
           .description = "Accepted for compatibility; readTimeout covers writing too."}};
}

}  // namespace

std::vector<Field> ConnectionFields(const SettingsDefaults& defaults) {
  std::vector<Field> fields = ServerFields();
  for (auto part : {IdentityFields(), TimeFields(defaults)}) {
    fields.insert(fields.end(), part.begin(), part.end());
  }
  for (const char* name : {"poolSize", "minIdleConns"}) {
    fields.push_back(Unused(name, FieldType::kNumber));
  }
  for (const char* name : {"poolTimeout", "maxConnAge", "idleCheckFrequency", "idleTimeout"}) {
    fields.push_back(Unused(name, FieldType::kString));
  }
  return fields;
}

}  // namespace components::redis
