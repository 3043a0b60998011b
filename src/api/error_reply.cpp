#include "api/error_reply.hpp"

#include "api/error_table.hpp"
#include "api/grpc/error_status.hpp"
#include "grpc/server.hpp"

namespace api {

void RespondHttpError(http::Exchange& exchange, const base::Error& error) {
  http::ResponseHead head;
  head.status = HttpStatusOf(error);
  head.headers.Add("Content-Type", "application/json");
  exchange.Respond(head, HttpErrorBody(error));
}

void RespondGrpcError(http::Exchange& exchange, const base::Error& error) {
  grpc::RespondStatus(exchange, GrpcStatusOf(error));
}

}  // namespace api
