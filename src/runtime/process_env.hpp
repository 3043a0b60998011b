// The environment the process sets for itself: where its ports are. Components and templates read
// it.
#pragma once

#include "config/options.hpp"

namespace runtime {

/// Sets APP_ID, APP_PORT, HOST_ADDRESS, DAPR_PORT, DAPR_HTTP_PORT, DAPR_GRPC_PORT,
/// DAPR_METRICS_PORT and DAPR_PROFILE_PORT. With --apps-path those of one app are left out. Before
/// any other thread starts.
void ExportEnvironment(const config::Options& options);

}  // namespace runtime
