#include "components/nameresolution/nameformat/resolver.hpp"

#include "base/strings.hpp"
#include "components/nameresolution/endpoint_text.hpp"

namespace components::nameresolution::nameformat {
namespace {

constexpr std::string_view kPlaceholder = "{appid}";

std::string Fill(std::string_view format, std::string_view app_id) {
  std::string out;
  while (true) {
    const std::size_t at = format.find(kPlaceholder);
    out += format.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += app_id;
    format.remove_prefix(at + kPlaceholder.size());
  }
}

}  // namespace

async::Task<base::Status> Resolver::Init(const contracts::Call& /*call*/,
                                         const contracts::InitRequest& request) {
  CO_ASSIGN_OR_RETURN(format_, request.properties.Require("format"));
  format_ = base::Trim(format_);
  if (format_.find(kPlaceholder) == std::string::npos) {
    co_return base::Fail(request.properties.Invalid(
        "format", "a name that contains {appid}, such as {appid}-dapr.default.svc.cluster.local"));
  }
  if (auto sample = ParseEndpoint(Fill(format_, "app"), 1); !sample) {
    co_return base::Fail(request.properties.Invalid(
        "format",
        base::StrCat("a host name, optionally with :port (", sample.error().message, ")")));
  }
  co_return base::Status();
}

async::Task<base::Result<std::vector<contracts::Endpoint>>> Resolver::Resolve(
    const contracts::Call& /*call*/, std::string_view app_id, std::string_view /*app_namespace*/,
    uint16_t port) {
  CO_RETURN_IF_ERROR(CheckAppId(app_id));
  CO_ASSIGN_OR_RETURN(contracts::Endpoint endpoint, ParseEndpoint(Fill(format_, app_id), port));
  co_return std::vector<contracts::Endpoint>{std::move(endpoint)};
}

const contracts::Descriptor& Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "nameresolution.nameformat",
      .versions = {"v1"},
      .summary =
          "Makes the host name of another app's runtime from a pattern. The name is then looked up "
          "in DNS, and all its addresses are used.",
      .fields = {{.name = "format",
                  .required = true,
                  .description =
                      "The pattern, with `{appid}` where the app id goes: "
                      "`{appid}-dapr.default.svc.cluster.local`. `:port` may follow; without "
                      "it the port is this runtime's own internal gRPC port."}},
      .status = contracts::Stability::kAlpha,
      .factory = +[]() -> std::unique_ptr<contracts::NameResolver> {
        return std::make_unique<Resolver>();
      }};
  return kDescriptor;
}

}  // namespace components::nameresolution::nameformat
