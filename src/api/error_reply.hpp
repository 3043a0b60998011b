// Whole replies that tell an error, for places outside the API handlers (which app a request is
// for, limits). The exchange must not have been started.
#pragma once

#include "base/error.hpp"
#include "http/exchange.hpp"

namespace api {

/// The JSON form, with the status of the error table.
void RespondHttpError(http::Exchange& exchange, const base::Error& error);
/// Trailers only.
void RespondGrpcError(http::Exchange& exchange, const base::Error& error);

}  // namespace api
