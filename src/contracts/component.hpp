// Component: what every kind of component has in common, from its loading to its end.
//
// One object serves one `Component` resource of one app and is called from all data loops at once,
// so every implementation is safe for that: it never holds a lock across a co_await. Init and Close
// run on one loop, the component's home; background work of a component lives in a Gate on that
// loop.
#pragma once

#include <string>
#include <string_view>

#include "async/task.hpp"
#include "base/result.hpp"
#include "config/properties.hpp"
#include "contracts/call.hpp"

namespace contracts {

/// What a component is started with. The caller keeps it, and what it refers to, until Init has
/// ended; components keep copies.
struct InitRequest {
  std::string_view name;                 // metadata.name of the resource
  std::string_view type;                 // "state.sqlite"
  std::string_view version;              // "v1"
  const config::Properties& properties;  // spec.metadata with secrets filled in
  std::string_view app_id;
  std::string_view app_namespace;
};

class Component {
 public:
  Component() = default;
  Component(const Component&) = delete;
  Component& operator=(const Component&) = delete;
  virtual ~Component() = default;

  /// Reads the properties, reaches the backend and prepares it. Called once, before anything else,
  /// bounded by the call's deadline (spec.initTimeout). An error names the wrong property and the
  /// mend.
  virtual async::Task<base::Status> Init(const Call& call, const InitRequest& request) = 0;

  /// Success when the backend answers.
  virtual async::Task<base::Status> Ping(const Call& /*call*/) { co_return base::Status(); }

  /// Ends background work and gives resources back. Called once, on the home loop, after the last
  /// operation has returned; the component is destroyed next.
  virtual async::Task<void> Close(const Call& /*call*/) { co_return; }
};

}  // namespace contracts
