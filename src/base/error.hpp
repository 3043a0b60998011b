// The one error type of the program.
//
// A component or an engine layer sets `kind`: what went wrong in general terms, which policies
// (retry, circuit breaker, target state) act on. A block sets `id`: which distinct error of the
// Dapr API this is. Only api/ turns an id into an ERR_ tag, an HTTP status and a gRPC code, because
// these are not derivable from each other (see api/error_table.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error_id.hpp"

namespace base {

enum class Kind : uint8_t {
  kInternal,         // a fault that fits nothing below
  kInvalidArgument,  // the caller's input is wrong; retrying cannot help
  kNotFound,
  kConflict,     // the etag or the expected version does not match
  kInvalidEtag,  // the etag can never match (wrong form)
  kAlreadyExists,
  kTimeout,      // a deadline passed
  kCanceled,     // the caller went away
  kUnavailable,  // the peer broke off or refuses for now; retrying may help
  kUnreachable,  // no connection could be made, so nothing was sent; retrying is safe
  kUnauthenticated,
  kPermissionDenied,
  kExhausted,  // a limit of ours or of the peer
  kUnimplemented,
  kPreconditionFailed,
  kTooLarge,  // a body or message over its limit
  kProtocol,  // the peer broke the protocol
};

/// The name of a kind in lower case, for logs.
std::string_view KindName(Kind kind);

/// google.rpc.ErrorInfo. `has_metadata` false renders as JSON null.
struct ErrorInfo {
  std::string reason;
  std::string domain = "dapr.io";
  std::map<std::string, std::string> metadata;
  bool has_metadata = true;
};
/// google.rpc.ResourceInfo.
struct ResourceInfo {
  std::string type;
  std::string name;
  std::string owner;
  std::string description;
};
/// google.rpc.BadRequest with one violation. An empty field is left out of the JSON.
struct FieldViolation {
  std::string field;
  std::string description;
};
/// google.rpc.Help with one link.
struct HelpLink {
  std::string url;
  std::string description;
};
using ErrorDetail = std::variant<ErrorInfo, ResourceInfo, FieldViolation, HelpLink>;

/// A gRPC status received from a peer that must reach the caller unchanged.
struct RemoteStatus {
  int code = 2;
  std::string message;
  std::string details;  // serialized google.rpc.Status, may be empty
};

class [[nodiscard]] Error {
 public:
  Error(Kind kind, std::string message) : kind(kind), message(std::move(message)) {}
  Error(Kind kind, ErrorId id, std::string message)
      : kind(kind), id(id), message(std::move(message)) {}

  Kind kind = Kind::kInternal;
  ErrorId id = ErrorId::kNone;
  std::string message;

  /// Adds a detail in the order in which the Dapr API shows them; returns *this for chaining.
  Error& With(ErrorDetail detail) &;
  Error&& With(ErrorDetail detail) &&;
  const std::vector<ErrorDetail>& details() const;

  Error& WithRemote(RemoteStatus status) &;
  Error&& WithRemote(RemoteStatus status) &&;
  /// The peer's gRPC status when this error is one, else null.
  const RemoteStatus* remote() const;

  /// HTTP status this one error instance overrides its table entry with; 0 = none. (A store may
  /// hand one through, pkg/api/errors/state.go.)
  int http_override = 0;

 private:
  struct Extra {
    std::vector<ErrorDetail> details;
    std::unique_ptr<RemoteStatus> remote;
  };
  Extra& extra();
  // Shared because errors are copied between retries and logs, and rarely have an Extra.
  std::shared_ptr<Extra> extra_;
};

}  // namespace base
