// What the name resolvers have in common: addresses as text, and which app ids may become part of a
// name. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contracts/name_resolver.hpp"

namespace components::nameresolution {

/// Reads "host:port", "[v6]:port", "host" or a bare IPv6 address; without a port, `default_port`
/// counts. kInvalidArgument for anything else.
base::Result<contracts::Endpoint> ParseEndpoint(std::string_view text, uint16_t default_port);

/// "host:port", with brackets around an IPv6 address.
std::string EndpointText(std::string_view host, uint16_t port);

/// Success if `app_id` holds only letters, digits, '-', '_' and '.', so that it cannot change the
/// meaning of a name or address it is put into. App ids come from callers.
base::Status CheckAppId(std::string_view app_id);

}  // namespace components::nameresolution
