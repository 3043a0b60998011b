// Any bytes as a query document: no crash, and what is accepted keeps the bounds and the shape that
// stores rely on.
#include <cstdint>
#include <cstdlib>

#include "base/go_json.hpp"
#include "base/utf8.hpp"
#include "contracts/state_query.hpp"

namespace {

using contracts::StateFilter;

void Require(bool fine) {
  if (!fine) std::abort();
}

std::size_t CheckFilter(const StateFilter& filter, std::size_t depth) {
  Require(depth <= contracts::kMaxStateQueryDepth);
  Require(base::IsValidUtf8(filter.key));
  std::size_t terms = 1 + filter.values.size();
  if (filter.is_group()) {
    Require(filter.values.empty() && filter.filters.size() >= 2);
  } else {
    Require(filter.filters.empty());
    Require(filter.op == StateFilter::Op::kIn || filter.values.size() == 1);
  }
  for (const contracts::StateQueryValue& value : filter.values) {
    Require(base::IsValidUtf8(value.text));
    Require(value.type == contracts::StateQueryValue::Type::kString ||
            base::CheckJson(value.text).has_value());
  }
  for (const StateFilter& inner : filter.filters) terms += CheckFilter(inner, depth + 1);
  return terms;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto query = contracts::ParseStateQuery(text);
  if (!query) {
    Require(!query.error().message.empty());
    return 0;
  }
  std::size_t terms = query->sort.size();
  if (query->filter) terms += CheckFilter(*query->filter, 0);
  Require(terms <= contracts::kMaxStateQueryTerms);
  Require(query->limit >= 0);
  for (const contracts::StateSort& sort : query->sort) Require(!sort.key.empty());
  return 0;
}
