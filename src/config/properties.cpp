#include "config/properties.hpp"

#include <algorithm>

#include "base/duration.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"

namespace config {

Properties::Properties(std::string component, std::vector<Entry> entries)
    : component_(std::move(component)) {
  for (Entry& entry : entries) {
    const auto same = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& other) {
      return base::EqualsIgnoreCase(other.name, entry.name);
    });
    if (same == entries_.end()) {
      entries_.push_back(std::move(entry));
    } else {
      *same = std::move(entry);
    }
  }
}

std::optional<std::string_view> Properties::Find(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (base::EqualsIgnoreCase(entry.name, name)) return entry.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Properties::Find(
    std::initializer_list<std::string_view> aliases) const {
  for (std::string_view name : aliases) {
    if (auto value = Find(name)) return value;
  }
  return std::nullopt;
}

std::string Properties::Get(std::string_view name, std::string_view fallback) const {
  return std::string(Find(name).value_or(fallback));
}

std::string Properties::WithoutSecrets(std::string text) const {
  constexpr std::string_view kInstead = "***";
  // A value of a few letters stands in any text; to take it out would tell what it is.
  constexpr std::size_t kShortest = 4;
  for (const Entry& entry : entries_) {
    if (!entry.secret || entry.value.size() < kShortest) continue;
    for (std::size_t at = 0; (at = text.find(entry.value, at)) != std::string::npos;) {
      text.replace(at, entry.value.size(), kInstead);
      at += kInstead.size();
    }
  }
  return text;
}

base::Error Properties::Invalid(std::string_view name, std::string_view expected) const {
  return base::Error(
      base::Kind::kInvalidArgument,
      base::StrCat("component ", component_, ": metadata ", name, ": expected ", expected));
}

base::Result<std::string> Properties::Require(std::string_view name) const {
  const auto value = Find(name);
  if (value && !value->empty()) return std::string(*value);
  return base::Fail(base::Kind::kInvalidArgument,
                    base::StrCat("component ", component_, ": metadata ", name, " is required"));
}

bool Properties::Bool(std::string_view name, bool fallback) const {
  const auto value = Find(name);
  return value && !value->empty() ? base::ParseBoolTruthy(*value) : fallback;
}

base::Result<int64_t> Properties::Int(std::string_view name, int64_t fallback, int64_t min,
                                      int64_t max) const {
  const auto value = Find(name);
  if (!value || value->empty()) return fallback;
  const auto number = base::ParseInt<int64_t>(base::Trim(*value));
  if (!number) return base::Fail(Invalid(name, "an integer"));
  if (*number < min || *number > max) {
    return base::Fail(Invalid(name, base::StrCat("an integer from ", min, " to ", max)));
  }
  return *number;
}

base::Result<double> Properties::Double(std::string_view name, double fallback) const {
  const auto value = Find(name);
  if (!value || value->empty()) return fallback;
  const auto number = base::ParseDouble(base::Trim(*value));
  if (!number) return base::Fail(Invalid(name, "a number"));
  return *number;
}

base::Result<std::chrono::nanoseconds> Properties::Duration(std::string_view name,
                                                            std::chrono::nanoseconds fallback,
                                                            BareNumber bare) const {
  const auto value = Find(name);
  if (!value || value->empty()) return fallback;
  const std::string_view text = base::Trim(*value);
  if (bare == BareNumber::kMilliseconds) {
    if (auto parsed = base::ParseDurationOrMillis(text)) return *parsed;
  } else if (auto seconds = base::ParseInt<int64_t>(text);
             seconds && bare == BareNumber::kSeconds) {
    constexpr int64_t kLimit = INT64_MAX / 1'000'000'000;
    if (*seconds >= -kLimit && *seconds <= kLimit) return std::chrono::seconds(*seconds);
  } else if (auto parsed = base::ParseDuration(text)) {
    return *parsed;
  }
  return base::Fail(Invalid(name, "a duration such as 30s or 1h15m"));
}

base::Result<int64_t> Properties::Quantity(std::string_view name, int64_t fallback) const {
  const auto value = Find(name);
  if (!value || value->empty()) return fallback;
  if (auto bytes = base::ParseQuantity(base::Trim(*value))) return *bytes;
  return base::Fail(Invalid(name, "a size such as 4Mi or 1048576"));
}

}  // namespace config
