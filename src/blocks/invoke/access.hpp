// The questions invocation asks of others: may this caller in, is there an instance of that app in
// this process, how is a peer's identity secured. The runtime gives the answers.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/client.hpp"

namespace blocks::invoke {

class Callee;

/// Who calls this Instance.
struct CallerIdentity {
  /// What the calling runtime says; not proven.
  std::string app_id;
  std::string app_namespace;
  /// The peer certificate's id; empty without mTLS. Within a process that of the other Instance.
  std::string spiffe_id;
};

/// What is asked to be done.
struct Operation {
  std::string_view method;  // as the app reads it; a full gRPC method for proxied calls
  std::string_view shown;   // as sent, cleaned: for texts
  std::string_view verb;    // "NONE" where there is none
  bool grpc = false;        // the callee's app speaks gRPC
};

/// spec.accessControl. Used on all loops.
class AccessPolicy {
 public:
  virtual ~AccessPolicy() = default;
  /// kPermissionDenied with the text for the caller.
  virtual base::Status Check(const CallerIdentity& caller, const Operation& operation) const = 0;
};

/// The other Instances of this process. Used on all loops, once a call: must be quick.
class LocalApps {
 public:
  virtual ~LocalApps() = default;
  /// Null if this process does not serve the app.
  virtual std::shared_ptr<Callee> Find(std::string_view app_id,
                                       std::string_view app_namespace) const = 0;
};

/// How connections to other runtimes are secured. Used on all loops.
class PeerSecurity {
 public:
  virtual ~PeerSecurity() = default;
  /// Sets `origin.tls_source` so that the peer must prove to be this app. An error fails the call.
  virtual base::Status Secure(http::Origin& origin, std::string_view app_id,
                              std::string_view app_namespace) const = 0;
  /// Our own id, for calls inside the process; empty if there is none.
  virtual std::string_view own_id() const = 0;
};

}  // namespace blocks::invoke
