// How header fields change where a call changes its protocol: HTTP request, metadata between
// runtimes, gRPC metadata. The tables are the contract with other runtimes. Pure; any thread.
//
// Between runtimes a field is a key with a list of values. In memory all forms are http::Headers.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contracts/call.hpp"
#include "http/headers.hpp"
#include "telemetry/trace.hpp"

namespace blocks::invoke {

/// "content-type" -> "Content-Type", the form Go gives header names. Names with bytes that are not
/// allowed in one stay as they are.
void AppendCanonicalName(std::string_view name, std::string& out);

/// traceparent, tracestate, grpc-trace-bin: a hop writes its own.
bool IsTraceField(std::string_view name);

/// Which way a message goes.
enum class Direction : unsigned char { kRequest, kResponse };

/// Copies the fields that cross into an HTTP message. Left out: fields of one hop and those that
/// Connection names, the trace (see AddTrace), destination-app-id, binary metadata, and on
/// requests Content-Length, Expect, dapr-app-id and the API token. `grpc-*` becomes `dapr-grpc-*`,
/// `:path` `dapr-path`; baggage is taken once. `content_type` false leaves Content-Type out too.
void CopyToHttp(const http::Headers& from, Direction direction, bool content_type,
                http::Headers& to);

/// Takes the fields of one hop out of an HTTP response that stays one.
void StripHopByHop(http::Headers& headers);

/// Copies the fields that cross into gRPC metadata, names in lower case. Left out: what gRPC itself
/// writes, the trace, destination-app-id, undecodable binary values. With an HTTP origin, fields
/// that belong to HTTP get the prefix `dapr-`.
void CopyToGrpc(const http::Headers& from, bool grpc_origin, http::Headers& to);

/// Writes the trace of `call` as traceparent and tracestate, and for gRPC as grpc-trace-bin too.
/// Where the call has none, that of `from` goes on unchanged.
void AddTrace(const contracts::Call& call, const http::Headers& from, bool grpc, http::Headers& to);

/// The trace a gRPC call came with: grpc-trace-bin, else traceparent and tracestate.
std::optional<telemetry::TraceContext> TraceOf(const http::Headers& metadata);

/// True if the value may stand in a header field: no CR, LF or NUL.
bool IsFieldValue(std::string_view value);
/// True if the name is a token.
bool IsFieldName(std::string_view name);

/// Appends "/method?query" to a request target. Bytes that cannot stand there are escaped; what is
/// escaped already stays. kInvalidArgument on '#' and '?' in the method and on control characters.
base::Status AppendTarget(std::string_view method, std::string_view query, std::string& out);

}  // namespace blocks::invoke
