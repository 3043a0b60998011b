#include <google/protobuf/any.pb.h>

#include "api/grpc/method.hpp"
#include "api/tokens.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/invoke_block.hpp"
#include "blocks/invoke/status_map.hpp"
#include "dapr/proto/common/v1/common.pb.h"
#include "dapr/proto/runtime/v1/invoke.pb.h"

namespace api {
namespace {

namespace common = dapr::proto::common::v1;
namespace runtime = dapr::proto::runtime::v1;

blocks::invoke::InvokeRequest RequestOf(GrpcCall& call, const runtime::InvokeServiceRequest& from) {
  blocks::invoke::InvokeRequest out;
  const common::InvokeRequest& message = from.message();
  out.target = from.id();
  out.method = message.method().starts_with('/') ? message.method().substr(1) : message.method();
  if (message.has_http_extension()) {
    const auto& extension = message.http_extension();
    out.query = extension.querystring();
    if (extension.verb() != common::HTTPExtension::NONE) {
      out.verb = common::HTTPExtension::Verb_Name(extension.verb());
    }
  }
  out.grpc_origin = true;
  out.data_type_url = message.data().type_url();
  const http::RequestHead& head = call.server().exchange().request();
  out.authority = head.authority;
  out.headers.Reserve(head.headers.size() + 1, head.headers.bytes() + 64);
  for (const auto& [name, value] : head.headers) {
    // The content type of the call is gRPC's; the message has its own. The token is for us.
    if (name == "content-type" || name == kApiTokenHeader) continue;
    out.headers.Add(name, value);
  }
  if (!message.content_type().empty()) out.headers.Add("content-type", message.content_type());
  return out;
}

async::Task<grpc::UnaryReply> InvokeService(const AppContext& app, grpc::ServerCall& server,
                                            std::string bytes) {
  runtime::InvokeServiceRequest request;
  if (!request.ParseFromString(bytes)) co_return std::unexpected(BadMessage());
  bytes = std::string();
  GrpcCall call(app, server);
  auto body = http::StringBody::View(request.message().data().value());
  blocks::invoke::InvokeRequest invocation = RequestOf(call, request);
  invocation.body = &body;
  auto response = co_await app.invoke->Invoke(call.context(), std::move(invocation));
  if (!response) co_return std::unexpected(Refuse(app, response.error()));

  http::Headers& initial = server.initial_metadata();
  for (const auto& [name, value] : response->headers) initial.Add(name, value);
  if (!initial.Has("traceparent")) {
    initial.Add("traceparent", telemetry::FormatTraceparent(call.trace()));
  }
  const std::size_t limit = app.max_body_bytes == 0 ? SIZE_MAX : app.max_body_bytes;
  auto data = co_await http::ReadAll(*response->body, call.context(), limit);
  if (!data) {
    co_return std::unexpected(
        Refuse(app, base::Error(data.error().kind, base::ErrorId::kDirectInvoke,
                                base::StrCat("failed to invoke, id: ", request.id(),
                                             ", err: ", data.error().message))));
  }
  if (const http::Headers* trailers = response->body->trailers()) {
    for (const auto& [name, value] : *trailers) {
      if (name.starts_with("grpc-")) continue;
      server.trailing_metadata().Add(base::ToLower(name), value);
    }
  }
  if (response->grpc_code > 0) {
    co_return std::unexpected(grpc::Status{static_cast<grpc::Code>(response->grpc_code),
                                           std::move(response->grpc_message),
                                           std::move(response->grpc_details)});
  }
  if (response->grpc_code < 0) {
    // The caller sees which HTTP status it was, also of a success.
    initial.Set("dapr-http-status", std::to_string(response->status));
    grpc::Status status = blocks::invoke::StatusOfHttp(response->status, *data);
    if (!status.ok()) co_return std::unexpected(std::move(status));
  }
  common::InvokeResponse out;
  out.set_content_type(response->content_type);
  out.mutable_data()->set_value(*std::move(data));
  co_return out.SerializeAsString();
}

}  // namespace

void AddInvokeMethod(const Registrar& registrar) {
  const AppContext& app = registrar.app;
  grpc::Method method;
  method.unary = [&app](grpc::ServerCall& server, std::string bytes) {
    return InvokeService(app, server, std::move(bytes));
  };
  registrar.Add("InvokeService", std::move(method));
}

}  // namespace api
