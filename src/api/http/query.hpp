// The query of a URL as the API reads it. Pairs that cannot be decoded are left out, as Go leaves
// them out. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/metadata.hpp"

namespace api {

/// The first value of `key`, decoded.
std::optional<std::string> QueryValue(std::string_view query, std::string_view key);
/// Every value of `key`, decoded.
std::vector<std::string> QueryValues(std::string_view query, std::string_view key);
/// The pairs named `metadata.<k>`; of equal keys the first wins.
contracts::Metadata QueryMetadata(std::string_view query);

/// A field name as Go writes it: upper-case first letter of each part between dashes, the rest
/// lower.
std::string CanonicalFieldName(std::string_view name);

}  // namespace api
