#include "runtime/component_loader.hpp"

#include "async/loop.hpp"
#include "base/strings.hpp"

namespace runtime {
namespace {

bool IsSecretStore(const config::Component& component) {
  return base::StartsWithIgnoreCase(component.type, "secretstores.");
}

base::Error InitError(const config::Component& component, std::string_view tag,
                      std::string_view cause) {
  return base::Error(
      base::Kind::kInternal,
      base::StrCat("process component ", component.meta.name, " error: [", tag,
                   "]: initialization error occurred for ", component.LogName(), ": ", cause));
}

std::string SecretId(const std::string& store, const std::string& name) {
  return store + '\n' + name;
}

}  // namespace

contracts::SecretStore* ComponentSet::FindSecretStore(std::string_view name) const {
  for (const blocks::secrets::NamedStore& named : secret_stores) {
    if (named.name == name) return named.store.get();
  }
  return nullptr;
}

async::Task<void> ComponentSet::Close(const async::Context& context) {
  const contracts::Call call(context);
  // Last started, first closed: secret stores outlive those who may still ask them.
  for (auto component = all_.rbegin(); component != all_.rend(); ++component) {
    co_await (*component)->Close(call);
  }
  all_.clear();
  state_stores.clear();
  pubsubs.clear();
  secret_stores.clear();
}

config::TemplateContext ComponentLoader::Template() const {
  config::TemplateContext context;
  context.app_id = input_.app_id;
  context.namespace_name = input_.app_namespace;
  context.kubernetes = input_.kubernetes;
  context.env = &input_.env;
  context.pod_name = input_.env.Get("POD_NAME");
  context.secrets = [this](const std::string& store, const std::string& name,
                           const std::string& key) -> base::Result<std::string> {
    const auto found = secrets_.find(SecretId(store, name));
    if (found != secrets_.end()) {
      if (const auto value = found->second.find(key); value != found->second.end()) {
        return value->second;
      }
    }
    return base::Fail(base::Kind::kNotFound,
                      base::StrCat("secret store ", store, " has no secret \"", name,
                                   "\" with key \"", key, "\""));
  };
  return context;
}

async::Task<base::Result<ComponentSet>> ComponentLoader::Load(const async::Context& context) {
  base::Status status;
  for (const bool secret_stores : {true, false}) {
    for (const config::Component& component : input_.resources.components) {
      if (IsSecretStore(component) != secret_stores || !status) continue;
      auto started = co_await StartOne(context, component);
      if (started) continue;
      input_.log.Error(base::StrCat("Failed to init component ", component.LogName(), ": ",
                                    started.error().message));
      if (component.ignore_errors) {
        input_.log.Error("Ignoring error processing component",
                         {{"component", component.LogName()}});
      } else {
        status = std::move(started);
      }
    }
  }
  for (const config::HttpEndpoint& endpoint : input_.resources.http_endpoints) {
    if (status) status = co_await ResolveEndpoint(context, endpoint);
  }
  secrets_.clear();
  if (!status) {
    co_await set_.Close(context);
    co_return std::unexpected(std::move(status).error());
  }
  input_.log.Info("All outstanding components processed");
  co_return std::move(set_);
}

async::Task<base::Status> ComponentLoader::StartOne(const async::Context& context,
                                                    const config::Component& component) {
  if (input_.configuration.ComponentDenied(component.type, component.version)) {
    input_.log.Warning(base::StrCat("component ", component.LogName(),
                                    " is denied by the configuration (components.deny) and is not "
                                    "loaded"));
    co_return base::Status();
  }
  input_.metrics.ComponentInit(component.type);
  auto descriptor = input_.registry.Find(component.type, component.version);
  if (!descriptor) {
    input_.metrics.ComponentInitFailed(component.type, "creation", component.meta.name);
    co_return base::Fail(
        InitError(component, "INIT_COMPONENT_FAILURE",
                  base::StrCat("[CREATE_COMPONENT_FAILURE]: creation error occurred for ",
                               component.LogName(), ": ", descriptor.error().message, " (",
                               component.source.ToString(), ")")));
  }
  const std::string store = config::SecretStoreFor(component.auth_secret_store, input_.kubernetes);
  CO_RETURN_IF_ERROR(co_await FetchSecrets(context, store, component.metadata));
  std::vector<std::string> warnings;
  auto properties = config::ResolveMetadata(component, Template(), warnings);
  base::Status status;
  if (properties) {
    auto unknown = contracts::ValidateMetadata(**descriptor, component.meta.name, *properties,
                                               contracts::CommonFields((*descriptor)->type));
    if (unknown) {
      for (std::string& warning : *unknown) warnings.push_back(std::move(warning));
      status = co_await Init(context, component, **descriptor, *properties);
    } else {
      status = std::unexpected(std::move(unknown).error());
    }
  } else {
    status = std::unexpected(std::move(properties).error());
  }
  for (const std::string& warning : warnings) {
    input_.log.Warning(base::StrCat(component.source.ToString(), ": ", warning));
  }
  if (!status) {
    input_.metrics.ComponentInitFailed(component.type, "init", component.meta.name);
    co_return base::Fail(
        InitError(component, "INIT_COMPONENT_FAILURE",
                  base::StrCat(status.error().message, " (", component.source.ToString(), ")")));
  }
  LoadedComponent loaded{component.meta.name, (*descriptor)->type,
                         component.version.empty() ? "v1" : component.version,
                         (*descriptor)->features};
  set_.loaded.push_back(std::move(loaded));
  input_.metrics.ComponentLoaded();
  input_.log.Info(base::StrCat("Component loaded: ", component.LogName()));
  co_return base::Status();
}

async::Task<base::Status> ComponentLoader::Init(const async::Context& context,
                                                const config::Component& component,
                                                const contracts::Descriptor& descriptor,
                                                const config::Properties& properties) {
  const contracts::Call call(context.Until(async::Loop::Current()->After(component.InitTimeout())));
  const contracts::InitRequest request{.name = component.meta.name,
                                       .type = descriptor.type,
                                       .version = component.version,
                                       .properties = properties,
                                       .app_id = input_.app_id,
                                       .app_namespace = input_.app_namespace};
  std::shared_ptr<contracts::Component> made;
  if (const auto* make =
          std::get_if<std::unique_ptr<contracts::StateStore> (*)()>(&descriptor.factory)) {
    std::shared_ptr<contracts::StateStore> store = (*make)();
    CO_RETURN_IF_ERROR(co_await store->Init(call, request));
    made = store;
    auto named = blocks::state::MakeNamedStore(store, component, properties, input_.app_id,
                                               input_.app_namespace);
    if (!named) {
      co_await store->Close(call);
      co_return std::unexpected(std::move(named).error());
    }
    set_.state_stores.push_back(std::move(*named));
  } else if (const auto* make_secrets =
                 std::get_if<std::unique_ptr<contracts::SecretStore> (*)()>(&descriptor.factory)) {
    std::shared_ptr<contracts::SecretStore> store = (*make_secrets)();
    CO_RETURN_IF_ERROR(co_await store->Init(call, request));
    set_.secret_stores.push_back({component.meta.name, store});
    made = store;
  } else if (const auto* make_pubsub =
                 std::get_if<std::unique_ptr<contracts::PubSub> (*)()>(&descriptor.factory)) {
    std::shared_ptr<contracts::PubSub> pubsub = (*make_pubsub)();
    const config::Properties complete = blocks::pubsub::WithConsumerId(properties, input_.app_id);
    contracts::InitRequest pubsub_request{.name = request.name,
                                          .type = request.type,
                                          .version = request.version,
                                          .properties = complete,
                                          .app_id = request.app_id,
                                          .app_namespace = request.app_namespace};
    CO_RETURN_IF_ERROR(co_await pubsub->Init(call, pubsub_request));
    set_.pubsubs.push_back(blocks::pubsub::MakeNamedPubSub(pubsub, component, properties,
                                                           input_.app_id, input_.app_namespace));
    made = pubsub;
  } else {
    co_return base::Fail(base::Kind::kInvalidArgument,
                         base::StrCat("the type ", descriptor.type,
                                      " is chosen by the Configuration (spec.nameResolution), not "
                                      "by a Component"));
  }
  set_.all_.push_back(std::move(made));
  co_return base::Status();
}

async::Task<base::Status> ComponentLoader::FetchSecrets(
    const async::Context& context, const std::string& store,
    const std::vector<config::NameValue>& values) {
  for (const config::NameValue& value : values) {
    if (value.secret_key_ref.empty() || value.has_value) continue;
    CO_RETURN_IF_ERROR(co_await FetchSecret(context, store, value.secret_key_ref.name));
  }
  co_return base::Status();
}

async::Task<base::Status> ComponentLoader::FetchSecret(const async::Context& context,
                                                       const std::string& store,
                                                       const std::string& name) {
  const std::string id = SecretId(store, name);
  if (secrets_.contains(id)) co_return base::Status();
  contracts::SecretStore* const found = set_.FindSecretStore(store);
  if (!found) {
    co_return base::Fail(
        base::Kind::kNotFound,
        store.empty()
            ? base::StrCat("secretKeyRef \"", name, "\" needs a secret store: set auth.secretStore")
            : base::StrCat("secret store \"", store, "\" (auth.secretStore) of secretKeyRef \"",
                           name, "\" is not loaded"));
  }
  const contracts::Call call(context.Until(async::Loop::Current()->After(std::chrono::seconds(5))));
  CO_ASSIGN_OR_RETURN(contracts::Secret secret,
                      co_await found->GetSecret(call, {.name = name, .metadata = {}}));
  secrets_.emplace(id, std::move(secret));
  co_return base::Status();
}

async::Task<base::Status> ComponentLoader::ResolveEndpoint(const async::Context& context,
                                                           const config::HttpEndpoint& endpoint) {
  const std::string store = config::SecretStoreFor(endpoint.auth_secret_store, input_.kubernetes);
  CO_RETURN_IF_ERROR(co_await FetchSecrets(context, store, endpoint.headers));
  const config::TemplateContext values = Template();
  std::vector<std::string> warnings;
  ResolvedHttpEndpoint out{.name = endpoint.meta.name, .base_url = endpoint.base_url};
  for (const config::NameValue& header : endpoint.headers) {
    CO_ASSIGN_OR_RETURN(std::string value, config::ResolveValue(header, store, values, warnings));
    out.headers.emplace_back(header.name, std::move(value));
  }
  if (endpoint.client_tls) {
    const std::pair<const std::optional<config::TlsDocument>*, std::string*> documents[] = {
        {&endpoint.client_tls->root_ca, &out.root_ca_pem},
        {&endpoint.client_tls->certificate, &out.certificate_pem},
        {&endpoint.client_tls->private_key, &out.private_key_pem}};
    for (const auto& [document, pem] : documents) {
      if (!*document) continue;
      if ((*document)->has_value) {
        *pem = (*document)->value;
        continue;
      }
      const config::SecretKeyRef& ref = (*document)->secret_key_ref;
      if (ref.empty()) continue;
      CO_RETURN_IF_ERROR(co_await FetchSecret(context, store, ref.name));
      CO_ASSIGN_OR_RETURN(*pem,
                          values.secrets(store, ref.name, ref.key.empty() ? ref.name : ref.key));
    }
  }
  for (const std::string& warning : warnings) {
    input_.log.Warning(base::StrCat(endpoint.source.ToString(), ": ", warning));
  }
  input_.log.Info(base::StrCat("Http endpoint loaded: ", endpoint.LogName()));
  set_.http_endpoints.push_back(std::move(out));
  co_return base::Status();
}

}  // namespace runtime
