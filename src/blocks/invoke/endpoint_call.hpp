// Invocation of what is no Dapr app: an http(s):// address or an HTTPEndpoint resource.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "base/result.hpp"
#include "blocks/invoke/peer_directory.hpp"
#include "blocks/invoke/types.hpp"
#include "http/client.hpp"
#include "net/tls.hpp"

namespace blocks::invoke {

struct HttpEndpoint {
  std::string name;
  std::string base_url;
  http::Headers headers;                       // win over the caller's
  std::shared_ptr<const net::TlsContext> tls;  // null: the system's authorities
};

struct Url {
  bool https = false;
  std::string host;  // without brackets
  uint16_t port = 0;
  std::string authority;  // as written
  std::string path;       // without trailing slashes
};
/// kInvalidArgument on anything but http://host… and https://host….
base::Result<Url> ParseUrl(std::string_view text);

class EndpointCaller {
 public:
  explicit EndpointCaller(AddressLookup lookup) : lookup_(std::move(lookup)) {}

  /// Sends the request to `endpoint.base_url` + "/" + method. The response is passed on as it is.
  /// `request` and `endpoint` stay until this returns, the body until the response is dropped.
  async::Task<base::Result<InvokeResponse>> Call(const contracts::Call& call, http::Client& client,
                                                 const HttpEndpoint& endpoint,
                                                 const InvokeRequest& request,
                                                 http::InterimObserver* interim);

 private:
  base::Result<std::shared_ptr<const net::TlsContext>> DefaultTls();

  const AddressLookup lookup_;
  std::mutex tls_mutex_;  // taken for calls to https:// without a context of their own
  std::shared_ptr<const net::TlsContext> default_tls_;
};

}  // namespace blocks::invoke
