// What is done to keys, as Lua that the server runs in one step. The fields and what makes a write
// pass are a contract with Dapr's Go runtime, which works on the same keys: a hash with `data`,
// `version` and perhaps `first-write`, or with RedisJSON a document with the same members.
//
// Each gives 1, or says which operation failed its etag; errors are the server's own.
#pragma once

#include "components/redis/script.hpp"

namespace components::state::redis {

/// KEYS[1]; ARGV: etag or "0", data, "0" for first-write, ttl ("", or seconds; 0 and less = none).
/// 1, or 0 if the etag does not fit.
inline constexpr std::string_view kSetText = R"lua(
local key, etag, ttl = KEYS[1], ARGV[1], ARGV[4]
local version = redis.pcall('HGET', key, 'version')
if type(version) == 'table' then
  if not string.find(version.err, 'WRONGTYPE', 1, true) then return version end
  version = false
  redis.call('DEL', key)
end
local blank = version == ''
if version and not blank then
  if version ~= etag and
    (etag ~= '0' or redis.call('HEXISTS', key, 'first-write') == 1) then return 0 end
  if not string.find(version, '^-?%d+$') then
    return redis.error_reply('ERR the version of the key is no number')
  end
end
if ARGV[3] == '0' then
  redis.call('HSET', key, 'data', ARGV[2], 'first-write', 0)
else
  redis.call('HSET', key, 'data', ARGV[2])
end
if blank then redis.call('HSET', key, 'version', 1) else redis.call('HINCRBY', key, 'version', 1) end
if ttl ~= '' then
  if tonumber(ttl) > 0 then redis.call('EXPIRE', key, ttl) else redis.call('PERSIST', key) end
end
return 1
)lua";

/// The same for a document.
inline constexpr std::string_view kSetJsonText = R"lua(
local key, etag, ttl = KEYS[1], ARGV[1], ARGV[4]
local version = redis.pcall('JSON.GET', key, '.version')
if type(version) == 'table' then
  version = false
  redis.call('DEL', key)
end
if version == '' then version = false end
if version and version ~= etag then
  local first = redis.pcall('JSON.GET', key, '.first-write')
  if etag ~= '0' or (first and type(first) ~= 'table') then return 0 end
end
local new = string.format('%.0f', (tonumber(version or '0') or 0) + 1)
redis.call('JSON.SET', key, '$', ARGV[2])
if ARGV[3] == '0' then redis.call('JSON.SET', key, '$.first-write', '0') end
redis.call('JSON.SET', key, '$.version', new)
if ttl ~= '' then
  if tonumber(ttl) > 0 then redis.call('EXPIRE', key, ttl) else redis.call('PERSIST', key) end
end
return 1
)lua";

/// KEYS[1]; ARGV: etag or "0". 1, or 0 if the etag does not fit.
inline constexpr std::string_view kDeleteText = R"lua(
local version = redis.pcall('HGET', KEYS[1], 'version')
if type(version) == 'table' and not string.find(version.err, 'WRONGTYPE', 1, true) then
  return version
end
if not version or type(version) == 'table' or version == '' or version == ARGV[1] or
  ARGV[1] == '0' then
  redis.call('DEL', KEYS[1])
  return 1
end
return 0
)lua";

inline constexpr std::string_view kDeleteJsonText = R"lua(
local version = redis.pcall('JSON.GET', KEYS[1], '.version')
if not version or type(version) == 'table' or version == '' or version == ARGV[1] or
  ARGV[1] == '0' then
  redis.call('DEL', KEYS[1])
  return 1
end
return 0
)lua";

/// A transaction: one key and four arguments an operation: what to do ("s" set, "j" set a document,
/// "d" delete, "e" delete a document), etag or "0", data, ttl. Looks at all etags, as they will be
/// when each operation's turn comes, before it writes anything. 1; or 0 minus the number (from 1)
/// of the operation whose etag does not fit.
inline constexpr std::string_view kMultiText = R"lua(
local hashes, documents = {}, {}
local function version_of(key, json)
  local known = json and documents or hashes
  local version = known[key]
  if version ~= nil then return version end
  if json then version = redis.pcall('JSON.GET', key, '.version')
  else version = redis.pcall('HGET', key, 'version') end
  if type(version) == 'table' then
    if not json and not string.find(version.err, 'WRONGTYPE', 1, true) then
      error(version.err, 0)
    end
    version = false
  end
  if version == '' then version = false end
  known[key] = version
  return version
end
local unlocked = {}
local function locked(key, json)
  if unlocked[key] then return false end
  if not json then return redis.call('HEXISTS', key, 'first-write') == 1 end
  local first = redis.pcall('JSON.GET', key, '.first-write')
  return first and type(first) ~= 'table'
end
for i, key in ipairs(KEYS) do
  local what, etag = ARGV[4 * i - 3], ARGV[4 * i - 2]
  local set, json = what == 's' or what == 'j', what == 'j' or what == 'e'
  local version = version_of(key, json)
  if version and version ~= etag and (etag ~= '0' or (set and locked(key, json))) then return -i end
  local after = false
  if set then
    if version and not string.find(version, '^-?%d+$') then
      return redis.error_reply('ERR the version of a key is no number')
    end
    after = string.format('%.0f', (tonumber(version or '0') or 0) + 1)
  end
  if json or not set or not version then unlocked[key] = true end
  if json then hashes[key], documents[key] = false, after
  else hashes[key], documents[key] = after, false end
end
for i, key in ipairs(KEYS) do
  local what, data, ttl = ARGV[4 * i - 3], ARGV[4 * i - 1], ARGV[4 * i]
  if what == 'd' or what == 'e' then
    redis.call('DEL', key)
  else
    if what == 's' then
      local version = redis.pcall('HGET', key, 'version')
      if type(version) == 'table' then redis.call('DEL', key) end
      redis.call('HSET', key, 'data', data)
      if version == '' then redis.call('HSET', key, 'version', 1)
      else redis.call('HINCRBY', key, 'version', 1) end
    else
      local version = redis.pcall('JSON.GET', key, '.version')
      if type(version) == 'table' then
        redis.call('DEL', key)
        version = false
      end
      redis.call('JSON.SET', key, '$', data)
      redis.call('JSON.SET', key, '$.version',
                 string.format('%.0f', (tonumber(version or '0') or 0) + 1))
    end
    if ttl ~= '' then
      if tonumber(ttl) > 0 then redis.call('EXPIRE', key, ttl) else redis.call('PERSIST', key) end
    end
  end
end
return 1
)lua";

/// KEYS[1]: data, version (each nil if the hash has none), and how many fields there are.
inline constexpr std::string_view kLookText = R"lua(
local got = redis.call('HMGET', KEYS[1], 'data', 'version')
return {got[1], got[2], redis.call('HLEN', KEYS[1])}
)lua";

/// The scripts with their digests.
struct Scripts {
  components::redis::Script set{kSetText};
  components::redis::Script set_json{kSetJsonText};
  components::redis::Script erase{kDeleteText};
  components::redis::Script erase_json{kDeleteJsonText};
  components::redis::Script multi{kMultiText};
};
const Scripts& TheScripts();

}  // namespace components::state::redis
