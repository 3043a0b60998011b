// Typed methods on the untyped grpc::Service: parse, call, serialize. A method is a plain coroutine
// function Task<Reply<Response>>(GrpcCall&, const Request&).
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "api/app_context.hpp"
#include "api/grpc/error_status.hpp"
#include "async/task.hpp"
#include "base/result.hpp"
#include "contracts/call.hpp"
#include "contracts/metadata.hpp"
#include "grpc/server.hpp"
#include "telemetry/trace.hpp"

namespace api {

template <class Response>
using Reply = std::expected<Response, base::Error>;

/// One call as the methods see it. Lives in the frame that serves it.
class GrpcCall {
 public:
  GrpcCall(const AppContext& app, grpc::ServerCall& server);
  GrpcCall(const GrpcCall&) = delete;
  GrpcCall& operator=(const GrpcCall&) = delete;

  const AppContext& app() const { return app_; }
  grpc::ServerCall& server() { return server_; }
  const contracts::Call& context() const { return context_; }
  const telemetry::TraceContext& trace() const { return trace_; }

 private:
  const AppContext& app_;
  grpc::ServerCall& server_;
  contracts::Call context_;
  telemetry::TraceContext trace_;
};

/// The status of an error, which is counted in the app's metrics too.
grpc::Status Refuse(const AppContext& app, const base::Error& error);
grpc::Status BadMessage();

/// Where the methods are put in.
struct Registrar {
  const AppContext& app;
  grpc::Service& service;
  /// Adds a method of the Dapr service, or its refusal if the rules do not allow it.
  void Add(std::string_view method, grpc::Method implementation) const;
};

namespace internal {

template <class Request, class Response, auto Function>
async::Task<grpc::UnaryReply> RunUnary(const AppContext& app, grpc::ServerCall& server,
                                       std::string bytes) {
  Request request;
  if (!request.ParseFromString(bytes)) co_return std::unexpected(BadMessage());
  bytes = std::string();
  GrpcCall call(app, server);
  Reply<Response> reply = co_await Function(call, request);
  if (!reply) co_return std::unexpected(Refuse(app, reply.error()));
  co_return reply->SerializeAsString();
}

}  // namespace internal

/// A unary method. `try_unary` may be empty.
template <class Request, class Response, auto Function>
grpc::Method UnaryMethod(const AppContext& app) {
  grpc::Method method;
  method.unary = [&app](grpc::ServerCall& server, std::string bytes) {
    return internal::RunUnary<Request, Response, Function>(app, server, std::move(bytes));
  };
  return method;
}

/// A protobuf map as request metadata.
template <class Map>
contracts::Metadata MetadataOf(const Map& map) {
  contracts::Metadata out;
  for (const auto& [key, value] : map) out.Set(key, value);
  return out;
}

// state_methods.cpp, publish_methods.cpp, subscribe_method.cpp,
// secret_methods.cpp, metadata_methods.cpp, invoke_method.cpp
void AddStateMethods(const Registrar& registrar);
void AddPublishMethods(const Registrar& registrar);
void AddSubscribeMethod(const Registrar& registrar);
void AddSecretMethods(const Registrar& registrar);
void AddMetadataMethods(const Registrar& registrar);
void AddInvokeMethod(const Registrar& registrar);
/// absent_methods.cpp: methods whose building block is not there answer as if nothing were
/// configured.
void AddAbsentMethods(const Registrar& registrar);
/// reflection.cpp: grpc.reflection.v1 and v1alpha, for the services registered when a call comes.
void AddReflection(grpc::Service& service);

}  // namespace api
