// One set of cases for every state store. The cases are data, in the YAML files beside this one:
// each is a list of steps on a fresh store. A step is one operation and, under `expect`, what must
// come of it:
//   error      the kind of error (base::KindName); without it the step must succeed
//   message    the error's text starts so
//   found, data, base64, ttl (is ttlExpireTime given)         of a get
//   etag: any; etag_is, etag_not: compared with one that a step kept under `remember`
//   items      of a bulk get: key -> data, null = not found
//   keys, more, count                                         of the operations over many keys
// Values are given as json, bytes or base64; `etag_of` uses a remembered etag. `only` names one
// store.
//
// For tests: a store's own test registers the cases for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "config/properties.hpp"
#include "contracts/state_store.hpp"

namespace contracts {

/// A store under test, not yet started, and how time passes for it.
class StateSubject {
 public:
  virtual ~StateSubject() = default;
  /// The name that `only` compares: "sqlite".
  virtual std::string_view kind() const = 0;
  virtual StateStore& store() = 0;
  virtual config::Properties properties() const { return {}; }
  virtual void Advance(int64_t seconds) = 0;
  /// Removes what has expired; the number of values removed.
  virtual async::Task<int64_t> Cleanup() = 0;
};

/// Makes one test of `suite` for each case. Call it to initialise a constant of the test's file.
bool RegisterStateConformance(const std::string& suite,
                              std::function<std::unique_ptr<StateSubject>()> make);

}  // namespace contracts
