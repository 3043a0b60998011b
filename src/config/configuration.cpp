#include "config/configuration.hpp"

#include <algorithm>
#include <set>

#include "base/file.hpp"
#include "base/strings.hpp"
#include "config/yaml_fields.hpp"

namespace config {
namespace {

// Whether a file's documents begin with a Configuration; one that cannot be parsed is for whoever
// reads it to refuse.
bool IsConfiguration(const std::vector<Document>& documents) {
  if (documents.empty()) return false;
  Reader reader(documents.front());
  if (!reader.Parse()) return true;
  Fields root = reader.Root();
  std::string kind;
  root.Read("kind", kind);
  if (reader.failed() || kind != "Configuration") return false;
  bool has_spec = false;
  root.Child("spec", [&](Fields&) { has_spec = true; });
  return has_spec || reader.failed();
}

}  // namespace

std::string Handler::LogName() const {
  return base::StrCat(name, " (", type, "/", version.empty() ? "v1" : version, ")");
}

double Tracing::SamplingRate() const {
  constexpr double kDefault = 1e-4;
  const double rate = base::ParseDouble(sampling_rate).value_or(kDefault);
  return std::clamp(rate, 0.0, 1.0);
}

bool Metric::IncreasedCardinality() const {
  return http ? http->increased_cardinality.value_or(true) : true;
}
bool Metric::ExcludeVerbs() const {
  return http ? http->exclude_verbs.value_or(false) : false;
}
std::vector<std::string> Metric::PathMatching() const {
  return http ? http->path_matching.value_or(std::vector<std::string>())
              : std::vector<std::string>();
}

std::vector<int64_t> Metric::LatencyBuckets() const {
  if (latency_distribution_buckets) return *latency_distribution_buckets;
  return {1,   2,   3,   4,    5,    6,    8,     10,    13,    16,    20,  25,
          30,  40,  50,  65,   80,   100,  130,   160,   200,   250,   300, 400,
          500, 650, 800, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
}

bool SecretsScope::Allows(std::string_view secret) const {
  const auto listed = [&](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), secret) != list.end();
  };
  if (!allowed_secrets.empty()) return listed(allowed_secrets);
  if (listed(denied_secrets)) return false;
  return !base::EqualsIgnoreCase(default_access, "deny");
}

Metric Configuration::Metrics() const {
  Metric out = metric;
  if (metrics.enabled) out.enabled = metrics.enabled;
  if (metrics.record_error_codes) out.record_error_codes = metrics.record_error_codes;
  if (metrics.http) {
    if (!out.http) out.http.emplace();
    if (metrics.http->increased_cardinality) {
      out.http->increased_cardinality = metrics.http->increased_cardinality;
    }
    if (metrics.http->exclude_verbs) out.http->exclude_verbs = metrics.http->exclude_verbs;
    if (metrics.http->path_matching) out.http->path_matching = metrics.http->path_matching;
  }
  if (!metrics.rules.empty()) out.rules = metrics.rules;
  if (metrics.latency_distribution_buckets) {
    out.latency_distribution_buckets = metrics.latency_distribution_buckets;
  }
  return out;
}

bool Configuration::FeatureEnabled(std::string_view name) const {
  // The last entry of a name decides, whatever the default.
  for (auto it = features.rbegin(); it != features.rend(); ++it) {
    if (it->name == name) return it->enabled;
  }
  return name == "HotReload" || name == "WorkflowsRemoteActivityReminder";
}

const SecretsScope* Configuration::SecretScope(std::string_view store) const {
  for (const SecretsScope& scope : secret_scopes) {
    if (scope.store_name == store) return &scope;
  }
  return nullptr;
}

bool Configuration::ComponentDenied(std::string_view type, std::string_view version) const {
  const std::string full = base::StrCat(type, "/", version.empty() ? "v1" : version);
  for (const std::string& denied : denied_components) {
    if (base::EqualsIgnoreCase(denied, type) || base::EqualsIgnoreCase(denied, full)) return true;
  }
  return false;
}

base::Status CheckConfiguration(const Configuration& configuration) {
  std::set<std::string> stores;
  for (const SecretsScope& scope : configuration.secret_scopes) {
    if (!stores.insert(scope.store_name).second) {
      return base::Fail(
          base::Kind::kInvalidArgument,
          base::StrCat("error loading configuration: field spec.secrets.scopes: the store ",
                       base::Quote(scope.store_name),
                       " is listed twice; merge its entries into one"));
    }
    const std::string& access = scope.default_access;
    if (!access.empty() && !base::EqualsIgnoreCase(access, "allow") &&
        !base::EqualsIgnoreCase(access, "deny")) {
      return base::Fail(
          base::Kind::kInvalidArgument,
          base::StrCat("error loading configuration: field spec.secrets.scopes: defaultAccess ",
                       base::Quote(access), " of store ", base::Quote(scope.store_name),
                       " must be allow or deny"));
    }
  }
  const AccessControl& access = configuration.access_control;
  for (size_t i = 0; i < access.policies.size(); ++i) {
    const AppPolicy& policy = access.policies[i];
    std::vector<std::string> missing;
    if (policy.app_id.empty()) missing.push_back("appId");
    if (policy.trust_domain.empty()) missing.push_back("trustDomain");
    if (policy.namespace_name.empty()) missing.push_back("namespace");
    if (missing.empty()) continue;
    return base::Fail(
        base::Kind::kInvalidArgument,
        base::StrCat("invalid access control spec. ", access.source,
                     ": field spec.accessControl.policies[", i, "]: the policy for app ",
                     base::Quote(policy.app_id), " lacks ", base::Join(missing, ", "),
                     "; every policy needs appId, trustDomain and namespace"));
  }
  const std::string& protocol = configuration.tracing.otel.protocol;
  if (!configuration.tracing.otel.endpoint_address.empty() && protocol != "grpc" &&
      protocol != "http") {
    return base::Fail(
        base::Kind::kInvalidArgument,
        base::StrCat("error loading configuration: field spec.tracing.otel.protocol: ",
                     base::Quote(protocol), " must be grpc or http"));
  }
  return {};
}

base::Result<Configuration> LoadConfiguration(const std::vector<std::string>& files, const Env& env,
                                              OtherFiles others) {
  Configuration out;
  for (const std::string& file : files) {
    auto text = base::ReadFile(file);
    if (!text) {
      return base::Fail(text.error().kind,
                        base::StrCat("error loading configuration: ", text.error().message));
    }
    const auto documents = SplitDocuments(file, ExpandEnv(*text, env));
    if (!IsConfiguration(documents)) {
      if (others == OtherFiles::kRefuse) {
        return base::Fail(
            base::Kind::kInvalidArgument,
            base::StrCat("error loading configuration: ", file,
                         " must begin with a document of kind Configuration that has a spec"));
      }
      out.warnings.push_back(base::StrCat(
          "the file ", file, " of --config ",
          documents.empty() ? "is empty and restricts nothing"
                            : "does not begin with a document of kind Configuration with a spec",
          "; changes of it are not followed until it does"));
      if (documents.empty()) continue;
    }
    if (auto status = MergeConfiguration(documents.front(), out); !status) {
      return base::Fail(status.error().kind,
                        base::StrCat("error loading configuration: ", status.error().message));
    }
  }
  RETURN_IF_ERROR(CheckConfiguration(out));
  return out;
}

void ApplyOtelEnv(const Env& env, Configuration& configuration) {
  Otel& otel = configuration.tracing.otel;
  if (!otel.endpoint_address.empty()) return;
  const auto get = [&](const std::string& name) {
    const std::string special = env.Get("OTEL_EXPORTER_OTLP_TRACES_" + name);
    return special.empty() ? env.Get("OTEL_EXPORTER_OTLP_" + name) : special;
  };
  const std::string endpoint = get("ENDPOINT");
  if (endpoint.empty()) return;
  otel.endpoint_address = endpoint;
  const std::string protocol = get("PROTOCOL");
  otel.protocol = base::StartsWithIgnoreCase(protocol, "http") ? "http" : "grpc";
  if (const std::string insecure = env.Get("OTEL_EXPORTER_OTLP_INSECURE"); !insecure.empty()) {
    otel.is_secure = !base::ParseBoolTruthy(insecure);
  }
  if (const std::string timeout = get("TIMEOUT"); !timeout.empty()) otel.timeout = timeout;
  if (const std::string headers = get("HEADERS"); !headers.empty()) {
    otel.headers.clear();
    for (const std::string& pair : base::SplitTrimmed(headers, ',')) {
      const size_t equals = pair.find('=');
      if (equals == std::string::npos) continue;
      NameValue header;
      header.name = base::Trim(std::string_view(pair).substr(0, equals));
      header.value = base::Trim(std::string_view(pair).substr(equals + 1));
      header.has_value = true;
      otel.headers.push_back(std::move(header));
    }
  }
  if (configuration.tracing.sampling_rate.empty()) configuration.tracing.sampling_rate = "1";
}

}  // namespace config
