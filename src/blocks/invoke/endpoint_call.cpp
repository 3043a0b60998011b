#include "blocks/invoke/endpoint_call.hpp"

#include "base/strings.hpp"
#include "blocks/invoke/app_call.hpp"
#include "blocks/invoke/header_translation.hpp"

namespace blocks::invoke {

base::Result<Url> ParseUrl(std::string_view text) {
  const auto bad = [text] {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("invalid URL ", base::Quote(text),
                                   ": http://host[:port][/path] or https://… is expected"));
  };
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.https = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return bad();
  }
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (authority.empty() || authority.find_first_of("?#@\\ ") != std::string_view::npos ||
      !IsFieldValue(authority)) {
    return bad();
  }
  if (slash != std::string_view::npos) url.path = rest.substr(slash);
  if (url.path.find_first_of("?#") != std::string::npos) return bad();
  while (!url.path.empty() && url.path.back() == '/') url.path.pop_back();
  url.authority = authority;
  url.port = url.https ? 443 : 80;
  std::string_view host = authority;
  if (authority.front() == '[') {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return bad();
    host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
  } else {
    host = authority.substr(0, authority.find(':'));
    authority.remove_prefix(host.size());
  }
  if (host.empty()) return bad();
  url.host = host;
  if (!authority.empty()) {
    if (authority.front() != ':') return bad();
    const auto port = base::ParseUint<uint16_t>(authority.substr(1));
    if (!port || *port == 0) return bad();
    url.port = *port;
  }
  return url;
}

base::Result<std::shared_ptr<const net::TlsContext>> EndpointCaller::DefaultTls() {
  std::lock_guard lock(tls_mutex_);
  if (!default_tls_) {
    net::TlsClientOptions options;
    options.alpn = {"http/1.1"};
    ASSIGN_OR_RETURN(default_tls_, net::TlsContext::Client(std::move(options)));
  }
  return default_tls_;
}

async::Task<base::Result<InvokeResponse>> EndpointCaller::Call(const contracts::Call& call,
                                                               http::Client& client,
                                                               const HttpEndpoint& endpoint,
                                                               const InvokeRequest& request,
                                                               http::InterimObserver* interim) {
  CO_ASSIGN_OR_RETURN(const Url url, ParseUrl(endpoint.base_url));
  CO_ASSIGN_OR_RETURN(http::RequestHead head, AppRequestHead(call, request));
  head.target.insert(0, url.path);
  head.authority = url.authority;
  head.scheme = url.https ? "https" : "http";
  for (const auto& [name, value] : endpoint.headers) head.headers.Set(name, value);

  http::Origin origin;
  if (url.https) {
    origin.tls = endpoint.tls;
    if (!origin.tls) {
      CO_ASSIGN_OR_RETURN(origin.tls, DefaultTls());
    }
    origin.server_name = url.host;
  }
  std::vector<net::Address> addresses;
  if (auto literal = net::Address::FromIp(url.host, url.port)) {
    addresses.push_back(*literal);
  } else {
    if (!lookup_) {
      co_return base::Fail(base::Kind::kInternal, "host names cannot be resolved");
    }
    CO_ASSIGN_OR_RETURN(addresses, co_await lookup_(call, url.host, url.port));
  }
  http::Body* body = BodyToSend(request.verb, request.body);
  base::Error last(base::Kind::kUnreachable, base::StrCat(url.host, " has no addresses"));
  for (const net::Address& address : addresses) {
    origin.address = address;
    auto answer = co_await client.Send(call, origin, head, body, interim);
    if (!answer) {
      last = std::move(answer).error();
      // Nothing was sent: the next address may do.
      if (last.kind == base::Kind::kUnreachable) continue;
      break;
    }
    InvokeResponse response;
    response.status = answer->head.status;
    response.headers = std::move(answer->head.headers);
    StripHopByHop(response.headers);
    if (const auto type = response.headers.Get("content-type")) response.content_type = *type;
    response.body = std::move(answer->body);
    co_return response;
  }
  co_return std::unexpected(std::move(last));
}

}  // namespace blocks::invoke
