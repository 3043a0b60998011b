#include "telemetry/path_pattern.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace telemetry {
namespace {

bool IsIdentifier(std::string_view name) {
  if (name.empty() || base::IsDigit(name[0])) return false;
  return std::ranges::all_of(name, [](char c) {
    return base::IsDigit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           static_cast<unsigned char>(c) >= 0x80;
  });
}

base::Error Bad(const std::string& pattern, std::string_view why) {
  return {base::Kind::kInvalidArgument,
          base::StrCat("metrics.http.pathMatching: pattern '", pattern, "' ", why)};
}

}  // namespace

base::Result<PathPatterns::Pattern> PathPatterns::Parse(const std::string& text) {
  if (!text.starts_with('/')) {
    return base::Fail(Bad(text, "must begin with a slash (methods and hosts are not supported)"));
  }
  Pattern pattern{text, {}};
  std::vector<std::string_view> names;
  const auto parts = base::SplitView(std::string_view(text).substr(1), '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string_view part = parts[i];
    const bool last = i + 1 == parts.size();
    if (last && part.empty()) {
      pattern.segments.push_back({Kind::kRest, ""});
    } else if (part.find_first_of("{}") == std::string_view::npos) {
      pattern.segments.push_back({Kind::kLiteral, std::string(part)});
    } else if (!part.starts_with('{') || !part.ends_with('}')) {
      return base::Fail(Bad(text, "has braces in the middle of a segment"));
    } else if (std::string_view name = part.substr(1, part.size() - 2); name == "$") {
      if (!last) return base::Fail(Bad(text, "has {$} before its end"));
      pattern.segments.push_back({Kind::kEnd, ""});
    } else {
      const bool rest = name.ends_with("...");
      if (rest) name.remove_suffix(3);
      if (rest && !last) return base::Fail(Bad(text, "has {name...} before its end"));
      if (!IsIdentifier(name)) return base::Fail(Bad(text, "has a wildcard without a proper name"));
      if (std::ranges::find(names, name) != names.end()) {
        return base::Fail(Bad(text, "uses a wildcard name twice"));
      }
      names.push_back(name);
      pattern.segments.push_back({rest ? Kind::kRest : Kind::kOne, ""});
    }
  }
  return pattern;
}

PathPatterns::Relation PathPatterns::Compare(const Pattern& a, const Pattern& b) {
  bool a_wider = false;  // in some segment a matches what b does not
  bool b_wider = false;
  size_t i = 0;
  for (;; ++i) {
    const bool a_ended = i == a.segments.size();
    const bool b_ended = i == b.segments.size();
    if (a_ended && b_ended) break;
    // One that has ended matches nothing further; a Rest needs at least an empty segment there.
    if (a_ended || b_ended) return Relation::kDisjoint;
    const Segment& x = a.segments[i];
    const Segment& y = b.segments[i];
    if (x.kind == Kind::kRest || y.kind == Kind::kRest) {
      a_wider |= x.kind == Kind::kRest && y.kind != Kind::kRest;
      b_wider |= y.kind == Kind::kRest && x.kind != Kind::kRest;
      break;
    }
    if (x.kind == y.kind) {
      if (x.text != y.text) return Relation::kDisjoint;
    } else if (x.kind == Kind::kEnd || y.kind == Kind::kEnd) {
      return Relation::kDisjoint;  // {$} is an empty segment; the others need a filled one
    } else {
      (x.kind == Kind::kOne ? a_wider : b_wider) = true;
    }
  }
  if (a_wider && b_wider) return Relation::kOverlap;
  if (a_wider) return Relation::kMoreGeneral;
  return b_wider ? Relation::kMoreSpecific : Relation::kEqual;
}

base::Result<PathPatterns> PathPatterns::Create(const std::vector<std::string>& patterns) {
  PathPatterns result;
  for (const std::string& text : patterns) {
    ASSIGN_OR_RETURN(Pattern pattern, Parse(text));
    bool known = false;
    auto place = result.patterns_.end();
    for (auto it = result.patterns_.begin(); it != result.patterns_.end(); ++it) {
      const Relation relation = Compare(pattern, *it);
      if (relation == Relation::kOverlap ||
          (relation == Relation::kEqual && pattern.text != it->text)) {
        return base::Fail(Bad(text, base::StrCat("conflicts with '", it->text,
                                                 "': both match some paths and neither is more "
                                                 "specific")));
      }
      known |= relation == Relation::kEqual;
      if (relation == Relation::kMoreSpecific && place == result.patterns_.end()) place = it;
    }
    if (!known) result.patterns_.insert(place, std::move(pattern));
  }
  return result;
}

bool PathPatterns::Matches(const Pattern& pattern, std::string_view path) {
  std::string_view rest = path.substr(1);
  bool ended = false;  // whether the path has no further segment
  for (const Segment& segment : pattern.segments) {
    if (ended) return false;
    if (segment.kind == Kind::kRest) return true;
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    ended = slash == std::string_view::npos;
    if (!ended) rest.remove_prefix(slash + 1);
    switch (segment.kind) {
      case Kind::kLiteral:
        if (part != segment.text) return false;
        break;
      case Kind::kEnd:
        if (!part.empty() || !ended) return false;
        break;
      default:
        if (part.empty()) return false;
    }
  }
  return ended;
}

std::optional<std::string_view> PathPatterns::Match(std::string_view path) const {
  if (!path.starts_with('/')) return std::nullopt;
  for (const Pattern& pattern : patterns_) {
    if (Matches(pattern, path)) return pattern.text;
  }
  return std::nullopt;
}

}  // namespace telemetry
