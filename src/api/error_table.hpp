// The one table that knows how each error of the Dapr API looks to a client: ERR_ tag, HTTP status,
// gRPC code, and whether its details are shown. None of these follows from another, so nothing else
// in the program decides them. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "grpc/status.hpp"

namespace api {

/// Which protocols show the error's details.
enum class Details : uint8_t { kNone, kHttp, kGrpc, kBoth };

struct ErrorRow {
  base::ErrorId id;
  std::string_view tag;  // empty: the reason of the error's ErrorInfo is shown
  int http_status;
  grpc::Code grpc_code;
  Details details;
  std::string_view category;  // label of dapr_error_code_total
};

/// The row of an id; for kNone a row with the tag "ERROR".
const ErrorRow& RowOf(base::ErrorId id);

/// What goes into `errorCode`: the tag, else the reason of an ErrorInfo, else "ERROR".
std::string_view ErrorCodeOf(const base::Error& error);
/// The error's own override, else a state error's kind (409, 400), else its row; kNone by its kind.
int HttpStatusOf(const base::Error& error);
grpc::Code GrpcCodeOf(const base::Error& error);

/// {"errorCode":…,"message":…[,"details":[…]]} without a newline at the end.
std::string HttpErrorBody(const base::Error& error);

}  // namespace api
