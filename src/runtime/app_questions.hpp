// What the runtime asks an app when it is there: its configuration and which topics it wants.
// Called by the Instance on the home loop.
#pragma once

#include <optional>
#include <string>

#include "async/task.hpp"
#include "async/wait.hpp"
#include "contracts/app_target.hpp"
#include "telemetry/log.hpp"

namespace runtime {

struct AppQuestions {
  std::string app_id;
  bool config = true;     // GET /dapr/config; HTTP apps only
  bool subscribe = true;  // GET /dapr/subscribe, or ListTopicSubscriptions of gRPC apps
};

struct AppAnswers {
  std::optional<std::string> config;         // the body of a 200
  std::optional<std::string> subscriptions;  // the body of a 200, or the gRPC message
  bool no_subscriptions = false;             // the app says that it has none (404, Unimplemented)
};

/// Asks; each question has five seconds, an answer of at most 1 MiB, and is put again a few times
/// if no connection lasts. What goes wrong is logged.
async::Task<AppAnswers> AskApp(contracts::AppTarget& target, const AppQuestions& questions,
                               const telemetry::Log& log, const async::Context& context);

}  // namespace runtime
