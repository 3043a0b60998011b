// Kafka's headers and the metadata of messages.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contracts/metadata.hpp"

namespace re2 {
class RE2;
}

namespace components::kafka {

/// Which pairs become headers and back, and how. Immutable; any thread.
class HeaderRules {
 public:
  /// `exclude` is a regular expression for names, found anywhere in them; empty excludes nothing.
  /// kInvalidArgument if it is none.
  static base::Result<std::shared_ptr<const HeaderRules>> Make(bool escape,
                                                               const std::string& exclude);
  HeaderRules() = default;
  ~HeaderRules();
  HeaderRules(const HeaderRules&) = delete;
  HeaderRules& operator=(const HeaderRules&) = delete;

  bool Excluded(std::string_view name) const;
  /// Adds what came with a message: its value escaped as in a URL's query where the rules say so.
  void Add(contracts::Metadata& metadata, std::string_view name, std::string_view value) const;

 private:
  bool escape_ = false;
  std::unique_ptr<re2::RE2> exclude_;
};

/// The key of a message: partitionKey, else __key; null for none.
const std::string* KeyOf(const contracts::Metadata& metadata);
/// partitionNumber; -1 if it is not given, kInvalidArgument if it is no number.
base::Result<int32_t> PartitionOf(const contracts::Metadata& metadata);

}  // namespace components::kafka
