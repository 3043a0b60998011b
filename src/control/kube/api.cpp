#include "control/kube/api.hpp"

#include "base/file.hpp"
#include "base/strings.hpp"
#include "control/kube/json.hpp"
#include "net/tls.hpp"

namespace control::kube {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);
constexpr std::size_t kLargestAnswer = std::size_t{32} << 20;
constexpr std::size_t kLargestRefusal = std::size_t{64} << 10;
constexpr std::size_t kShownOfRefusal = 400;

base::Kind KindOf(int status) {
  switch (status) {
    case 401:
      return base::Kind::kUnauthenticated;
    case 403:
      return base::Kind::kPermissionDenied;
    case 404:
      return base::Kind::kNotFound;
    case 409:
      return base::Kind::kConflict;
    case 410:
      return base::Kind::kPreconditionFailed;
    case 413:
      return base::Kind::kTooLarge;
    case 429:
      return base::Kind::kExhausted;
    default:
      return status >= 500 ? base::Kind::kUnavailable : base::Kind::kInvalidArgument;
  }
}

std::string_view PathOf(std::string_view target) {
  return target.substr(0, target.find('?'));
}

}  // namespace

bool IsLasting(base::Kind kind) {
  return kind == base::Kind::kPermissionDenied || kind == base::Kind::kUnauthenticated ||
         kind == base::Kind::kNotFound || kind == base::Kind::kInvalidArgument;
}

Api::Api(Access access, http::ClientSet& clients, std::function<net::Resolver&()> resolver)
    : access_(std::move(access)), clients_(clients), resolver_(std::move(resolver)) {
  origin_.protocol = http::Protocol::kHttp2;
  const bool v6 = access_.host.find(':') != std::string::npos;
  authority_ = v6 ? base::StrCat("[", access_.host, "]:", access_.port)
                  : base::StrCat(access_.host, ":", access_.port);
  if (!net::Address::FromIp(access_.host, access_.port)) origin_.server_name = access_.host;
}

// Brings the TLS context in line with the authorities' file.
base::Status Api::Prepare() {
  std::string ca = access_.ca_pem;
  if (!access_.ca_file.empty()) {
    auto read = base::ReadFile(access_.ca_file, std::size_t{1} << 20);
    if (read) {
      ca = std::move(*read);
    } else if (!origin_.tls) {
      return std::unexpected(std::move(read).error());
    } else {
      ca = ca_;  // it is just being replaced
    }
  }
  if (origin_.tls && ca == ca_) return {};
  auto tls = net::TlsContext::Client(
      {.ca_pem = ca, .identity = {access_.certificate_pem, access_.key_pem}, .alpn = {"h2"}});
  if (!tls) {
    if (origin_.tls) return {};
    return base::Fail(tls.error().kind,
                      base::StrCat("the Kubernetes API's authority ",
                                   access_.ca_file.empty() ? "" : access_.ca_file + " ",
                                   "cannot be used: ", tls.error().message));
  }
  origin_.tls = std::move(*tls);
  ca_ = std::move(ca);
  return {};
}

base::Result<std::string> Api::Token() const {
  if (access_.token_file.empty()) return access_.token;
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(access_.token_file, 64 << 10));
  return std::string(base::Trim(text));
}

async::Task<base::Result<http::Response>> Api::Send(const async::Context& context,
                                                    const Request& request, http::Body* body) {
  CO_RETURN_IF_ERROR(Prepare());
  CO_ASSIGN_OR_RETURN(const std::string token, Token());
  CO_ASSIGN_OR_RETURN(const net::Resolved resolved,
                      co_await resolver_().Resolve(context, access_.host, access_.port));
  base::Error last(base::Kind::kUnreachable, "no address");
  for (const net::Address& address : resolved.addresses) {
    http::RequestHead head;
    head.method = request.method;
    head.target = request.target;
    head.scheme = "https";
    head.authority = authority_;
    head.protocol = origin_.protocol;
    head.headers.Add("accept", "application/json");
    head.headers.Add("user-agent", "daprd");
    if (!token.empty()) head.headers.Add("authorization", "Bearer " + token);
    if (!request.content_type.empty()) head.headers.Add("content-type", request.content_type);
    http::Origin origin = origin_;
    origin.address = address;
    auto response = co_await clients_.Here().Send(context, origin, std::move(head), body);
    if (response) co_return std::move(*response);
    last = std::move(response).error();
    if (last.kind != base::Kind::kUnreachable) break;
  }
  co_return base::Fail(last.kind, base::StrCat("Kubernetes API: ", request.method, " ",
                                               PathOf(request.target), ": ", last.message));
}

async::Task<base::Error> Api::Refusal(const async::Context& context, const Request& request,
                                      http::Response response) const {
  const int status = response.head.status;
  std::string why;
  auto text = co_await http::ReadAll(*response.body, context, kLargestRefusal);
  if (text) {
    boost::json::error_code error;
    const boost::json::value answer = boost::json::parse(*text, error);
    if (!error && answer.is_object()) {
      why = TextOf(&answer.get_object(), "message");
    }
    if (why.empty()) why = *text;
    if (why.size() > kShownOfRefusal) why.resize(kShownOfRefusal);
  }
  co_return base::Error(
      KindOf(status), base::StrCat("Kubernetes API: ", request.method, " ", PathOf(request.target),
                                   ": ", status, ": ", base::Trim(why)));
}

async::Task<base::Result<boost::json::value>> Api::Get(const async::Context& context,
                                                       std::string target) {
  const async::Context bounded = context.Until(async::Loop::Current()->After(kPatience));
  const Request request{.target = std::move(target), .content_type = {}};
  CO_ASSIGN_OR_RETURN(http::Response response, co_await Send(bounded, request, nullptr));
  if (response.head.status != 200) {
    co_return base::Fail(co_await Refusal(bounded, request, std::move(response)));
  }
  CO_ASSIGN_OR_RETURN(const std::string text,
                      co_await http::ReadAll(*response.body, bounded, kLargestAnswer));
  boost::json::error_code error;
  boost::json::value answer = boost::json::parse(text, error);
  if (error || !answer.is_object()) {
    co_return base::Fail(
        base::Kind::kProtocol,
        base::StrCat("Kubernetes API: GET ", PathOf(request.target), ": the answer is no object"));
  }
  co_return std::move(answer);
}

async::Task<base::Status> Api::Apply(const async::Context& context, std::string path,
                                     std::string manager, std::string body) {
  const async::Context bounded = context.Until(async::Loop::Current()->After(kPatience));
  const Request request{
      .method = "PATCH",
      .target = base::StrCat(path, "?force=true&fieldManager=", base::PercentEncodeQuery(manager)),
      .content_type = "application/apply-patch+yaml"};
  http::StringBody whole(std::move(body));
  CO_ASSIGN_OR_RETURN(http::Response response, co_await Send(bounded, request, &whole));
  if (response.head.status != 200 && response.head.status != 201) {
    co_return base::Fail(co_await Refusal(bounded, request, std::move(response)));
  }
  // Read, so that the stream ends in good order.
  CO_RETURN_IF_ERROR(co_await http::ReadAll(*response.body, bounded, kLargestAnswer));
  co_return base::Status();
}

async::Task<base::Result<http::Response>> Api::Open(const async::Context& context,
                                                    std::string target) {
  const async::Context bounded = context.Until(async::Loop::Current()->After(kPatience));
  const Request request{.target = std::move(target), .content_type = {}};
  CO_ASSIGN_OR_RETURN(http::Response response, co_await Send(bounded, request, nullptr));
  if (response.head.status != 200) {
    co_return base::Fail(co_await Refusal(bounded, request, std::move(response)));
  }
  co_return std::move(response);
}

}  // namespace control::kube
