// metrics.rules of the Configuration: regular expressions that rewrite label values of one family
// before a series is made, to keep its number of series down. Never on the data path: the result
// is remembered with the series. Immutable once built, so any thread may apply it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace telemetry {

struct LabelRule {
  std::string name;  // the family, with or without the prefix dapr_
  struct Label {
    std::string name;
    std::vector<std::pair<std::string, std::string>> regex;  // replacement, pattern
  };
  std::vector<Label> labels;
};

class LabelRules {
 public:
  /// Compiles the patterns (RE2). Replacements use Go's form: $1, ${name}, $$. Fails with the rule,
  /// the label and the reason when a pattern does not compile.
  static base::Result<std::shared_ptr<const LabelRules>> Create(
      const std::vector<LabelRule>& rules);
  ~LabelRules();

  /// `value` after every rule for this family and label, in the order given.
  std::string Apply(std::string_view family, std::string_view label, std::string value) const;

 private:
  struct Rewrite;
  LabelRules();
  std::map<std::pair<std::string, std::string>, std::vector<Rewrite>> rewrites_;
};

}  // namespace telemetry
