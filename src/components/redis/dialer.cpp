#include "components/redis/dialer.hpp"

#include <vector>

#include "async/loop.hpp"
#include "base/strings.hpp"

namespace components::redis {

using base::Kind;
using base::StrCat;

namespace {

std::string NameOf(const Endpoint& endpoint, Role role) {
  return StrCat(role == Role::kSentinel ? "redis sentinel at " : "redis at ", endpoint.ToString());
}

base::Error Named(std::string_view name, const base::Error& error) {
  return {error.kind,
          error.message.starts_with(name) ? error.message : StrCat(name, ": ", error.message)};
}

// A refused command of the introduction.
base::Error Refused(std::string_view command, const Reply& reply, const Settings& settings,
                    Role role) {
  const std::string_view text = reply.text();
  if (command == "SELECT") {
    return {Kind::kInvalidArgument,
            StrCat("there is no database ", settings.db, " (", text, "): check redisDB")};
  }
  base::Error error = ServerError(text);
  if (command == "AUTH") {
    error.kind = Kind::kUnauthenticated;
    error.message = StrCat("the credentials were refused (", text, "): check ",
                           role == Role::kSentinel ? "sentinelUsername and sentinelPassword"
                                                   : "redisUsername and redisPassword");
  }
  return error;
}

}  // namespace

bool IsLasting(const base::Error& error) {
  return error.kind == Kind::kUnauthenticated || error.kind == Kind::kPermissionDenied ||
         error.kind == Kind::kInvalidArgument;
}

base::Result<DialerOptions> MakeDialerOptions(Settings settings) {
  DialerOptions options;
  if (settings.tls) {
    auto tls = net::TlsContext::Client(
        {.skip_verify = settings.skip_verify,
         .identity = {settings.client_certificate_pem, settings.client_key_pem}});
    if (!tls) {
      return base::Fail(Kind::kInvalidArgument,
                        StrCat("TLS for redis (clientCert, clientKey): ", tls.error().message));
    }
    options.tls = *std::move(tls);
  }
  options.settings = std::move(settings);
  return options;
}

async::Task<base::Result<std::unique_ptr<net::Stream>>> Dialer::Connect(
    const async::Context& context, const Endpoint& endpoint) {
  auto resolved = co_await resolver_.Resolve(context, endpoint.host, endpoint.port);
  if (!resolved) {
    const Kind kind = resolved.error().kind;
    // Without an address nothing was sent.
    co_return base::Fail(
        kind == Kind::kTimeout || kind == Kind::kCanceled ? kind : Kind::kUnreachable,
        resolved.error().message);
  }
  base::Error error(Kind::kUnreachable, "no address");
  for (const net::Address& address : resolved->addresses) {
    auto stream = co_await net::Dial(context, address);
    if (stream && options_.tls) {
      base::Status secure = co_await (*stream)->ConnectTls(context, options_.tls, endpoint.host);
      if (!secure) stream = std::unexpected(std::move(secure).error());
    }
    if (stream) co_return std::move(*stream);
    error = std::move(stream).error();
  }
  // Perhaps the name has moved on.
  resolver_.Forget(endpoint.host);
  co_return std::unexpected(std::move(error));
}

async::Task<base::Status> Dialer::Introduce(const async::Context& context, Connection& connection,
                                            Role role) {
  const Settings& settings = options_.settings;
  const bool sentinel = role == Role::kSentinel;
  const std::string& username = sentinel ? settings.sentinel_username : settings.username;
  const std::string& password = sentinel ? settings.sentinel_password : settings.password;
  std::vector<std::vector<Arg>> commands;
  if (!password.empty() && !username.empty()) {
    commands.push_back({"AUTH", username, password});
  } else if (!password.empty()) {
    commands.push_back({"AUTH", password});
  }
  const std::string db = std::to_string(settings.db);
  if (settings.db != 0 && !sentinel && role != Role::kNode) commands.push_back({"SELECT", db});
  commands.push_back(role == Role::kMaster ? std::vector<Arg>{"ROLE"} : std::vector<Arg>{"PING"});
  std::vector<Request> requests(commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) requests[i].args = commands[i];
  CO_RETURN_IF_ERROR(co_await connection.Send(context, requests));
  for (const Request& request : requests) {
    if (!request.reply.is_error()) continue;
    // A user that may not PING may still be good for what it is for.
    if (request.args[0] == "PING" && request.reply.text().starts_with("NOPERM")) continue;
    co_return std::unexpected(Refused(request.args[0], request.reply, settings, role));
  }
  const Reply& last = requests.back().reply;
  if (role == Role::kMaster && last[0].text() != "master") {
    co_return base::Fail(Kind::kUnavailable,
                         StrCat("the sentinels name it as master of ", settings.master_name,
                                " and it is a ", last[0].text(), ": a failover is under way"));
  }
  co_return base::Status();
}

async::Task<base::Result<std::shared_ptr<Connection>>> Dialer::Open(const async::Context& context,
                                                                    const Endpoint& endpoint,
                                                                    Role role,
                                                                    Connection::Options base) {
  base.name = NameOf(endpoint, role);
  base.limits = settings().limits;
  const async::Context limited =
      context.Until(async::Loop::Current()->After(options_.settings.dial_timeout));
  auto stream = co_await Connect(limited, endpoint);
  if (!stream) co_return std::unexpected(Named(base.name, stream.error()));
  auto connection = Connection::Start(*std::move(stream), std::move(base));
  base::Status ready = co_await Introduce(limited, *connection, role);
  if (!ready) {
    base::Error error = Named(connection->name(), ready.error());
    co_await connection->Close();
    co_return std::unexpected(std::move(error));
  }
  co_return connection;
}

async::Task<base::Result<Endpoint>> Dialer::AskSentinel(const async::Context& context,
                                                        const Endpoint& sentinel) {
  auto opened = co_await Open(context, sentinel, Role::kSentinel);
  if (!opened) co_return std::unexpected(std::move(opened).error());
  Connection& connection = **opened;
  const Arg args[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", settings().master_name};
  Request request{.args = args};
  base::Status status = co_await connection.Send(
      context.Until(async::Loop::Current()->After(settings().dial_timeout)),
      std::span(&request, 1));
  const std::string name = connection.name();
  co_await connection.Close();
  if (!status) co_return std::unexpected(std::move(status).error());
  const Reply& reply = request.reply;
  if (reply.is_error()) co_return std::unexpected(Named(name, ServerError(reply.text())));
  const auto port = base::ParseUint<uint16_t>(reply[1].text());
  if (reply.size() < 2 || !port) {
    co_return base::Fail(Kind::kUnavailable,
                         StrCat(name, " knows no master named ", settings().master_name,
                                ": check sentinelMasterName"));
  }
  co_return Endpoint{std::string(reply[0].text()), *port};
}

async::Task<base::Result<Endpoint>> Dialer::FindMaster(const async::Context& context) {
  const std::size_t count = settings().endpoints.size();
  base::Error error(Kind::kUnreachable, "no sentinel");
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = (sentinel_ + i) % count;
    auto master = co_await AskSentinel(context, settings().endpoints[at]);
    if (master) {
      sentinel_ = at;
      co_return master;
    }
    error = std::move(master).error();
  }
  co_return std::unexpected(std::move(error));
}

}  // namespace components::redis
