// Keys as stores see them: a prefix that keeps apps apart, the separator, and the user's key. The
// prefix of a component is fixed when it is loaded. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace blocks::state {

inline constexpr std::string_view kKeySeparator = "||";

class KeyPrefix {
 public:
  /// `strategy` is the component's metadata field keyPrefix: none, name, appid (also when empty),
  /// namespace, or a text of its own; letters do not count. Fails with kInvalidArgument if it holds
  /// the separator.
  static base::Result<KeyPrefix> Make(std::string_view strategy, std::string_view store_name,
                                      std::string_view app_id, std::string_view app_namespace);

  /// The stored form of a user's key. kStateInvalidKeyName if it holds the separator; `store_name`
  /// is for the message.
  base::Result<std::string> Add(std::string_view key, std::string_view store_name) const;

  /// The user's key of a stored one: what follows the first separator.
  static std::string_view Strip(std::string_view stored_key);

  /// With the separator; empty for the strategy none.
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace blocks::state
