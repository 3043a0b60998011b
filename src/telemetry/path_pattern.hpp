// Path patterns as Go's ServeMux takes them, without method and host: literals, {name} for one
// segment, {name...} or a trailing slash for the rest, {$} for the end. Of several that match, the
// most specific one wins. Immutable after Create; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace telemetry {

class PathPatterns {
 public:
  /// Fails on a malformed pattern and on two of which neither is more specific, as Go does.
  /// The same pattern given twice counts once.
  static base::Result<PathPatterns> Create(const std::vector<std::string>& patterns);

  /// The most specific pattern that matches `path` (which begins with a slash), as a view into
  /// this object.
  std::optional<std::string_view> Match(std::string_view path) const;

  bool empty() const { return patterns_.empty(); }

 private:
  enum class Kind : uint8_t { kLiteral, kEnd, kOne, kRest };  // from specific to general
  struct Segment {
    Kind kind = Kind::kLiteral;
    std::string text;
    bool operator==(const Segment&) const = default;
  };
  struct Pattern {
    std::string text;
    std::vector<Segment> segments;
  };
  enum class Relation : uint8_t { kEqual, kMoreSpecific, kMoreGeneral, kOverlap, kDisjoint };

  static base::Result<Pattern> Parse(const std::string& text);
  static Relation Compare(const Pattern& a, const Pattern& b);
  static bool Matches(const Pattern& pattern, std::string_view path);

  std::vector<Pattern> patterns_;  // a more specific one stands before a more general one
};

}  // namespace telemetry
