#include "control/sentry/sentry.hpp"

#include "base/strings.hpp"
#include "dapr/proto/sentry/v1/sentry.pb.h"
#include "grpc/client.hpp"
#include "net/spiffe_check.hpp"

namespace control {
namespace {

namespace proto = dapr::proto::sentry::v1;

constexpr std::string_view kSignCertificate = "/dapr.proto.sentry.v1.CA/SignCertificate";
constexpr std::chrono::seconds kLimit{10};

struct HostPort {
  std::string host;
  uint16_t port = 0;
};

base::Result<HostPort> SplitAddress(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const auto port = colon == std::string::npos
                        ? std::nullopt
                        : base::ParseUint<uint16_t>(std::string_view(address).substr(colon + 1));
  if (!port || *port == 0 || colon == 0) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("invalid address of sentry ", base::Quote(address),
                                   ": give --sentry-address as host:port"));
  }
  return HostPort{address.substr(0, colon), *port};
}

std::string Encode(const IdentityRequest& request) {
  proto::SignCertificateRequest message;
  message.set_id(request.app_id);
  message.set_namespace_(request.app_namespace);
  message.set_token(request.token.text);
  message.set_certificate_signing_request(request.request_pem);
  message.set_token_validator(static_cast<proto::SignCertificateRequest_TokenValidator>(
      static_cast<int>(request.token.validator)));
  for (const std::string& audience : request.jwt_audiences) message.add_jwt_audiences(audience);
  return message.SerializeAsString();
}

// Whether sentry may say something else later to the same question.
bool MayPass(grpc::Code code) {
  return code == grpc::Code::kUnavailable || code == grpc::Code::kDeadlineExceeded ||
         code == grpc::Code::kResourceExhausted || code == grpc::Code::kCancelled ||
         code == grpc::Code::kAborted;
}

}  // namespace

base::Error SentryClient::Unreachable(const base::Error& cause) const {
  if (cause.kind == base::Kind::kUnauthenticated) {
    return base::Error(
        cause.kind, base::StrCat("sentry at ", options_.address, " is not trusted: ", cause.message,
                                 "; check the trust anchors, --control-plane-trust-domain and "
                                 "--control-plane-namespace (sentry must be ",
                                 options_.spiffe_id, ")"));
  }
  return base::Error(cause.kind, base::StrCat("sentry at ", options_.address,
                                              " cannot be reached: ", cause.message,
                                              "; check --sentry-address and that sentry runs"));
}

async::Task<base::Result<std::string>> SentryClient::Issue(const async::Context& context,
                                                           const IdentityRequest& request,
                                                           const std::string& anchors_pem) {
  const async::Context bounded = context.Until(async::Loop::Current()->After(kLimit));
  CO_ASSIGN_OR_RETURN(const HostPort place, SplitAddress(options_.address));
  auto tls = net::TlsContext::Client({.ca_pem = anchors_pem,
                                      .check_host_name = false,
                                      .alpn = {"h2"},
                                      .require_alpn = true,
                                      .check_peer = net::ExpectSpiffeId(options_.spiffe_id)});
  if (!tls) co_return std::unexpected(std::move(tls).error());
  auto found = co_await resolver_.Resolve(bounded, place.host, place.port);
  if (!found) co_return std::unexpected(Unreachable(found.error()));
  http::Origin origin;
  origin.protocol = http::Protocol::kHttp2;
  origin.tls = std::move(*tls);
  origin.server_name = place.host;
  const std::string message = Encode(request);
  base::Result<grpc::UnaryResult> result;
  for (const net::Address& address : found->addresses) {
    origin.address = address;
    grpc::Channel channel(client_, origin, options_.address);
    result = co_await channel.Unary(bounded, kSignCertificate, {}, message);
    client_.Forget(origin);
    if (result || result.error().kind != base::Kind::kUnreachable) break;
  }
  if (!result) {
    resolver_.Forget(place.host);
    co_return std::unexpected(Unreachable(result.error()));
  }
  if (!result->status.ok()) {
    const grpc::Status& status = result->status;
    co_return base::Fail(
        MayPass(status.code) ? base::Kind::kUnavailable : base::Kind::kPermissionDenied,
        base::StrCat("error from sentry SignCertificate: rpc error: code = ",
                     grpc::CodeName(status.code), " desc = ", status.message));
  }
  proto::SignCertificateResponse response;
  if (!response.ParseFromString(result->message) || response.workload_certificate().empty()) {
    co_return base::Fail(base::Kind::kProtocol, base::StrCat("sentry at ", options_.address,
                                                             " answered without a certificate"));
  }
  co_return std::move(*response.mutable_workload_certificate());
}

}  // namespace control
