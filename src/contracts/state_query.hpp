// StateQuery: the query document of the state query API, parsed: which values, in which order,
// which page. The state block parses it once and hands it to the store, which turns it into its
// backend's language; every key and value in it is a caller's text and must be escaped or bound
// there.
//
// A document is {"filter": F, "sort": [{"key": K, "order": "ASC" | "DESC"}], "page": {"limit": N,
// "token": T}}. F is {"EQ" | "NEQ" | "GT" | "GTE" | "LT" | "LTE": {K: value}}, {"IN": {K: [value,
// ...]}} or {"AND" | "OR": [F, F, ...]}; none or {} means every value. A key K names a member of
// the stored JSON value; dots go deeper ("person.org").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace contracts {

/// A value to compare with.
struct StateQueryValue {
  enum class Type : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
  Type type = Type::kNull;
  /// A string's content; of the others the JSON text that Go's encoding/json writes: "null",
  /// "true", "25", "1e+21", "[1,2]".
  std::string text;
};

struct StateFilter {
  enum class Op : uint8_t { kEq, kNeq, kGt, kGte, kLt, kLte, kIn, kAnd, kOr };
  Op op = Op::kEq;
  /// The member compared; empty for AND and OR.
  std::string key;
  /// One value; for IN any number, also none; for AND and OR none.
  std::vector<StateQueryValue> values;
  /// Of AND and OR, at least two.
  std::vector<StateFilter> filters;

  bool is_group() const { return op == Op::kAnd || op == Op::kOr; }
};

struct StateSort {
  std::string key;
  bool descending = false;
};

struct StateQuery {
  std::optional<StateFilter> filter;  // none = every value
  std::vector<StateSort> sort;        // the first key counts most
  int64_t limit = 0;                  // values on a page; 0 = all
  std::string token;                  // from the page before; empty = the first page
};

/// Bounds of a document; beyond them it is refused.
inline constexpr std::size_t kMaxStateQueryDepth = 64;  // AND and OR inside each other
inline constexpr std::size_t kMaxStateQueryTerms =
    4096;  // filters, IN values and sort keys together
inline constexpr std::size_t kMaxStateQueryPage = 1'000'000;

/// Parses a document by the rules of Go's decoder: the names filter, sort, page, key, order, limit
/// and token in any case, unknown members ignored, operators in capitals. Fails with
/// kInvalidArgument and a text that says which part is wrong. Any thread.
base::Result<StateQuery> ParseStateQuery(std::string_view document);

/// "EQ", "AND" ...
std::string_view StateFilterOpName(StateFilter::Op op);

}  // namespace contracts
