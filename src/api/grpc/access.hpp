// Which methods of the Dapr service the allow and deny rules leave (spec.api). Pure; any thread.
#pragma once

#include <string_view>

#include "api/app_context.hpp"

namespace api {

/// "state.v1": the group a method belongs to in rules; empty for a method that is none of the
/// service.
std::string_view GroupOfMethod(std::string_view method);

/// Whether the rules for gRPC allow `method` (its name alone). Deny wins; no allow rule: all are
/// allowed.
bool IsMethodAllowed(const AppContext& app, std::string_view method);

}  // namespace api
