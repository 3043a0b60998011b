// What was read of a key, as a value; and what else may stand there. Private to the store.
#pragma once

#include <string_view>

#include "components/redis/reply.hpp"
#include "contracts/state_store.hpp"

namespace components::state::redis {

inline bool IsWrongType(const components::redis::Reply& reply) {
  return reply.is_error() && reply.text().starts_with("WRONGTYPE");
}

/// A user may be allowed just the commands that Dapr's Go store uses.
inline bool IsRefused(const components::redis::Reply& reply) {
  return reply.is_error() && reply.text().starts_with("NOPERM");
}

/// RedisJSON has a text of its own for a wrong type.
inline bool IsOtherType(const components::redis::Reply& reply) {
  return IsWrongType(reply) ||
         (reply.is_error() && reply.text().find("wrong Redis type") != std::string_view::npos);
}

/// The error for somebody else's hash.
base::Error NoData(std::string_view key);

/// A value from the fields of its hash.
inline base::Result<contracts::GetResponse> FromFields(
    std::string_view key, const components::redis::Reply::Value& data,
    const components::redis::Reply::Value& version) {
  if (data.is_nil() && !version.is_nil()) return base::Fail(NoData(key));
  contracts::GetResponse response;
  // An empty value counts as none.
  if (data.text().empty()) return response;
  response.found = true;
  response.data = data.text();
  if (!version.is_nil()) response.etag = std::string(version.text());
  return response;
}

/// A value from its document, the answer to JSON.GET.
base::Result<contracts::GetResponse> FromDocument(std::string_view key,
                                                  const components::redis::Reply& reply);

}  // namespace components::state::redis
