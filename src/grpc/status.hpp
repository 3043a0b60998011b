// gRPC status: codes, and how a status travels in trailers.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "http/headers.hpp"

namespace grpc {

enum class Code : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

/// "InvalidArgument", as the Go runtime prints codes ("rpc error: code = … desc = …").
std::string_view CodeName(Code code);
/// The code that says most about an engine or component failure of this kind.
Code CodeOfKind(base::Kind kind);
base::Kind KindOfCode(Code code);
/// The code for an HTTP status that arrived where gRPC was expected (gRPC specification, http-grpc
/// status mapping).
Code CodeOfHttpStatus(int status);

struct Status {
  Code code = Code::kOk;
  std::string message;
  std::string details;  // serialized google.rpc.Status; empty if there are none
  bool ok() const { return code == Code::kOk; }
};

/// grpc-message's percent-encoding: bytes outside printable ASCII, and '%'.
std::string EncodeMessage(std::string_view message);
std::string DecodeMessage(std::string_view encoded);

/// The bytes of a "-bin" metadata value, padded or not.
std::optional<std::string> DecodeBinary(std::string_view value);

/// Appends grpc-status, grpc-message and grpc-status-details-bin.
void AppendStatus(const Status& status, http::Headers& trailers);
/// Reads them. False if there is no grpc-status.
bool ParseStatus(const http::Headers& trailers, Status& status);

/// A received status as an error that keeps its code and details (Error::remote()).
base::Error ToError(const Status& status);
/// "rpc error: code = Unavailable desc = …", the text Dapr users know.
std::string RpcErrorText(Code code, std::string_view message);

/// grpc-timeout, for example "100m" or "5S". False on bad form.
bool ParseTimeout(std::string_view text, std::chrono::nanoseconds& timeout);
std::string FormatTimeout(std::chrono::nanoseconds timeout);

}  // namespace grpc
