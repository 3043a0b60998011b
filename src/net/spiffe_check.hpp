// Checks of a TLS peer's SPIFFE id, for TlsServerOptions and TlsClientOptions.
#pragma once

#include <string>

#include "net/tls.hpp"

namespace net {

/// The peer must have exactly this id.
TlsPeerCheck ExpectSpiffeId(std::string id);
/// The peer's id must have this path, in any trust domain.
TlsPeerCheck ExpectSpiffePath(std::string path);
/// The peer must have an id at all.
TlsPeerCheck ExpectAnySpiffeId();

}  // namespace net
