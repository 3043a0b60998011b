// Topic names and the filters of subscriptions: "a/+/c", "a/#", "$share/group/a". Values; any
// thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace components::mqtt {

class Filter {
 public:
  /// kInvalidArgument if it is none that MQTT allows.
  static base::Result<Filter> Parse(std::string_view text);

  /// As it is sent to the server.
  const std::string& text() const { return text_; }
  /// Several clients share its messages.
  bool shared() const { return start_ > 0; }
  bool Matches(std::string_view topic) const;

 private:
  explicit Filter(std::string text) : text_(std::move(text)) {}
  std::string text_;
  std::size_t start_ = 0;  // of the filter behind $share/group/
};

/// kInvalidArgument unless messages can be published to it.
base::Status CheckTopic(std::string_view topic);

}  // namespace components::mqtt
