// The store's reads.
#include "components/state/redis/store.hpp"

#include <array>

#include "components/state/redis/read.hpp"

namespace components::state::redis {

using components::redis::Arg;
using components::redis::Reply;
using components::redis::Request;
using components::redis::ServerError;
using contracts::GetResponse;

namespace {

// The fields of a value by name: a hash of somebody else may have millions.
std::array<Arg, 4> ReadHash(std::string_view key) {
  return {"HMGET", key, "data", "version"};
}

// The answer to ReadHash.
base::Result<GetResponse> FromHash(std::string_view key, const Reply& reply) {
  return FromFields(key, reply[0], reply[1]);
}

// Whether nothing may stand at the key, or the hash of another program. Those share keys with apps
// only where keys have no prefix.
bool MayBeForeign(std::string_view key, const Reply& reply) {
  return reply[0].is_nil() && reply[1].is_nil() && key.find("||") == std::string_view::npos;
}

}  // namespace

Store::Store() = default;
Store::~Store() = default;

uint32_t Store::Features() const {
  return contracts::kStateEtag | contracts::kStateTransactional | contracts::kStateTtl |
         (has_json_ ? contracts::kStateQueryApi : 0U);
}

bool Store::AsJson(const contracts::Metadata& metadata) const {
  if (!has_json_ || metadata.empty()) return false;
  const std::string* type = metadata.Find("contentType");
  return type && *type == "application/json";
}

async::Task<base::Result<GetResponse>> Store::Get(const contracts::Call& call,
                                                  contracts::GetRequest request) {
  if (AsJson(request.metadata)) co_return co_await GetDocument(call, request.key);
  const std::array<Arg, 4> args = ReadHash(request.key);
  Request command{.args = args, .key = request.key, .repeatable = true};
  CO_RETURN_IF_ERROR(co_await client_->Run(call, command));
  if (command.reply.is_array()) {
    if (MayBeForeign(request.key, command.reply)) co_return co_await Look(call, request.key);
    co_return FromHash(request.key, command.reply);
  }
  if (IsRefused(command.reply)) co_return co_await GetAllFields(call, request.key);
  if (IsWrongType(command.reply)) co_return co_await GetOldForm(call, request.key);
  co_return std::unexpected(ServerError(command.reply.text()));
}

async::Task<base::Result<std::vector<contracts::BulkGetItem>>> Store::BulkGet(
    const contracts::Call& call, std::vector<contracts::GetRequest> requests,
    contracts::BulkOptions) {
  std::vector<contracts::BulkGetItem> items(requests.size());
  std::vector<std::array<Arg, 4>> args(requests.size());
  Requests commands(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    items[i].key = requests[i].key;
    const bool document = AsJson(requests[i].metadata);
    args[i] =
        document ? std::array<Arg, 4>{"JSON.GET", requests[i].key} : ReadHash(requests[i].key);
    commands[i] = {.args = std::span(args[i]).first(document ? 2 : 4),
                   .key = requests[i].key,
                   .repeatable = true};
  }
  co_await client_->RunAll(call, commands);
  const auto unsure = [&](std::size_t i) {
    return commands[i].status && commands[i].reply.is_array() &&
           MayBeForeign(items[i].key, commands[i].reply);
  };
  std::vector<std::array<Arg, 2>> lengths;
  lengths.reserve(items.size());
  Requests looks;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!unsure(i)) continue;
    lengths.push_back({"HLEN", items[i].key});
    looks.push_back({.args = lengths.back(), .key = items[i].key, .repeatable = true});
  }
  if (!looks.empty()) co_await client_->RunAll(call, looks);
  auto look = looks.begin();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Request& command = commands[i];
    const bool absent =
        unsure(i) && look->status && !look->reply.is_error() && look->reply.integer() == 0;
    if (unsure(i)) ++look;
    base::Result<GetResponse> got;
    if (!command.status) {
      got = std::unexpected(command.status.error());
    } else if (absent) {
      got = GetResponse();
    } else if (IsOtherType(command.reply) || IsRefused(command.reply) ||
               (command.reply.is_array() && MayBeForeign(items[i].key, command.reply))) {
      // Another form of value; seldom enough to be asked for alone.
      got = co_await Get(call, std::move(requests[i]));
    } else if (command.reply.is_error()) {
      got = std::unexpected(ServerError(command.reply.text()));
    } else {
      got = command.reply.is_array() ? FromHash(items[i].key, command.reply)
                                     : FromDocument(items[i].key, command.reply);
    }
    if (got) {
      items[i].value = *std::move(got);
    } else {
      items[i].error = std::move(got.error().message);
    }
  }
  co_return items;
}

}  // namespace components::state::redis
