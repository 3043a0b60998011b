// Service invocation: the shapes that requests and responses have between the API, the blocks,
// another daprd and the app. Bodies stream; nothing here holds a whole one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contracts/call.hpp"
#include "http/body.hpp"
#include "http/headers.hpp"

namespace blocks::invoke {

/// One invocation as the caller made it.
struct InvokeRequest {
  /// "app", "app.namespace", "http://host…", "https://host…" or the name of an HTTPEndpoint.
  std::string target;
  /// Path after ".../method/", exactly as sent and without leading slash.
  std::string method;
  /// Without question mark, exactly as sent.
  std::string query;
  /// The path ended in a question mark with nothing behind it. Not told to other runtimes: their
  /// protocol has no place for it.
  bool bare_query = false;
  std::string verb;  // HTTP method; "" for a gRPC caller without HTTP extension
  http::Headers headers;
  /// The type a gRPC caller says its data is of, for gRPC apps; "" if it says none.
  std::string data_type_url;
  /// Not owned; lives until the response has been dropped. May be null.
  http::Body* body = nullptr;
  /// The caller is gRPC (InvokeService): headers are metadata.
  bool grpc_origin = false;
  /// "http"/"https", authority and peer address of the caller, for Forwarded and X-Forwarded-*.
  std::string authority;
  std::string peer_ip;
};

/// What came back. For HTTP apps `status` is the HTTP status; for gRPC apps it is 200 or the mapped
/// status and `grpc_code` tells.
struct InvokeResponse {
  int status = 200;
  int grpc_code = -1;  // -1: the app is HTTP
  std::string grpc_message;
  std::string grpc_details;  // serialized google.rpc.Status
  http::Headers headers;
  std::string content_type;
  std::unique_ptr<http::Body> body;  // never null
  /// Holds what the body needs (the place at the app's endpoint, a stream to a peer).
  std::shared_ptr<void> lease;
};

}  // namespace blocks::invoke
