// PublicApi: what the public port answers to anybody: metadata and health, nothing else, without
// token, CORS or limits of its own.
#pragma once

#include "api/app_context.hpp"
#include "api/http/router.hpp"
#include "http/exchange.hpp"

namespace api {

class PublicApi final : public http::Handler {
 public:
  /// `app` outlives this object and every request.
  explicit PublicApi(const AppContext& app) : app_(app), router_({}, {}) {}
  async::Task<void> Handle(http::Exchange& exchange) override;

 private:
  const AppContext& app_;
  const Router router_;
};

}  // namespace api
