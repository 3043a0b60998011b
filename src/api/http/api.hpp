// HttpApi: the HTTP API of one app, from a request head to its answer. One object for all loops;
// holds nothing that changes.
#pragma once

#include "api/app_context.hpp"
#include "api/http/cors.hpp"
#include "api/http/http_call.hpp"
#include "api/http/router.hpp"
#include "http/exchange.hpp"

namespace api {

class HttpApi final : public http::Handler {
 public:
  /// `app` outlives this object and every request.
  explicit HttpApi(const AppContext& app);

  bool TryHandle(http::Exchange& exchange) override;
  async::Task<void> Handle(http::Exchange& exchange) override;

 private:
  /// The steps before routing. False if one of them has answered.
  bool Admit(HttpCall& call) const;
  bool HasToken(const HttpCall& call) const;

  const AppContext& app_;
  const Router router_;
  const Cors cors_;
};

}  // namespace api
