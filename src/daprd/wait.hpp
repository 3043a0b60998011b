// --wait: a second daprd started beside the first, which only waits until the first can be used.
#pragma once

#include "config/options.hpp"

namespace daprd {

/// Polls /v1.0/healthz/outbound at --dapr-http-port of the first of --dapr-listen-addresses, which
/// may be a name (this machine when there is none), every 100 ms for up to a minute. The process's
/// exit code: 0 when it answered 204, 1 otherwise.
int WaitForRuntime(const config::Options& options);

}  // namespace daprd
