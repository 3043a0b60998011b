// TextStore: a place for one small text that outlives the process, such as a file or a key of a
// ConfigMap. Blocks write to it without knowing which it is; the runtime chooses.
#pragma once

#include <string>

#include "async/task.hpp"
#include "async/wait.hpp"
#include "base/result.hpp"

namespace contracts {

class TextStore {
 public:
  virtual ~TextStore() = default;
  /// The text as it was written last. kNotFound if there is none yet; kUnavailable, kUnreachable,
  /// kTimeout and kExhausted where trying again may help. Errors name the place.
  virtual async::Task<base::Result<std::string>> Read(const async::Context& context) = 0;
  /// Puts `text` in the place of what was there: readers see the one or the other. Errors as for
  /// Read.
  virtual async::Task<base::Status> Write(const async::Context& context, std::string text) = 0;
  /// The place, for logs.
  virtual std::string where() const = 0;
};

}  // namespace contracts
