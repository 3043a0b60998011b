#include "api/http/handlers.hpp"
#include "base/go_json.hpp"
#include "blocks/secrets/secrets_block.hpp"

namespace api {
namespace {

void AppendSecret(std::string& out, const contracts::Secret& secret) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : secret) {
    if (!first) out += ',';
    first = false;
    base::AppendJsonString(out, key);
    out += ':';
    base::AppendJsonString(out, value);
  }
  out += '}';
}

}  // namespace

async::Task<void> GetSecret(HttpCall& call) {
  const auto secret = co_await call.app().secrets->Get(
      call.context(), call.Param(0),
      {.name = std::string(call.Param(1)), .metadata = call.UrlMetadata()});
  if (!secret) co_return call.Fail(secret.error());
  std::string out;
  AppendSecret(out, *secret);
  out += '\n';
  call.Json(out);
}

async::Task<void> GetBulkSecret(HttpCall& call) {
  const auto secrets = co_await call.app().secrets->BulkGet(call.context(), call.Param(0),
                                                            {.metadata = call.UrlMetadata()});
  if (!secrets) co_return call.Fail(secrets.error());
  std::string out = "{";
  for (const auto& [name, secret] : *secrets) {
    if (out.size() > 1) out += ',';
    base::AppendJsonString(out, name);
    out += ':';
    AppendSecret(out, secret);
  }
  out += "}\n";
  call.Json(out);
}

}  // namespace api
