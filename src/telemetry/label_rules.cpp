#include "telemetry/label_rules.hpp"

#include <re2/re2.h>

#include <algorithm>

namespace telemetry {
namespace {

// Rule and family names are compared in the view's spelling, where separators are slashes.
std::string FamilyKey(std::string_view name) {
  std::string key(name);
  std::ranges::replace(key, '_', '/');
  if (key.starts_with("dapr/")) key.erase(0, 5);
  return key;
}

bool IsNameChar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// The value of a template's variable as RE2 spells it; an unknown group is empty, as in Go.
std::string GroupReference(const RE2& pattern, std::string_view name) {
  if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
    const int index = name.size() == 1 ? name[0] - '0' : -1;
    return index >= 0 && index <= pattern.NumberOfCapturingGroups() ? "\\" + std::string(name) : "";
  }
  const auto& groups = pattern.NamedCapturingGroups();
  auto found = groups.find(std::string(name));
  return found != groups.end() && found->second <= 9 ? "\\" + std::to_string(found->second) : "";
}

std::string ToRe2Rewrite(const RE2& pattern, std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      out += "\\\\";
    } else if (text[i] != '$') {
      out += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == '$') {
      out += '$';
      ++i;
    } else {
      const bool braces = i + 1 < text.size() && text[i + 1] == '{';
      const size_t start = i + (braces ? 2 : 1);
      size_t end = start;
      while (end < text.size() && IsNameChar(text[end])) ++end;
      if (end == start || (braces && (end == text.size() || text[end] != '}'))) {
        out += '$';  // malformed: stands for itself
        continue;
      }
      out += GroupReference(pattern, text.substr(start, end - start));
      i = braces ? end : end - 1;
    }
  }
  return out;
}

}  // namespace

struct LabelRules::Rewrite {
  std::unique_ptr<RE2> pattern;
  std::string replacement;
};

LabelRules::LabelRules() = default;
LabelRules::~LabelRules() = default;

base::Result<std::shared_ptr<const LabelRules>> LabelRules::Create(
    const std::vector<LabelRule>& rules) {
  std::shared_ptr<LabelRules> result(new LabelRules());
  RE2::Options options;
  options.set_log_errors(false);
  for (const LabelRule& rule : rules) {
    for (const LabelRule::Label& label : rule.labels) {
      auto& rewrites = result->rewrites_[{FamilyKey(rule.name), label.name}];
      for (const auto& [replacement, pattern] : label.regex) {
        auto regex = std::make_unique<RE2>(pattern, options);
        if (!regex->ok()) {
          return base::Fail(base::Kind::kInvalidArgument,
                            "metrics.rules: rule '" + rule.name + "', label '" + label.name +
                                "': pattern '" + pattern +
                                "' is not a valid regular expression: " + regex->error());
        }
        std::string rewrite = ToRe2Rewrite(*regex, replacement);
        rewrites.push_back({std::move(regex), std::move(rewrite)});
      }
    }
  }
  return std::shared_ptr<const LabelRules>(std::move(result));
}

std::string LabelRules::Apply(std::string_view family, std::string_view label,
                              std::string value) const {
  if (rewrites_.empty()) return value;
  auto found = rewrites_.find({FamilyKey(family), std::string(label)});
  if (found == rewrites_.end()) return value;
  for (const Rewrite& rewrite : found->second) {
    RE2::GlobalReplace(&value, *rewrite.pattern, rewrite.replacement);
  }
  return value;
}

}  // namespace telemetry
