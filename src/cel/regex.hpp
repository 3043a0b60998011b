// The regular expressions of `matches`, in time linear in the text (RE2). Any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cel/value.hpp"
#include "cel/work.hpp"

namespace re2 {
class RE2;
}

namespace cel {

/// A pattern of the program's text, compiled once. Fails with RE2's reason.
class Regex {
 public:
  static base::Result<Regex> Compile(std::string_view pattern);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  /// Whether the pattern matches any part of the text.
  Value Matches(Work& work, std::string_view text) const;

 private:
  explicit Regex(std::unique_ptr<re2::RE2> regex);
  std::unique_ptr<re2::RE2> regex_;
};

/// The same for a pattern that is only known now, which costs many steps: at most
/// kLongestDynamicPattern bytes.
Value MatchesDynamic(Work& work, std::string_view text, std::string_view pattern);
inline constexpr size_t kLongestDynamicPattern = 512;

}  // namespace cel
