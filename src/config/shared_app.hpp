// The SharedApp document: one app-id that this process serves from a folder of --apps-path.
//
//   apiVersion: shared.dapr.io/v1alpha1
//   kind: SharedApp
//   metadata: {name: orders}
//   spec:
//     appId: orders
//     target: {address: orders.shop, port: 8080, protocol: http, maxConcurrency: 100}
//     apiTokens: [{secretKeyRef: {store: secrets, name: orders, key: token}}]
//     config: [tracing.yaml]
//     wake: request
//     discoveryCache: file:/var/lib/dapr
//     ports: {http: 3501, grpc: 50011, internal: 50012}
//     identity: {tokenFile: /var/run/secrets/orders/token}
//     limits: {inFlight: 1000, bodyMemory: 64Mi}
//
// The format is ours, so that unknown fields are errors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/common.hpp"
#include "config/options.hpp"

namespace config {

struct StoreSecretRef {
  std::string store;  // empty = the default secret store
  std::string name;
  std::string key;  // equals name when not given
};

/// A token given as text or as a secret. Never log one.
struct TokenSource {
  std::string value;
  std::optional<StoreSecretRef> secret;
};

struct AppTarget {
  std::string address = "127.0.0.1";
  uint16_t port = 0;  // 0 = the app is never called
  AppProtocol protocol = AppProtocol::kHttp;
  int64_t max_concurrency = -1;  // <= 0 = unlimited
  std::optional<StoreSecretRef> api_token;
};

struct AppPorts {
  std::optional<uint16_t> http, grpc, internal;
};

struct AppLimits {
  int64_t in_flight = 0;    // requests; 0 = no limit
  int64_t body_memory = 0;  // bytes of bodies held; 0 = no limit
};

struct SharedApp {
  ObjectMeta meta;
  std::string app_id;
  AppTarget target;
  std::vector<TokenSource> api_tokens;  // at most two are valid at a time
  std::vector<std::string> config;
  AppPorts ports;
  AppLimits limits;
  std::string sentry_token_file;               // empty = the process's (DAPR_SENTRY_TOKEN_FILE)
  std::optional<AppWake> wake;                 // none = the process's (--app-wake)
  std::optional<std::string> discovery_cache;  // the same (--discovery-cache); "" = none
  std::optional<std::vector<std::string>> resources_paths;  // none = the process's
  Source source;
};

/// Reads and validates one document. Errors name file, line and field.
base::Result<SharedApp> ParseSharedApp(const Document& document);

struct SharedApps {
  std::vector<SharedApp> apps;
  /// One line per document that cannot be used: unreadable, or an app-id or port that an earlier
  /// document of the folder has. Such a document harms no other app.
  std::vector<std::string> errors;
};

/// Every SharedApp of the .yaml and .yml files of `directory`, by file name; other kinds are passed
/// over. Fails only when the directory cannot be read.
base::Result<SharedApps> LoadSharedApps(const std::string& directory);

}  // namespace config
