#include "runtime/process_env.hpp"

#include <stdlib.h>

#include <string>

#include "net/local_ip.hpp"
#include "runtime/stable_port.hpp"

namespace runtime {

void ExportEnvironment(const config::Options& options) {
  const auto set = [](const char* name, const std::string& value) {
    setenv(name, value.c_str(), 1);
  };
  if (options.apps_path.empty()) {
    set("APP_ID", options.app_id);
    set("APP_PORT", std::to_string(options.app_port));
    const uint16_t internal = options.internal_grpc_port;
    set("DAPR_PORT", std::to_string(internal != 0 ? internal : StablePort(options.app_id)));
  }
  set("HOST_ADDRESS",
      !options.env.host_ip.empty() ? options.env.host_ip : net::LocalIp().value_or("127.0.0.1"));
  set("DAPR_GRPC_PORT", std::to_string(options.grpc_port));
  set("DAPR_HTTP_PORT", std::to_string(options.http_port));
  set("DAPR_METRICS_PORT", std::to_string(options.metrics_port));
  set("DAPR_PROFILE_PORT", std::to_string(options.profile_port));
}

}  // namespace runtime
