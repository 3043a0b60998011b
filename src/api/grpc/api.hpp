// GrpcApi: the service dapr.proto.runtime.v1.Dapr of one app, with server reflection. Whatever else
// is called goes to the proxy. One object for all loops; holds nothing that changes.
#pragma once

#include <memory>

#include "api/app_context.hpp"
#include "http/exchange.hpp"

namespace api {

class GrpcApi final : public http::Handler {
 public:
  /// `app` and `proxy` outlive this object and every call. `proxy` serves methods of other
  /// services; null: there are none.
  GrpcApi(const AppContext& app, http::Handler* proxy);
  ~GrpcApi() override;

  bool TryHandle(http::Exchange& exchange) override;
  async::Task<void> Handle(http::Exchange& exchange) override;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace api
