#include "api/http/handlers.hpp"
#include "base/strings.hpp"
#include "blocks/meta/metadata_block.hpp"

namespace api {

bool TryGetMetadata(HttpCall& call) {
  call.Json(blocks::meta::MetadataJson(call.app().metadata->Get()));
  return true;
}

async::Task<void> PutMetadata(HttpCall& call) {
  const auto body = co_await call.ReadBody();
  if (!body) {
    co_return call.Fail(
        base::Error(base::Kind::kInvalidArgument, base::ErrorId::kBodyRead,
                    base::StrCat("failed to read request body: ", body.error().message)));
  }
  if (auto status = call.app().metadata->Set(call.Param(0), *body); !status) {
    co_return call.Fail(status.error());
  }
  call.Empty();
}

bool TryShutdown(HttpCall& call) {
  if (const auto may = call.app().metadata->MayShutdown(); !may) {
    call.Fail(may.error());
    return true;
  }
  const bool force = base::ParseBoolTruthy(call.Header("dapr-force-shutdown"));
  call.Empty();
  call.app().metadata->Shutdown(force);
  return true;
}

bool TryHealthz(HttpCall& call) {
  const auto status = call.app().metadata->CheckHealth(call.Query("appid").value_or(""));
  if (status) {
    call.Empty();
  } else {
    call.Fail(status.error());
  }
  return true;
}

bool TryHealthzOutbound(HttpCall& call) {
  const auto status = call.app().metadata->CheckOutboundHealth();
  if (status) {
    call.Empty();
  } else {
    call.Fail(status.error());
  }
  return true;
}

}  // namespace api
