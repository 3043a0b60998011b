// One set of cases for every state store. The cases are data, in the YAML files beside this one:
// each is a list of steps on a fresh store. A step is one operation and, under `expect`, what must
// come of it:
//   error      the kind of error (base::KindName) or `any`; without it the step must succeed
//   message    the error's text starts so
//   found, data, base64, fill, ttl (is ttlExpireTime given)   of a get
//   etag: any; etag_is, etag_not: compared with one that a step kept under `remember`
//   items      of a bulk get: key -> data, null = not found
//   keys, more, count                                         of the operations over many keys
// Values are given as json, bytes or base64, or as `fill: n`, n bytes of a pattern; `etag_of` uses
// a remembered etag. `times: n` repeats the operations of a multi, with the number in place of {n};
// {long} in a key is 8000 bytes.
//
// Stores differ where their backends do. Such a difference is a trait (kStateTraits), which the
// store's test names and cases look at:
//   needs: [a, "!b"]           of a case: only for stores with trait a and without b
//   expect_if: {a: {...}}      of a step: takes the place of `expect` for stores with trait a
//   skip_if: a                 of a step
//
// For tests: a store's own test registers the cases for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "config/properties.hpp"
#include "contracts/state_store.hpp"

namespace contracts {

/// What a store may do otherwise than the in-memory store. The first five follow from its features.
inline constexpr std::string_view kStateTraits[] = {
    "transactions", "keys-like", "delete-with-prefix", "ttl", "query",
    // Etags and first-write.
    "etag-invalid-on-set",            // an etag of the wrong form is an invalid etag, no conflict
    "etag-invalid-on-delete",         //
    "etag-on-missing-set-passes",     // an etag is not looked at where there is no value
    "etag-on-missing-delete-passes",  //
    "etag-counts",              // etags count the writes of each key, so two keys may share one
    "last-write-ignores-etag",  // concurrency last-write wins over the etag
    "first-write-plain-error",  // a first-write that loses without etag is no conflict
    "first-write-sticks",       // a value written so refuses all writes without its etag
    // Transactions.
    "multi-ignores-first-write",
    "multi-plain-errors",  // a conflict has another kind of error there
    "multi-partial",       // a conflict does not undo the other operations
    // Values and keys.
    "json-reformatted",   // JSON values come back with other spaces, order or notation
    "json-six-decimals",  // and with at most six decimals
    "json-no-nul",        // \u0000 in a JSON string is refused
    "key-no-nul",         // a NUL byte in a key is refused
    "key-not-empty",      // the empty key is refused
    "key-short",          // keys of some thousand bytes are refused
    "empty-is-missing",   // an empty value is not found
    // Time to live.
    "ttl-not-shown",      // no ttlExpireTime with a value
    "ttl-below-refused",  // ttlInSeconds below -1 is an error
    "ttl-no-cleanup",     // the backend removes expired values itself
    "ttl-kept",           // a set without time to live leaves that of the value before
};

/// A store under test, not yet started, and how time passes for it.
class StateSubject {
 public:
  virtual ~StateSubject() = default;
  /// Its traits besides those of its features.
  virtual std::set<std::string_view> traits() const { return {}; }
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
