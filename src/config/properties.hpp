// The metadata of one component after all references are resolved: what a component's factory
// reads. Names are compared without case. Immutable once built; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace config {

/// What a bare number means where a duration is expected.
enum class BareNumber { kSeconds, kMilliseconds, kError };

class Properties {
 public:
  struct Entry {
    std::string name;
    std::string value;
    bool secret = false;  // came from a secret store
  };

  Properties() = default;
  /// `component` is the name that errors mention. The last of equal names wins.
  Properties(std::string component, std::vector<Entry> entries);

  const std::string& component() const { return component_; }
  /// In the order and spelling of the manifest, duplicates removed.
  const std::vector<Entry>& entries() const { return entries_; }

  /// The value of `name`, or of the first of several aliases that is given.
  std::optional<std::string_view> Find(std::string_view name) const;
  std::optional<std::string_view> Find(std::initializer_list<std::string_view> aliases) const;
  bool Has(std::string_view name) const { return Find(name).has_value(); }

  std::string Get(std::string_view name, std::string_view fallback = "") const;
  /// Fails when the property is missing or empty.
  base::Result<std::string> Require(std::string_view name) const;

  // An empty value counts as not given. Failures name the component, the property and the mend, but
  // not the value, which may be a secret.
  bool Bool(std::string_view name,
            bool fallback) const;  // Dapr's truthy words; anything else false
  base::Result<int64_t> Int(std::string_view name, int64_t fallback, int64_t min = INT64_MIN,
                            int64_t max = INT64_MAX) const;
  base::Result<double> Double(std::string_view name, double fallback) const;
  base::Result<std::chrono::nanoseconds> Duration(std::string_view name,
                                                  std::chrono::nanoseconds fallback,
                                                  BareNumber bare = BareNumber::kSeconds) const;
  base::Result<int64_t> Quantity(std::string_view name, int64_t fallback) const;

  /// `text`, which is going to a log, without the values that came from a secret store.
  std::string WithoutSecrets(std::string text) const;

  /// The error for a wrong value of `name`.
  base::Error Invalid(std::string_view name, std::string_view expected) const;

 private:
  std::string component_;
  std::vector<Entry> entries_;
};

}  // namespace config
