// Which app a request of the catch-all route is for, and which method of it. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace api {

struct InvokeTarget {
  std::string id;
  /// The rest of the path exactly as it came, without a slash in front. Points into the request.
  std::string_view method;
};

/// In this order: the header dapr-app-id (the whole path is the method), Basic credentials of the
/// user dapr-app-id (likewise), /v1.0/invoke/{id}/method/{method}. None: nobody is named. An id may
/// be an http(s):// address, with one slash where something on the way has collapsed the two.
std::optional<InvokeTarget> FindInvokeTarget(const http::RequestHead& request);

}  // namespace api
