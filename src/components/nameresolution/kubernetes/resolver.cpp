#include "components/nameresolution/kubernetes/resolver.hpp"

#include "base/strings.hpp"
#include "components/nameresolution/endpoint_text.hpp"

namespace components::nameresolution::kubernetes {
namespace {

constexpr std::string_view kDefaultNamespace = "default";

}  // namespace

async::Task<base::Status> Resolver::Init(const contracts::Call& /*call*/,
                                         const contracts::InitRequest& request) {
  const config::Properties& properties = request.properties;
  cluster_domain_ = base::Trim(properties.Get("clusterDomain"));
  if (cluster_domain_.empty()) cluster_domain_ = "cluster.local";
  if (auto sample = ParseEndpoint(base::StrCat("app.", cluster_domain_), 1);
      !sample || cluster_domain_.find(':') != std::string::npos) {
    co_return base::Fail(
        properties.Invalid("clusterDomain", "a domain name such as cluster.local"));
  }
  const std::string pattern = properties.Get("template");
  if (!pattern.empty()) {
    auto parsed = NameTemplate::Parse(pattern);
    if (!parsed) {
      co_return base::Fail(properties.Invalid(
          "template", base::StrCat("a name pattern (", parsed.error().message, ")")));
    }
    if (auto sample = ParseEndpoint(parsed->Fill("app", "ns", 1), 1); !sample) {
      co_return base::Fail(properties.Invalid(
          "template",
          base::StrCat("a pattern that gives host:port (", sample.error().message, ")")));
    }
    template_ = std::move(*parsed);
  }
  co_return base::Status();
}

async::Task<base::Result<std::vector<contracts::Endpoint>>> Resolver::Resolve(
    const contracts::Call& /*call*/, std::string_view app_id, std::string_view app_namespace,
    uint16_t port) {
  CO_RETURN_IF_ERROR(CheckAppId(app_id));
  if (app_namespace.empty()) app_namespace = kDefaultNamespace;
  CO_RETURN_IF_ERROR(CheckAppId(app_namespace));
  contracts::Endpoint endpoint{
      base::StrCat(app_id, "-dapr.", app_namespace, ".svc.", cluster_domain_), port};
  if (template_) {
    CO_ASSIGN_OR_RETURN(endpoint,
                        ParseEndpoint(template_->Fill(app_id, app_namespace, port), port));
  }
  co_return std::vector<contracts::Endpoint>{std::move(endpoint)};
}

const contracts::Descriptor& Descriptor() {
  static const contracts::Descriptor kDescriptor{
      .type = "nameresolution.kubernetes",
      .versions = {"v1"},
      .summary =
          "Finds the runtimes of another app by the Kubernetes Service `<app id>-dapr` of its "
          "namespace: `<app id>-dapr.<namespace>.svc.<clusterDomain>`. All addresses that DNS "
          "gives for the name are used. The default in Kubernetes mode.",
      .fields = {{.name = "clusterDomain",
                  .default_value = "cluster.local",
                  .description = "The DNS domain of the cluster."},
                 {.name = "template",
                  .description =
                      "Another pattern for the address, with `{{.ID}}` for the app id, "
                      "`{{.Namespace}}` and `{{.Port}}`, the internal gRPC port: "
                      "`{{.ID}}-dapr.{{.Namespace}}.svc.cluster.local:{{.Port}}`. Of Go's "
                      "templates only these fields, comments and trim markers are known."}},
      .status = contracts::Stability::kStable,
      .factory = +[]() -> std::unique_ptr<contracts::NameResolver> {
        return std::make_unique<Resolver>();
      }};
  return kDescriptor;
}

}  // namespace components::nameresolution::kubernetes
