#include "runtime/component_loader.hpp"

#include <algorithm>

#include "async/loop.hpp"
#include "base/strings.hpp"
#include "runtime/resource_diff.hpp"

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

bool RefersToSecrets(const config::Component& component) {
  return std::ranges::any_of(component.metadata, [](const config::NameValue& value) {
    return !value.secret_key_ref.empty() && !value.has_value;
  });
}

std::string SecretId(const std::string& store, const std::string& name) {
  return store + '\n' + name;
}

// The properties that the component itself reads, in a form that can be compared. What the blocks
// read (scopes, keyPrefix) may change without a new component.
std::vector<std::pair<std::string, std::string>> OwnProperties(std::string_view type,
                                                               const config::Properties& all) {
  const std::vector<contracts::Field>& common = contracts::CommonFields(type);
  std::vector<std::pair<std::string, std::string>> out;
  for (const config::Properties::Entry& entry : all.entries()) {
    const bool of_block = std::ranges::any_of(common, [&](const contracts::Field& field) {
      return field.name != "consumerID" && base::EqualsIgnoreCase(field.name, entry.name);
    });
    if (!of_block) out.emplace_back(base::ToLower(entry.name), entry.value);
  }
  std::ranges::sort(out);
  return out;
}

template <class T>
async::Task<void> CloseComponent(T& component) {
  const contracts::Call call(
      async::Context(async::Loop::Current()->After(std::chrono::seconds(5))));
  co_await component.Close(call);
}

}  // namespace

contracts::SecretStore* ComponentSet::FindSecretStore(std::string_view name) const {
  for (const blocks::secrets::NamedStore& named : secret_stores) {
    if (named.name == name) return named.store.get();
  }
  return nullptr;
}

const LiveComponent* ComponentSet::Find(std::string_view name) const {
  for (const LiveComponent& component : live) {
    if (component.resource.meta.name == name) return &component;
  }
  return nullptr;
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
  base::Status status = co_await StartAll(context);
  secrets_.clear();
  if (!status) co_return std::unexpected(std::move(status).error());
  input_.log.Info("All outstanding components processed");
  co_return std::move(set_);
}

async::Task<base::Status> ComponentLoader::StartAll(const async::Context& context) {
  for (const config::Component* next : InOrder()) {
    const config::Component& component = *next;
    auto started = co_await StartOne(context, component);
    if (started) continue;
    if (input_.before) {
      CO_RETURN_IF_ERROR(StayAsBefore(component, started.error()));
      continue;
    }
    input_.log.Error(base::StrCat("Failed to init component ", component.LogName(), ": ",
                                  started.error().message));
    if (!component.ignore_errors) co_return started;
    input_.log.Error("Ignoring error processing component", {{"component", component.LogName()}});
  }
  for (const config::HttpEndpoint& endpoint : input_.resources.http_endpoints) {
    CO_RETURN_IF_ERROR(co_await TakeEndpoint(context, endpoint));
  }
  co_return base::Status();
}

std::vector<const config::Component*> ComponentLoader::InOrder() const {
  std::vector<const config::Component*> out;
  std::vector<const config::Component*> left;
  for (const config::Component& component : input_.resources.components) {
    if (IsSecretStore(component)) left.push_back(&component);
  }
  while (!left.empty()) {
    const auto ready = std::ranges::find_if(left, [&](const config::Component* candidate) {
      if (!RefersToSecrets(*candidate)) return true;
      const std::string store =
          config::SecretStoreFor(candidate->auth_secret_store, input_.kubernetes);
      return std::ranges::none_of(
          left, [&](const config::Component* other) { return other->meta.name == store; });
    });
    // Those that wait for each other fail, the first one first.
    const auto next = ready == left.end() ? left.begin() : ready;
    out.push_back(*next);
    left.erase(next);
  }
  for (const config::Component& component : input_.resources.components) {
    if (!IsSecretStore(component)) out.push_back(&component);
  }
  return out;
}

bool ComponentLoader::WaitsForSecretStore(const config::Component& component) const {
  const std::string& store = component.auth_secret_store;
  if (store.empty() || !RefersToSecrets(component) || set_.FindSecretStore(store)) return false;
  // One that is there and could not be started says why itself, and so does a ring of them.
  return std::ranges::none_of(input_.resources.components, [&](const config::Component& other) {
    return other.meta.name == store && IsSecretStore(other);
  });
}

base::Status ComponentLoader::StayAsBefore(const config::Component& component,
                                           const base::Error& error) {
  incomplete_ = true;
  const LiveComponent* old = input_.before->Find(component.meta.name);
  const std::string source = component.source.ToString();
  const bool told = error.message.find(source) != std::string::npos;
  input_.log.Error(base::StrCat("component ", component.LogName(),
                                old ? " goes on as it was: " : " is not loaded: ", error.message,
                                told ? "" : base::StrCat(" (", source, ")")));
  if (!old) return {};
  LiveComponent kept = *old;
  kept.stale = true;
  return Place(std::move(kept));
}

bool ComponentLoader::MustAskAgain(const std::string& auth_secret_store,
                                   const std::vector<config::NameValue>& values) const {
  const bool asked = std::ranges::any_of(values, [](const config::NameValue& value) {
    return !value.secret_key_ref.empty() && !value.has_value;
  });
  if (!asked) return false;
  const std::string store = config::SecretStoreFor(auth_secret_store, input_.kubernetes);
  return input_.secrets_changed ||
         input_.before->FindSecretStore(store) != set_.FindSecretStore(store);
}

async::Task<base::Status> ComponentLoader::StartOne(const async::Context& context,
                                                    const config::Component& component) {
  if (input_.configuration.ComponentDenied(component.type, component.version)) {
    input_.log.Warning(base::StrCat("component ", component.LogName(),
                                    " is denied by the configuration (components.deny) and is not "
                                    "loaded"));
    co_return base::Status();
  }
  const LiveComponent* old = input_.before ? input_.before->Find(component.meta.name) : nullptr;
  if (!old && WaitsForSecretStore(component)) {
    input_.log.Warning(base::StrCat(
        "component ", component.LogName(), " is not loaded and waits for the secret store \"",
        component.auth_secret_store, "\" (auth.secretStore), which no component of this app is (",
        component.source.ToString(), ")"));
    co_return base::Status();
  }
  // A secret store may have read its secrets once and for all.
  const bool anew = input_.secrets_changed && IsSecretStore(component);
  if (old && !anew && !old->stale && SameResource(old->resource, component) &&
      !MustAskAgain(component.auth_secret_store, component.metadata)) {
    co_return Place(*old);
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
  base::Status status = co_await FetchSecrets(context, store, component.metadata);
  LiveComponent live{
      .resource = component,
      .properties = {},
      .info = {component.meta.name, (*descriptor)->type,
               component.version.empty() ? "v1" : component.version, (*descriptor)->features},
      .object = {}};
  std::vector<std::string> warnings;
  bool fresh = false;
  if (!status) {
    // Told below.
  } else if (auto properties = config::ResolveMetadata(component, Template(), warnings)) {
    live.properties = *std::move(properties);
    const std::string& type = (*descriptor)->type;
    auto unknown = contracts::ValidateMetadata(**descriptor, component.meta.name, live.properties,
                                               contracts::CommonFields(type));
    if (!unknown) {
      status = std::unexpected(std::move(unknown).error());
    } else {
      for (std::string& warning : *unknown) warnings.push_back(std::move(warning));
      fresh = anew || !old || old->info.type != type || old->info.version != live.info.version ||
              OwnProperties(type, old->properties) != OwnProperties(type, live.properties);
      if (fresh) {
        auto object = co_await Init(context, component, **descriptor, live.properties);
        if (object) {
          live.object = *std::move(object);
        } else {
          base::Error error = std::move(object).error();
          error.message = live.properties.WithoutSecrets(std::move(error.message));
          status = base::Fail(std::move(error));
        }
      } else {
        live.object = old->object;
      }
      if (const auto* state = std::get_if<std::shared_ptr<contracts::StateStore>>(&live.object);
          status && state) {
        // What it can do may depend on its server.
        const auto names = contracts::StateFeatureNames((*state)->Features());
        live.info.capabilities.assign(names.begin(), names.end());
      }
      if (status) status = Place(std::move(live));
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
  if (fresh) input_.metrics.ComponentLoaded();
  input_.log.Info(
      base::StrCat(old ? "Component updated: " : "Component loaded: ", component.LogName()));
  co_return base::Status();
}

async::Task<base::Result<LiveComponent::Object>> ComponentLoader::Init(
    const async::Context& context, const config::Component& component,
    const contracts::Descriptor& descriptor, const config::Properties& properties) {
  const contracts::Call call(context.Until(async::Loop::Current()->After(component.InitTimeout())));
  const bool pubsub =
      std::holds_alternative<std::unique_ptr<contracts::PubSub> (*)()>(descriptor.factory);
  const config::Properties complete =
      pubsub ? blocks::pubsub::WithConsumerId(properties, input_.app_id) : properties;
  const contracts::InitRequest request{.name = component.meta.name,
                                       .type = descriptor.type,
                                       .version = component.version,
                                       .properties = complete,
                                       .app_id = input_.app_id,
                                       .app_namespace = input_.app_namespace};
  if (const auto* state =
          std::get_if<std::unique_ptr<contracts::StateStore> (*)()>(&descriptor.factory)) {
    auto made = (*state)();
    CO_RETURN_IF_ERROR(co_await made->Init(call, request));
    co_return input_.retirement.Share(std::move(made), CloseComponent<contracts::StateStore>);
  }
  if (const auto* secrets =
          std::get_if<std::unique_ptr<contracts::SecretStore> (*)()>(&descriptor.factory)) {
    auto made = (*secrets)();
    CO_RETURN_IF_ERROR(co_await made->Init(call, request));
    co_return input_.retirement.Share(std::move(made), CloseComponent<contracts::SecretStore>);
  }
  if (pubsub) {
    auto made = std::get<std::unique_ptr<contracts::PubSub> (*)()>(descriptor.factory)();
    CO_RETURN_IF_ERROR(co_await made->Init(call, request));
    co_return input_.retirement.Share(std::move(made), CloseComponent<contracts::PubSub>);
  }
  co_return base::Fail(base::Kind::kInvalidArgument,
                       base::StrCat("the type ", descriptor.type,
                                    " is chosen by the Configuration (spec.nameResolution), not "
                                    "by a Component"));
}

base::Status ComponentLoader::Place(LiveComponent live) {
  if (const auto* store = std::get_if<std::shared_ptr<contracts::StateStore>>(&live.object)) {
    ASSIGN_OR_RETURN(blocks::state::NamedStore named,
                     blocks::state::MakeNamedStore(*store, live.resource, live.properties,
                                                   input_.app_id, input_.app_namespace));
    set_.state_stores.push_back(std::move(named));
  } else if (const auto* pubsub = std::get_if<std::shared_ptr<contracts::PubSub>>(&live.object)) {
    set_.pubsubs.push_back(blocks::pubsub::MakeNamedPubSub(*pubsub, live.resource, live.properties,
                                                           input_.app_id, input_.app_namespace));
  } else {
    set_.secret_stores.push_back(
        {live.resource.meta.name, std::get<std::shared_ptr<contracts::SecretStore>>(live.object)});
  }
  set_.live.push_back(std::move(live));
  return {};
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

async::Task<base::Status> ComponentLoader::TakeEndpoint(const async::Context& context,
                                                        const config::HttpEndpoint& endpoint) {
  const ResolvedHttpEndpoint* old = nullptr;
  if (input_.before) {
    for (const ResolvedHttpEndpoint& other : input_.before->http_endpoints) {
      if (other.name == endpoint.meta.name) old = &other;
    }
  }
  std::vector<config::NameValue> values = endpoint.headers;
  if (endpoint.client_tls) {
    for (const auto* document : {&endpoint.client_tls->root_ca, &endpoint.client_tls->certificate,
                                 &endpoint.client_tls->private_key}) {
      if (!*document) continue;
      values.push_back({.secret_key_ref = (*document)->secret_key_ref});
      values.back().has_value = (*document)->has_value;
    }
  }
  if (old && !old->stale && SameResource(old->resource, endpoint) &&
      !MustAskAgain(endpoint.auth_secret_store, values)) {
    set_.http_endpoints.push_back(*old);
    co_return base::Status();
  }
  auto resolved = co_await ResolveEndpoint(context, endpoint);
  if (resolved) {
    set_.http_endpoints.push_back(*std::move(resolved));
    input_.log.Info(base::StrCat(old ? "Http endpoint updated: " : "Http endpoint loaded: ",
                                 endpoint.LogName()));
    co_return base::Status();
  }
  if (!input_.before) co_return std::unexpected(std::move(resolved).error());
  incomplete_ = true;
  input_.log.Error(base::StrCat("HTTPEndpoint ", endpoint.LogName(),
                                old ? " goes on as it was: " : " is not loaded: ",
                                resolved.error().message, " (", endpoint.source.ToString(), ")"));
  if (old) {
    set_.http_endpoints.push_back(*old);
    set_.http_endpoints.back().stale = true;
  }
  co_return base::Status();
}

async::Task<base::Result<ResolvedHttpEndpoint>> ComponentLoader::ResolveEndpoint(
    const async::Context& context, const config::HttpEndpoint& endpoint) {
  const std::string store = config::SecretStoreFor(endpoint.auth_secret_store, input_.kubernetes);
  CO_RETURN_IF_ERROR(co_await FetchSecrets(context, store, endpoint.headers));
  const config::TemplateContext values = Template();
  std::vector<std::string> warnings;
  ResolvedHttpEndpoint out{.resource = endpoint,
                           .name = endpoint.meta.name,
                           .base_url = endpoint.base_url,
                           .headers = {},
                           .tls = nullptr};
  for (const config::NameValue& header : endpoint.headers) {
    CO_ASSIGN_OR_RETURN(std::string value, config::ResolveValue(header, store, values, warnings));
    out.headers.emplace_back(header.name, std::move(value));
  }
  net::TlsClientOptions tls;
  if (endpoint.client_tls) {
    const std::pair<const std::optional<config::TlsDocument>*, std::string*> documents[] = {
        {&endpoint.client_tls->root_ca, &tls.ca_pem},
        {&endpoint.client_tls->certificate, &tls.identity.certificate_chain_pem},
        {&endpoint.client_tls->private_key, &tls.identity.private_key_pem}};
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
  if (!tls.ca_pem.empty() || !tls.identity.certificate_chain_pem.empty()) {
    tls.alpn = {"http/1.1"};
    auto made = net::TlsContext::Client(tls);
    if (!made) {
      co_return base::Fail(made.error().kind, base::StrCat("HTTPEndpoint ", endpoint.meta.name,
                                                           ": clientTLS: ", made.error().message));
    }
    out.tls = *std::move(made);
  }
  for (const std::string& warning : warnings) {
    input_.log.Warning(base::StrCat(endpoint.source.ToString(), ": ", warning));
  }
  co_return out;
}

}  // namespace runtime
