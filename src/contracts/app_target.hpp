// AppTarget: the user's app as the blocks see it: somewhere on the network, with no, one or many
// endpoints that come and go. "Not there" is a state, not a failure (see DESIGN, section 7).
//
// One object per Instance, used on every data loop. target/ implements it; blocks call the app
// through it and watch its state.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "async/task.hpp"
#include "base/result.hpp"
#include "config/app_protocol.hpp"
#include "contracts/call.hpp"
#include "http/client.hpp"
#include "http/message.hpp"

namespace contracts {

using config::AppProtocol;
using config::IsGrpc;

enum class TargetState : uint8_t {
  kReady,        // at least one endpoint is believed to answer
  kUnavailable,  // no endpoint, or all refuse
  kWaking,       // unavailable, and calls are waiting for it to come back
};
std::string_view TargetStateName(TargetState state);

/// A response of the app. Holds its place at the endpoint until it is dropped.
struct AppResponse {
  http::Response response;
  std::shared_ptr<void> lease;
};

class AppTarget {
 public:
  virtual ~AppTarget() = default;

  virtual AppProtocol protocol() const = 0;
  /// False if the app has no port (no --app-port): nothing can be delivered to it, ever.
  virtual bool configured() const = 0;
  virtual TargetState state() const = 0;

  /// Sends one request to the app: waits for its turn (--app-max-concurrency), picks an endpoint,
  /// adds the app's API token, and fills scheme and authority. Endpoints that cannot be connected
  /// to are set aside and the next is tried, as long as nothing was sent. While none is left, waits
  /// up to `wake_timeout` for the app to come back, then fails with kUnreachable. kUnavailable,
  /// kTimeout, kCanceled and kProtocol as http::Client::Send. `body` as there.
  virtual async::Task<base::Result<AppResponse>> Send(const async::Context& context,
                                                      http::RequestHead head, http::Body* body,
                                                      http::InterimObserver* interim = nullptr) = 0;

  /// An activator in front of the app said that the app is not there (HTTP 503 to a delivery).
  virtual void ReportUnavailable() = 0;
};

}  // namespace contracts
