// The store's writes.
#include <vector>

#include "base/base64.hpp"
#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "components/redis/cluster.hpp"
#include "components/state/redis/scripts.hpp"
#include "components/state/redis/store.hpp"
#include "components/state/redis/value_text.hpp"
#include "components/state/redis/write.hpp"

namespace components::state::redis {

using base::Kind;
using base::StrCat;
using components::redis::Arg;
using components::redis::Lane;
using components::redis::Reply;
using components::redis::Request;
using components::redis::ServerError;

namespace {

// How long replicas may take to acknowledge a write with strong consistency.
constexpr std::string_view kReplicaMillis = "1000";

base::Status Outcome(const Write& write, const base::Status& status, const Reply& reply) {
  if (!status) return status;
  if (reply.is_error()) return std::unexpected(ServerError(reply.text()));
  if (reply.integer() == 1) return {};
  const std::string what =
      StrCat(write.erases() ? "failed to delete key " : "failed to set key ", write.key);
  if (write.has_etag) return std::unexpected(contracts::EtagMismatch(what));
  return base::Fail(Kind::kInternal,
                    StrCat(what,
                           ": it was written with concurrency first-write, so an etag is "
                           "needed"));
}

// "connected_slaves:2" of INFO replication.
std::string_view ReplicasOf(std::string_view info) {
  constexpr std::string_view kName = "connected_slaves:";
  const std::size_t at = info.find(kName);
  if (at == std::string_view::npos) return "0";
  info.remove_prefix(at + kName.size());
  return info.substr(0, info.find_first_of("\r\n"));
}

}  // namespace

const Scripts& TheScripts() {
  static const Scripts kScripts;
  return kScripts;
}

bool WantsText(const Reply& reply) {
  // NOPERM: a user may be allowed EVAL and not EVALSHA.
  return reply.is_error() &&
         (reply.text().starts_with("NOSCRIPT") || reply.text().starts_with("NOPERM"));
}

base::Status Store::Prepare(contracts::SetRequest&& request, Write& write) const {
  const Scripts& scripts = TheScripts();
  const bool document = AsJson(request.metadata);
  ASSIGN_OR_RETURN(std::optional<int64_t> ttl, contracts::ParseTtlSeconds(request.metadata));
  if (!ttl) ttl = ttl_;
  if (ttl) write.ttl = std::to_string(*ttl);
  if (request.has_etag() && request.options.concurrency != contracts::Concurrency::kLastWrite) {
    const std::optional<int64_t> version = base::ParseInt<int64_t>(*request.etag);
    if (!version) {
      return std::unexpected(contracts::EtagInvalid(
          StrCat("strconv.Atoi: parsing ", base::Quote(*request.etag), ": invalid syntax")));
    }
    write.etag = std::to_string(*version);
  }
  write.has_etag = request.has_etag();
  if (request.options.concurrency == contracts::Concurrency::kFirstWrite) write.first_write = "0";
  write.strong = request.options.consistency == contracts::Consistency::kStrong;
  write.key = std::move(request.key);
  write.script = document ? &scripts.set_json : &scripts.set;
  write.kind = document ? 'j' : 's';
  if (request.json) {
    write.data = ValueText(std::move(request.value));
  } else if (document) {
    write.data = StrCat("\"", base::Base64Encode(request.value), "\"");
  } else {
    write.data = std::move(request.value);
  }
  if (document) write.data = StrCat(R"({"data":)", write.data, "}");
  // The server would hang up, and with that on everybody.
  if (write.data.size() > components::redis::kLongestText) {
    return base::Fail(
        Kind::kTooLarge,
        StrCat("the value of ", base::Quote(write.key), " has ", write.data.size() >> 20,
               " MiB: redis takes ", components::redis::kLongestText >> 20, " MiB at most"));
  }
  return {};
}

void Store::Prepare(contracts::DeleteRequest&& request, Write& write) const {
  const Scripts& scripts = TheScripts();
  const bool document = AsJson(request.metadata);
  write.has_etag = request.has_etag();
  if (write.has_etag) write.etag = *std::move(request.etag);
  write.strong = request.options.consistency == contracts::Consistency::kStrong;
  write.key = std::move(request.key);
  write.script = document ? &scripts.erase_json : &scripts.erase;
  write.kind = document ? 'e' : 'd';
}

async::Task<base::Status> Store::RunWrite(const contracts::Call& call, Write& write) {
  const Lane lane = write.strong ? Lane::kSlow : Lane::kFast;
  Request request{.args = write.Bind(false), .key = write.key};
  base::Status status = co_await client_->Run(call, request, lane);
  if (status && WantsText(request.reply)) [[unlikely]] {
    request = {.args = write.Bind(true), .key = write.key};
    status = co_await client_->Run(call, request, lane);
  }
  status = Outcome(write, status, request.reply);
  if (status && write.strong) co_return co_await WaitForReplicas(call, write);
  co_return status;
}

async::Task<base::Status> Store::WaitForReplicas(const contracts::Call& call, Write& write) {
  base::Status status = co_await AskReplicas(call, write);
  // Whoever tries again must not take it for a write that has not happened.
  if (!status &&
      (status.error().kind == Kind::kUnreachable || status.error().kind == Kind::kExhausted)) {
    status.error().kind = Kind::kUnavailable;
  }
  co_return status;
}

// On the connection of the write before, because the server counts by connection.
async::Task<base::Status> Store::AskReplicas(const contracts::Call& call, Write& write) {
  const Arg info[] = {"INFO", "replication"};
  Request request{.args = info, .key = write.key};
  CO_RETURN_IF_ERROR(co_await client_->Run(call, request, Lane::kSlow));
  if (request.reply.is_error()) co_return std::unexpected(ServerError(request.reply.text()));
  const std::string replicas(ReplicasOf(request.reply.text()));
  const int64_t wanted = base::ParseInt<int64_t>(replicas).value_or(0);
  if (wanted <= 0) co_return base::Status();
  const Arg wait[] = {"WAIT", replicas, kReplicaMillis};
  request = {.args = wait, .key = write.key};
  CO_RETURN_IF_ERROR(co_await client_->Run(call, request, Lane::kSlow));
  if (request.reply.is_error()) co_return std::unexpected(ServerError(request.reply.text()));
  if (request.reply.integer() < wanted) {
    co_return base::Fail(
        Kind::kUnavailable,
        StrCat("redis waiting for ", replicas, " replicas to acknowledge write, err: only ",
               request.reply.integer(), " did within ", kReplicaMillis, " ms"));
  }
  co_return base::Status();
}

async::Task<base::Status> Store::Set(const contracts::Call& call, contracts::SetRequest request) {
  Write write;
  CO_RETURN_IF_ERROR(Prepare(std::move(request), write));
  co_return co_await RunWrite(call, write);
}

async::Task<base::Status> Store::Delete(const contracts::Call& call,
                                        contracts::DeleteRequest request) {
  Write write;
  Prepare(std::move(request), write);
  co_return co_await RunWrite(call, write);
}

async::Task<base::Status> Store::RunWrites(const contracts::Call& call,
                                           std::vector<Write>& writes) {
  Requests requests(writes.size());
  bool strong = false;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    requests[i] = {.args = writes[i].Bind(false), .key = writes[i].key};
    strong = strong || writes[i].strong;
  }
  const Lane lane = strong ? Lane::kSlow : Lane::kFast;
  co_await client_->RunAll(call, requests, lane);
  base::Status first;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    Write& write = writes[i];
    if (requests[i].status && WantsText(requests[i].reply)) {
      requests[i] = {.args = write.Bind(true), .key = write.key};
      requests[i].status = co_await client_->Run(call, requests[i], lane);
    }
    base::Status status = Outcome(write, requests[i].status, requests[i].reply);
    if (status && write.strong) status = co_await WaitForReplicas(call, write);
    if (!status && first) first = std::move(status);
  }
  co_return first;
}

async::Task<base::Status> Store::BulkSet(const contracts::Call& call,
                                         std::vector<contracts::SetRequest> requests,
                                         contracts::BulkOptions) {
  std::vector<Write> writes;
  writes.reserve(requests.size());
  base::Status first;
  for (contracts::SetRequest& request : requests) {
    Write write;
    if (base::Status ready = Prepare(std::move(request), write); !ready) {
      if (first) first = std::move(ready);
      continue;
    }
    writes.push_back(std::move(write));
  }
  base::Status status = co_await RunWrites(call, writes);
  co_return first ? std::move(status) : std::move(first);
}

async::Task<base::Status> Store::BulkDelete(const contracts::Call& call,
                                            std::vector<contracts::DeleteRequest> requests,
                                            contracts::BulkOptions) {
  std::vector<Write> writes(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) Prepare(std::move(requests[i]), writes[i]);
  co_return co_await RunWrites(call, writes);
}

async::Task<base::Status> Store::Multi(const contracts::Call& call,
                                       contracts::TransactionRequest request) {
  std::vector<Write> writes(request.operations.size());
  if (writes.empty()) co_return base::Status();
  const std::string* type =
      request.metadata.empty() ? nullptr : request.metadata.Find("contentType");
  bool strong = false;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    if (auto* set = std::get_if<contracts::SetRequest>(&request.operations[i])) {
      if (type) set->metadata.Set("contentType", *type);
      CO_RETURN_IF_ERROR(Prepare(std::move(*set), writes[i]));
    } else {
      auto& erase = std::get<contracts::DeleteRequest>(request.operations[i]);
      if (type) erase.metadata.Set("contentType", *type);
      Prepare(std::move(erase), writes[i]);
    }
    strong = strong || writes[i].strong;
  }
  if (client_->settings().topology == components::redis::Topology::kCluster) {
    const uint16_t slot = components::redis::KeySlot(writes.front().key);
    for (const Write& write : writes) {
      if (components::redis::KeySlot(write.key) == slot) continue;
      co_return base::Fail(
          Kind::kInvalidArgument,
          StrCat("CROSSSLOT the keys ", base::Quote(writes.front().key), " and ",
                 base::Quote(write.key),
                 " are in different slots of the cluster, which has no transactions over several: "
                 "give the keys of one transaction a common {hash tag}"));
    }
  }
  const Scripts& scripts = TheScripts();
  const std::string count = std::to_string(writes.size());
  std::vector<Arg> args{"EVALSHA", scripts.multi.sha(), count};
  args.reserve(3 + writes.size() * 5);
  for (const Write& write : writes) args.push_back(write.key);
  for (const Write& write : writes) {
    args.insert(args.end(), {std::string_view(&write.kind, 1), write.etag, write.data, write.ttl});
  }
  const Lane lane = strong ? Lane::kSlow : Lane::kFast;
  Request command{.args = args, .key = writes.front().key};
  base::Status status = co_await client_->Run(call, command, lane);
  if (status && WantsText(command.reply)) {
    args[0] = "EVAL";
    args[1] = scripts.multi.text();
    command = {.args = args, .key = writes.front().key};
    status = co_await client_->Run(call, command, lane);
  }
  CO_RETURN_IF_ERROR(std::move(status));
  if (command.reply.is_error()) co_return std::unexpected(ServerError(command.reply.text()));
  if (const int64_t failed = -command.reply.integer();
      failed >= 1 && failed <= static_cast<int64_t>(writes.size())) {
    const Write& write = writes[static_cast<std::size_t>(failed - 1)];
    co_return Outcome(write, base::Status(), Reply());
  }
  if (strong) co_return co_await WaitForReplicas(call, writes.front());
  co_return base::Status();
}

}  // namespace components::state::redis
