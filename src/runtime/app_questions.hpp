// What the runtime asks an app when it is there: its configuration and which topics it wants.
// Called by the Instance on the home loop.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "async/task.hpp"
#include "async/wait.hpp"
#include "base/result.hpp"
#include "contracts/app_target.hpp"
#include "telemetry/log.hpp"

namespace runtime {

struct AppQuestions {
  std::string app_id;
  bool config = true;     // GET /dapr/config; HTTP apps only
  bool subscribe = true;  // GET /dapr/subscribe, or ListTopicSubscriptions of gRPC apps
};

/// Asks; each question has five seconds and an answer of at most 1 MiB. What goes wrong is logged
/// at debug level. Returns how many subscriptions the app wants; none if it was not asked or did
/// not say.
async::Task<std::optional<std::size_t>> AskApp(contracts::AppTarget& target,
                                               const AppQuestions& questions,
                                               const telemetry::Log& log,
                                               const async::Context& context);

/// How many subscriptions the body of /dapr/subscribe lists. Fails if it is not a JSON array.
base::Result<std::size_t> CountSubscriptions(std::string_view json);
/// The same of a ListTopicSubscriptionsResponse.
base::Result<std::size_t> CountGrpcSubscriptions(std::string_view message);

}  // namespace runtime
