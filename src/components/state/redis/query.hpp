// The query API in terms of RediSearch: the component's indexes, and Dapr's filter, sort and page
// as arguments of FT.SEARCH. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "components/redis/reply.hpp"
#include "contracts/state_store.hpp"

namespace components::state::redis {

/// One entry of the metadata field queryIndexes.
struct QueryIndex {
  struct Field {
    std::string key;   // "person.org" as filters name it
    std::string type;  // TEXT, NUMERIC, TAG …
  };
  std::string name;
  std::vector<Field> fields;

  /// What FT.CREATE is called with, the command included.
  std::vector<std::string> CreateCommand() const;
  /// Whether FT.INFO, whose answer `info` is, tells of just these fields in this order: queries
  /// name them by their place. False for what cannot be understood.
  bool IsMadeOf(const components::redis::Reply& info) const;
};

/// `[{"name": "x", "indexes": [{"key": "person.id", "type": "NUMERIC"}]}]`
base::Result<std::vector<QueryIndex>> ParseQueryIndexes(std::string_view json);

/// FT.SEARCH for a query. kInvalidArgument names what the index does not have.
struct Search {
  std::vector<std::string> command;
  int64_t offset = 0;
  int64_t limit = 0;  // 0 = the server's default
};
base::Result<Search> BuildSearch(const QueryIndex& index, const contracts::StateQuery& query);

/// The answer of FT.SEARCH.
base::Result<contracts::QueryResponse> ReadSearch(const Search& search,
                                                  const components::redis::Reply& reply);

}  // namespace components::state::redis
