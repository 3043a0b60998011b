// Call: what travels with one operation from the API through a block into a component: the deadline
// and the cancellation of the caller, the trace it belongs to and who called. It lives in the frame
// that serves the request and is passed down by const reference; nothing below may keep it.
#pragma once

#include <string_view>

#include "async/waiter.hpp"
#include "telemetry/trace.hpp"

namespace contracts {

struct Call : async::Context {
  Call() = default;
  explicit Call(const async::Context& context) : async::Context(context) {}

  /// The span this call is made in; null = not traced.
  const telemetry::TraceContext* trace = nullptr;
  /// The app-id the caller speaks for; empty for work of the runtime itself.
  std::string_view app_id;

  /// The same call with a deadline no later than `deadline`.
  Call Until(async::TimePoint limit) const {
    Call copy = *this;
    if (limit < copy.deadline) copy.deadline = limit;
    return copy;
  }
};

}  // namespace contracts
