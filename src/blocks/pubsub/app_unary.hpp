// One unary gRPC call to the app through its target, on serialized messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "base/result.hpp"
#include "contracts/app_target.hpp"
#include "grpc/status.hpp"
#include "http/headers.hpp"

namespace blocks::pubsub {

struct UnaryAnswer {
  grpc::Status status;
  std::string message;    // when the status is OK
  int http_status = 200;  // other than 200: no gRPC peer answered
};

/// The error side is for calls without any answer: kinds as AppTarget::Send. `metadata` is sent
/// besides what gRPC needs.
async::Task<base::Result<UnaryAnswer>> CallAppUnary(contracts::AppTarget& target,
                                                    const async::Context& context,
                                                    std::string_view path, http::Headers metadata,
                                                    std::string_view message,
                                                    std::size_t max_answer);

}  // namespace blocks::pubsub
