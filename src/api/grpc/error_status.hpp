// Errors as gRPC statuses with google.rpc details. Pure; any thread.
#pragma once

#include "base/error.hpp"
#include "grpc/status.hpp"

namespace api {

/// The status of the error table, with the details that gRPC shows. An error that is no API error
/// and carries a peer's status passes that on unchanged.
grpc::Status GrpcStatusOf(const base::Error& error);

}  // namespace api
