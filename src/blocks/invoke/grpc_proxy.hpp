// GrpcProxy: passes calls of services that the runtime does not know on to the app they are for,
// without looking into a message. Fallback of the gRPC API (outbound) and of the internal port
// (inbound).
//
// Both bodies flow side by side as HTTP/2 data: what one side does not take, the other may not
// send.
#pragma once

#include <string>

#include "async/task.hpp"
#include "blocks/invoke/invoke_block.hpp"
#include "grpc/status.hpp"
#include "http/exchange.hpp"
#include "telemetry/trace.hpp"

namespace blocks::invoke {

class GrpcProxy final : public http::Handler {
 public:
  enum class Side : unsigned char {
    kApi,       // callers are apps: metadata names the app
    kInternal,  // callers are runtimes: everything is for the own app
  };
  /// `block` and `tracer` (may be null) outlive this object.
  GrpcProxy(const InvokeBlock& block, const telemetry::Tracer* tracer, Side side)
      : block_(block), tracer_(tracer), side_(side) {}

  async::Task<void> Handle(http::Exchange& exchange) override;

 private:
  async::Task<grpc::Code> ToCallee(http::Exchange& exchange, const contracts::Call& call,
                                   std::shared_ptr<Callee> callee, const CallNames* names,
                                   const CallerIdentity& caller);
  async::Task<grpc::Code> ToPeer(http::Exchange& exchange, const contracts::Call& call,
                                 AppName app);
  async::Task<grpc::Code> ToInstance(http::Exchange& exchange, const contracts::Call& call,
                                     std::shared_ptr<Callee> callee);
  // To another app, here if `callee` is set.
  async::Task<grpc::Code> ToOther(http::Exchange& exchange, const contracts::Call& call,
                                  AppName app, std::shared_ptr<Callee> callee);
  async::Task<grpc::Code> Under(const resiliency::Policy& policy, http::Exchange& exchange,
                                const contracts::Call& call, AppName app,
                                std::shared_ptr<Callee> callee, bool streaming);
  async::Task<base::Result<http::Response>> SendToPeer(const contracts::Call& call, AppName app,
                                                       const http::RequestHead& head,
                                                       http::Body& body);
  const InvokeBlock& block_;
  const telemetry::Tracer* const tracer_;
  const Side side_;
};

}  // namespace blocks::invoke
