// SPIFFE ids: the names by which Dapr's workloads prove who they are ("spiffe://td/ns/shop/cart").
// Text only; certificates that carry them are certificates.hpp. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace net {

/// The parts of an id; views into the text it was parsed from.
struct SpiffeId {
  std::string_view trust_domain;
  std::string_view path;  // with its leading slash; may be empty
};

/// kInvalidArgument "malformed SPIFFE ID: …" for anything but spiffe://<trust domain>[/path] in the
/// characters the standard allows.
base::Result<SpiffeId> ParseSpiffeId(std::string_view text);

/// What the id of an app says: path "/ns/<namespace>/<app-id>".
struct SpiffeApp {
  std::string_view trust_domain;
  std::string_view app_namespace;
  std::string_view app_id;
};
/// kInvalidArgument "malformed SPIFFE ID: …" for ids of another form.
base::Result<SpiffeApp> ParseSpiffeApp(std::string_view text);

/// "/ns/<namespace>/<app-id>"
std::string SpiffePath(std::string_view app_namespace, std::string_view app_id);
/// "spiffe://<trust domain>/ns/<namespace>/<app-id>"
std::string SpiffeIdText(std::string_view trust_domain, std::string_view app_namespace,
                         std::string_view app_id);

}  // namespace net
