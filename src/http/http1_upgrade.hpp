// The change from HTTP/1.1 to HTTP/2 that a plaintext client may ask for with `Upgrade: h2c`
// (RFC 7540, section 3.2; private to http/).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "async/task.hpp"
#include "http/http1_connection.hpp"
#include "http/message.hpp"
#include "http/server_core.hpp"

namespace http {

/// The SETTINGS payload of a request that asks for HTTP/2 by the book: `Upgrade` names h2c,
/// `Connection` names both fields, and there is one HTTP2-Settings with a valid value.
std::optional<std::string> AskedSettings(const RequestHead& head);

/// Called with the head of a request read and its body not. Waits for the body and for earlier
/// answers to leave, then takes the request out of the connection; the socket is to follow. Null if
/// the request is to be answered over HTTP/1.1; nothing of it has been taken then.
async::Task<std::unique_ptr<Http2Upgrade>> AcceptUpgrade(Http1Connection& connection);

}  // namespace http
