// InternalInvokeRequest and InternalInvokeResponse: what two runtimes say to each other about one
// call, between InvokeRequest/InvokeResponse in memory and the bytes on the wire. Input from a peer
// is hostile: what could not stand in an HTTP message is refused or left out here. Pure; any
// thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "blocks/invoke/types.hpp"

namespace blocks::invoke {

/// Who the calling runtime says it is.
struct Caller {
  std::string app_id;
  std::string app_namespace;
};

/// The parts of a call that the caller's runtime adds.
struct CallNames {
  std::string_view caller_app_id;
  std::string_view caller_namespace;
  std::string_view callee_app_id;
};

/// Appends the fields of InternalInvokeRequest. `data` is for CallLocal; streams carry theirs
/// apart.
void AppendRequest(const InvokeRequest& request, const CallNames& names, std::string_view data,
                   std::string& out);

struct DecodedRequest {
  InvokeRequest request;  // headers as received; no body
  Caller caller;
  std::string_view data;  // into the message
};
/// kInvalidArgument when the message is malformed or has no `message` part.
base::Result<DecodedRequest> DecodeRequest(std::string_view bytes);

/// Appends the fields of InternalInvokeResponse. `trailers` may be null.
void AppendResponse(const InvokeResponse& response, const http::Headers* trailers,
                    std::string_view data, std::string& out);

struct DecodedResponse {
  InvokeResponse response;  // headers as received; no body
  http::Headers trailers;
  std::string_view data;  // into the message
};
/// kInternal when the message is malformed.
base::Result<DecodedResponse> DecodeResponse(std::string_view bytes);

/// dapr.proto.common.v1.InvokeRequest for a gRPC app, and its answer.
void AppendOnInvoke(const InvokeRequest& request, std::string_view data, std::string& out);
struct OnInvokeReply {
  std::string_view data;
  std::string_view content_type;
};
base::Result<OnInvokeReply> ParseOnInvokeReply(std::string_view bytes);

}  // namespace blocks::invoke
