#include "net/spiffe_check.hpp"

#include "base/strings.hpp"
#include "net/spiffe.hpp"

namespace net {
namespace {

std::unexpected<base::Error> Unexpected(const TlsPeer& peer, std::string_view expected) {
  if (peer.several_uris) {
    return base::Fail(base::Kind::kUnauthenticated,
                      "the certificate names more than one URI; a SPIFFE ID must be the only one");
  }
  if (peer.uri_san.empty()) {
    return base::Fail(base::Kind::kUnauthenticated, "the certificate names no SPIFFE ID");
  }
  return base::Fail(
      base::Kind::kUnauthenticated,
      base::StrCat("unexpected SPIFFE ID: ", base::Quote(peer.uri_san), ", expected ", expected));
}

}  // namespace

TlsPeerCheck ExpectSpiffeId(std::string id) {
  return [id = std::move(id)](const TlsPeer& peer, bool) -> base::Status {
    if (peer.uri_san == id) return {};
    return Unexpected(peer, base::Quote(id));
  };
}

TlsPeerCheck ExpectSpiffePath(std::string path) {
  return [path = std::move(path)](const TlsPeer& peer, bool) -> base::Status {
    const auto id = ParseSpiffeId(peer.uri_san);
    if (id && id->path == path) return {};
    return Unexpected(peer, base::StrCat("the path ", base::Quote(path)));
  };
}

TlsPeerCheck ExpectAnySpiffeId() {
  return [](const TlsPeer& peer, bool) -> base::Status {
    if (peer.uri_san.empty()) return Unexpected(peer, "one");
    if (auto id = ParseSpiffeId(peer.uri_san); !id) {
      return base::Fail(base::Kind::kUnauthenticated, id.error().message);
    }
    return {};
  };
}

}  // namespace net
