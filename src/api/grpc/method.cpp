#include "api/grpc/method.hpp"

#include "api/error_table.hpp"
#include "api/grpc/access.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/status_map.hpp"
#include "telemetry/dapr_metrics.hpp"

namespace api {
namespace {

constexpr std::string_view kService = "/dapr.proto.runtime.v1.Dapr/";

telemetry::TraceContext ParentOf(const http::Headers& metadata) {
  if (const auto binary = metadata.Get("grpc-trace-bin")) {
    if (const auto bytes = grpc::DecodeBinary(*binary)) {
      if (auto context = telemetry::DecodeTraceBin(*bytes)) return *std::move(context);
    }
  }
  if (const auto parent = metadata.Get("traceparent")) {
    if (auto context = telemetry::ParseTraceContext(
            *parent, metadata.Get("tracestate").value_or(std::string_view()))) {
      return *std::move(context);
    }
  }
  return {};
}

grpc::Method DeniedMethod() {
  grpc::Method method;
  method.try_unary = [](grpc::ServerCall&, std::string_view) -> std::optional<grpc::UnaryReply> {
    return std::unexpected(
        blocks::invoke::StatusOfHttp(501, "requested endpoint is not available"));
  };
  method.stream = [](grpc::ServerStream&) -> async::Task<grpc::CallStatus> {
    co_return std::unexpected(
        blocks::invoke::StatusOfHttp(501, "requested endpoint is not available"));
  };
  return method;
}

}  // namespace

GrpcCall::GrpcCall(const AppContext& app, grpc::ServerCall& server)
    : app_(app), server_(server), context_(server.context()), trace_(ParentOf(server.metadata())) {
  if (app.tracer) trace_ = app.tracer->StartSpan(trace_);
  context_.trace = &trace_;
  context_.app_id = app.app_id;
}

grpc::Status Refuse(const AppContext& app, const base::Error& error) {
  if (app.metrics) app.metrics->ErrorCode(ErrorCodeOf(error), RowOf(error.id).category);
  return GrpcStatusOf(error);
}

grpc::Status BadMessage() {
  return {grpc::Code::kInternal,
          "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data",
          {}};
}

void Registrar::Add(std::string_view method, grpc::Method implementation) const {
  service.Add(base::StrCat(kService, method),
              IsMethodAllowed(app, method) ? std::move(implementation) : DeniedMethod());
}

}  // namespace api
