// The store's life and its reads.
#include "components/state/redis/store.hpp"

#include <boost/json.hpp>

#include "base/strings.hpp"
#include "components/state/redis/value_text.hpp"
#include "components/state/redis/write.hpp"

namespace components::state::redis {

using base::Kind;
using base::StrCat;
using components::redis::Arg;
using components::redis::Reply;
using components::redis::Request;
using components::redis::ServerError;
using contracts::GetResponse;

namespace {

constexpr components::redis::SettingsDefaults kDefaults{.min_retry = std::chrono::seconds(2)};

bool IsWrongType(const Reply& reply) {
  return reply.is_error() && reply.text().starts_with("WRONGTYPE");
}

base::Result<GetResponse> FromHash(std::string_view key, const Reply& reply) {
  GetResponse response;
  bool has_data = false;
  for (std::size_t i = 0; i + 1 < reply.size(); i += 2) {
    const std::string_view name = reply[i].text();
    if (name == "data") {
      response.data = reply[i + 1].text();
      has_data = true;
    } else if (name == "version") {
      response.etag = std::string(reply[i + 1].text());
    }
  }
  if (!has_data && reply.size() > 0) {
    return base::Fail(Kind::kInvalidArgument, StrCat("the key ", base::Quote(key),
                                                     " holds a hash without the field data: "
                                                     "something else than a state store wrote it"));
  }
  // An empty value counts as none.
  if (response.data.empty()) return GetResponse();
  response.found = true;
  return response;
}

GetResponse FromText(const Reply& reply) {
  GetResponse response;
  if (reply.is_nil() || reply.text().empty()) return response;
  response.found = true;
  response.data = reply.text();
  return response;
}

base::Result<GetResponse> FromDocument(std::string_view key, const Reply& reply) {
  GetResponse response;
  if (reply.is_nil()) return response;
  boost::system::error_code error;
  const std::string_view text = reply.text();
  const auto document =
      boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  if (error || !document.is_object() || !document.get_object().contains("data")) {
    return base::Fail(Kind::kInvalidArgument,
                      StrCat("the key ", base::Quote(key),
                             " holds a document without the member data: something else than a "
                             "state store wrote it"));
  }
  response.found = true;
  response.data = boost::json::serialize(document.get_object().at("data"));
  if (const auto* version = document.get_object().if_contains("version")) {
    response.etag = version->is_string() ? std::string(version->get_string().c_str())
                                         : boost::json::serialize(*version);
  }
  return response;
}

}  // namespace

Store::Store() = default;
Store::~Store() = default;

uint32_t Store::Features() const {
  return contracts::kStateEtag | contracts::kStateTransactional | contracts::kStateTtl |
         (has_json_ ? contracts::kStateQueryApi : 0U);
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
    const std::vector<std::string> command = index.CreateCommand();
    const std::vector<Arg> args(command.begin(), command.end());
    Request request{.args = args, .repeatable = true};
    CO_RETURN_IF_ERROR(co_await client_->Run(call, request));
    const std::string_view text = request.reply.text();
    if (!request.reply.is_error() || text.find("already exists") != std::string_view::npos)
      continue;
    if (text.starts_with("ERR unknown command")) {
      co_return base::Fail(
          Kind::kUnimplemented,
          "redis store: error registering query schemas: the server has no RediSearch module; load "
          "RediSearch and RedisJSON, or remove queryIndexes");
    }
    co_return base::Fail(
        Kind::kInvalidArgument,
        StrCat("redis store: error registering query schemas: index ", index.name, ": ", text));
  }
  co_return base::Status();
}

async::Task<base::Status> Store::Ping(const contracts::Call& call) {
  return client_->Ping(call);
}

async::Task<void> Store::Close(const contracts::Call& call) {
  if (!client_) co_return;
  co_await client_->Close(call);
}

bool Store::AsJson(const contracts::Metadata& metadata) const {
  if (!has_json_ || metadata.empty()) return false;
  const std::string* type = metadata.Find("contentType");
  return type && *type == "application/json";
}

async::Task<base::Result<GetResponse>> Store::Get(const contracts::Call& call,
                                                  contracts::GetRequest request) {
  if (AsJson(request.metadata)) co_return co_await GetDocument(call, request.key);
  const Arg args[] = {"HGETALL", request.key};
  Request command{.args = args, .key = request.key, .repeatable = true};
  CO_RETURN_IF_ERROR(co_await client_->Run(call, command));
  if (command.reply.is_array()) co_return FromHash(request.key, command.reply);
  if (IsWrongType(command.reply)) co_return co_await GetOldForm(call, request.key);
  co_return std::unexpected(ServerError(command.reply.text()));
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
  // RedisJSON has a text of its own for a wrong type.
  const std::string_view text = command.reply.text();
  if (!IsWrongType(command.reply) && text.find("wrong Redis type") == std::string_view::npos) {
    co_return std::unexpected(ServerError(text));
  }
  co_return co_await Get(call, {.key = std::string(key), .metadata = {}});
}

async::Task<base::Result<std::vector<contracts::BulkGetItem>>> Store::BulkGet(
    const contracts::Call& call, std::vector<contracts::GetRequest> requests,
    contracts::BulkOptions) {
  std::vector<contracts::BulkGetItem> items(requests.size());
  std::vector<std::array<Arg, 2>> args(requests.size());
  Requests commands(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    items[i].key = requests[i].key;
    args[i] = {AsJson(requests[i].metadata) ? "JSON.GET" : "HGETALL", requests[i].key};
    commands[i] = {.args = args[i], .key = requests[i].key, .repeatable = true};
  }
  co_await client_->RunAll(call, commands);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Request& command = commands[i];
    base::Result<GetResponse> got;
    if (!command.status) {
      got = std::unexpected(command.status.error());
    } else if (command.reply.is_error()) {
      // Another form of value; seldom enough to be asked for alone.
      got = co_await Get(call, std::move(requests[i]));
    } else {
      got = command.args[0] == "HGETALL" ? FromHash(items[i].key, command.reply)
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
