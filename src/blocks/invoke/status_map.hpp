// gRPC status and HTTP status, each as the other, where a caller and an app speak different
// protocols. The tables are the contract (they are not each other's inverse). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "grpc/status.hpp"

namespace blocks::invoke {

int HttpStatusOfCode(int grpc_code);
grpc::Code CodeOfHttp(int status);

/// The body an HTTP caller of a gRPC app gets for an error: google.rpc.Status as JSON. Details of
/// types that are not known here are left out.
std::string StatusJson(int code, std::string_view message, std::string_view details);

/// The gRPC status of an HTTP app's answer, with an ErrorInfo that holds the HTTP status and the
/// beginning of `body`. OK for 2xx.
grpc::Status StatusOfHttp(int status, std::string_view body);

}  // namespace blocks::invoke
