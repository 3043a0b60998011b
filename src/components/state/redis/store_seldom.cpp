// What the store does seldom: its start, reading documents and what others wrote, queries. It is
// compiled for size.
#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "components/state/redis/read.hpp"
#include "components/state/redis/scripts.hpp"
#include "components/state/redis/store.hpp"
#include "components/state/redis/value_text.hpp"
#include "contracts/json_cursor.hpp"

namespace components::state::redis {

using base::Kind;
using base::StrCat;
using components::redis::Arg;
using components::redis::Reply;
using components::redis::Request;
using components::redis::ServerError;
using contracts::GetResponse;

namespace {

constexpr int kIndexTries = 3;
constexpr components::redis::SettingsDefaults kDefaults{.min_retry = std::chrono::seconds(2)};

base::Error NotOurs(std::string_view key, std::string_view what) {
  return {Kind::kInvalidArgument, StrCat("the key ", base::Quote(key), " holds a ", what,
                                         ": something else than a state store wrote it")};
}

// Another runtime may just have dropped it. The servers' words differ.
bool IsUnknownIndex(std::string_view text) {
  return text.find("nknown") != std::string_view::npos ||
         text.find("no such index") != std::string_view::npos;
}

GetResponse FromText(const Reply& reply) {
  GetResponse response;
  if (reply.is_nil() || reply.text().empty()) return response;
  response.found = true;
  response.data = reply.text();
  return response;
}

}  // namespace

base::Error NoData(std::string_view key) {
  return NotOurs(key, "hash without the field data");
}

base::Result<GetResponse> FromDocument(std::string_view key, const Reply& reply) {
  GetResponse response;
  if (reply.is_nil()) return response;
  contracts::JsonCursor cursor(reply.text());
  if (base::CheckJson(reply.text()) && cursor.Peek() == '{') {
    cursor.Enter();
    while (cursor.More()) {
      const std::string name = cursor.Key();
      if (name == "data") {
        // Decoded and written anew, as Go does.
        ASSIGN_OR_RETURN(response.data, base::ReencodeLikeGo(cursor.Skip()));
        response.data = ValueText(std::move(response.data));
        response.found = true;
      } else if (name == "version") {
        response.etag = cursor.Peek() == '"' ? cursor.String() : std::string(cursor.Skip());
      } else {
        cursor.Skip();
      }
    }
  }
  if (!response.found) return base::Fail(NotOurs(key, "document without the member data"));
  return response;
}

async::Task<base::Status> Store::Init(const contracts::Call& call,
                                      const contracts::InitRequest& request) {
  const config::Properties& properties = request.properties;
  CO_ASSIGN_OR_RETURN(components::redis::Settings settings,
                      components::redis::ReadSettings(properties, kDefaults));
  if (!properties.Get("ttlInSeconds").empty()) {
    CO_ASSIGN_OR_RETURN(ttl_, properties.Int("ttlInSeconds", -1, INT32_MIN, INT32_MAX));
  }
  if (const std::string text = properties.Get("queryIndexes"); !text.empty()) {
    auto indexes = ParseQueryIndexes(text);
    if (!indexes) {
      co_return base::Fail(properties.Invalid("queryIndexes", indexes.error().message));
    }
    indexes_ = *std::move(indexes);
  }
  CO_ASSIGN_OR_RETURN(client_, components::redis::Client::Make(std::move(settings)));
  base::Status started = co_await Start(call);
  // A store that did not start is not closed by anybody else.
  if (!started) co_await Close(call);
  co_return started;
}

async::Task<base::Status> Store::Start(const contracts::Call& call) {
  if (base::Status up = co_await client_->Ping(call); !up) {
    co_return base::Fail(up.error().kind,
                         StrCat("redis store: error connecting to redis at ",
                                client_->settings().Servers(), ": ", up.error().message));
  }
  // Without its argument the command fails either way; how tells whether the server knows it.
  const Arg probe[] = {"JSON.GET"};
  Request request{.args = probe, .repeatable = true};
  CO_RETURN_IF_ERROR(co_await client_->Run(call, request));
  has_json_ = request.reply.is_error() &&
              request.reply.text().find("wrong number of arguments") != std::string_view::npos;
  co_return co_await CreateIndexes(call);
}

async::Task<base::Status> Store::CreateIndexes(const contracts::Call& call) {
  for (const QueryIndex& index : indexes_) {
    CO_RETURN_IF_ERROR(co_await CreateIndex(call, index));
  }
  co_return base::Status();
}

async::Task<base::Status> Store::CreateIndex(const contracts::Call& call, const QueryIndex& index) {
  const std::vector<std::string> command = index.CreateCommand();
  const std::vector<Arg> create(command.begin(), command.end());
  const Arg info[] = {"FT.INFO", index.name};
  const Arg drop[] = {"FT.DROPINDEX", index.name};
  // Other runtimes may do the same at the same time.
  for (int i = 0; i < kIndexTries; ++i) {
    Request request{.args = create, .repeatable = true};
    CO_RETURN_IF_ERROR(co_await client_->Run(call, request));
    const std::string_view text = request.reply.text();
    if (!request.reply.is_error()) co_return base::Status();
    if (text.starts_with("ERR unknown command")) {
      co_return base::Fail(
          Kind::kUnimplemented,
          "redis store: error registering query schemas: the server has no RediSearch module; load "
          "RediSearch and RedisJSON, or remove queryIndexes");
    }
    if (text.find("already exists") == std::string_view::npos) {
      co_return base::Fail(
          Kind::kInvalidArgument,
          StrCat("redis store: error registering query schemas: index ", index.name, ": ", text));
    }
    // What fits stays: making it anew would leave queries incomplete for a while.
    Request existing{.args = info, .repeatable = true};
    CO_RETURN_IF_ERROR(co_await client_->Run(call, existing));
    if (index.IsMadeOf(existing.reply)) co_return base::Status();
    if (existing.reply.is_error()) {
      if (IsUnknownIndex(existing.reply.text())) continue;
      // The user may not ask, so nobody knows whether it fits: dropping it might take a good one
      // from those who use it.
      co_return base::Status();
    }
    // The server looks at the fields only where there is no such index: a mistake in them must not
    // cost the one that is.
    const std::string scratch = index.name + "-dapr-check";
    std::vector<std::string> trial = command;
    trial[1] = scratch;
    const std::vector<Arg> try_out(trial.begin(), trial.end());
    const Arg drop_scratch[] = {"FT.DROPINDEX", scratch};
    Request checking{.args = try_out, .repeatable = true};
    CO_RETURN_IF_ERROR(co_await client_->Run(call, checking));
    Request forgetting{.args = drop_scratch, .repeatable = true};
    CO_RETURN_IF_ERROR(co_await client_->Run(call, forgetting));
    if (checking.reply.is_error() &&
        checking.reply.text().find("already exists") == std::string_view::npos) {
      co_return base::Fail(Kind::kInvalidArgument,
                           StrCat("redis store: error registering query schemas: index ",
                                  index.name, ": ", checking.reply.text()));
    }
    Request dropping{.args = drop, .repeatable = true};
    CO_RETURN_IF_ERROR(co_await client_->Run(call, dropping));
  }
  co_return base::Fail(
      Kind::kUnavailable,
      StrCat("redis store: error registering query schemas: index ", index.name,
             " has other fields and could not be made anew: let the user drop it (FT.DROPINDEX)"));
}

async::Task<base::Status> Store::Ping(const contracts::Call& call) {
  return client_->Ping(call);
}

async::Task<void> Store::Close(const contracts::Call& call) {
  if (!client_) co_return;
  co_await client_->Close(call);
}

async::Task<base::Result<GetResponse>> Store::GetAllFields(const contracts::Call& call,
                                                           std::string_view key) {
  const Arg args[] = {"HGETALL", key};
  Request command{.args = args, .key = key, .repeatable = true};
  CO_RETURN_IF_ERROR(co_await client_->Run(call, command));
  const Reply& reply = command.reply;
  if (IsWrongType(reply)) co_return co_await GetOldForm(call, key);
  if (reply.is_error()) co_return std::unexpected(ServerError(reply.text()));
  std::size_t data = reply.size();
  std::size_t version = reply.size();
  for (std::size_t i = 0; i + 1 < reply.size(); i += 2) {
    if (reply[i].text() == "data") data = i + 1;
    if (reply[i].text() == "version") version = i + 1;
  }
  if (data == reply.size() && data > 0) co_return base::Fail(NoData(key));
  co_return FromFields(key, reply[data], reply[version]);
}

// Tells nothing from somebody else's hash.
async::Task<base::Result<GetResponse>> Store::Look(const contracts::Call& call,
                                                   std::string_view key) {
  const Arg length[] = {"HLEN", key};
  CO_ASSIGN_OR_RETURN(const Reply before, co_await client_->Call(call, length, key, true));
  if (before.integer() == 0) co_return GetResponse();
  // It may have been written just now, and may be deleted any time: this looks in one step.
  const Arg args[] = {"EVAL", kLookText, "1", key};
  CO_ASSIGN_OR_RETURN(const Reply reply, co_await client_->Call(call, args, key, true));
  if (reply[2].integer() != 0 && reply[0].is_nil()) co_return base::Fail(NoData(key));
  co_return FromFields(key, reply[0], reply[1]);
}

// Plain strings, as other programs and early versions of Dapr write them; they have no etag.
async::Task<base::Result<GetResponse>> Store::GetOldForm(const contracts::Call& call,
                                                         std::string_view key) {
  const Arg args[] = {"GET", key};
  CO_ASSIGN_OR_RETURN(const Reply reply, co_await client_->Call(call, args, key, true));
  co_return FromText(reply);
}

async::Task<base::Result<GetResponse>> Store::GetDocument(const contracts::Call& call,
                                                          std::string_view key) {
  const Arg args[] = {"JSON.GET", key};
  Request command{.args = args, .key = key, .repeatable = true};
  CO_RETURN_IF_ERROR(co_await client_->Run(call, command));
  if (!command.reply.is_error()) co_return FromDocument(key, command.reply);
  if (!IsOtherType(command.reply)) co_return std::unexpected(ServerError(command.reply.text()));
  co_return co_await Get(call, {.key = std::string(key), .metadata = {}});
}

async::Task<base::Result<contracts::QueryResponse>> Store::Query(const contracts::Call& call,
                                                                 contracts::QueryRequest request) {
  const std::string* name = request.metadata.FindIgnoreCase("queryIndexName");
  if (!name || name->empty()) {
    co_return base::Fail(
        Kind::kInvalidArgument,
        "query index not found: name one of queryIndexes in the request's metadata "
        "queryIndexName");
  }
  const QueryIndex* wanted = nullptr;
  for (const QueryIndex& index : indexes_) {
    if (index.name == *name) wanted = &index;
  }
  if (!wanted) {
    co_return base::Fail(Kind::kInvalidArgument, StrCat("query index schema ", base::Quote(*name),
                                                        " not found: add it to queryIndexes"));
  }
  CO_ASSIGN_OR_RETURN(const Search search, BuildSearch(*wanted, request.query));
  const std::vector<Arg> args(search.command.begin(), search.command.end());
  CO_ASSIGN_OR_RETURN(const Reply reply, co_await client_->Call(call, args, {}, true));
  co_return ReadSearch(search, reply);
}

}  // namespace components::state::redis
