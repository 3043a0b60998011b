// The service that other runtimes call at an Instance's internal port.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "async/task.hpp"
#include "blocks/invoke/callee.hpp"
#include "grpc/server.hpp"

namespace blocks::invoke {

class InternalService {
 public:
  explicit InternalService(std::shared_ptr<Callee> callee) : callee_(std::move(callee)) {}
  InternalService(const InternalService&) = delete;
  InternalService& operator=(const InternalService&) = delete;

  /// Adds CallLocal, CallLocalStream and the actor calls (Unavailable: there is no actor runtime).
  /// This object must outlive `service`.
  void Register(grpc::Service& service);

 private:
  async::Task<grpc::UnaryReply> CallLocal(grpc::ServerCall& call, std::string request);
  async::Task<grpc::CallStatus> CallLocalStream(grpc::ServerStream& stream);

  const std::shared_ptr<Callee> callee_;
};

}  // namespace blocks::invoke
