// Any bytes as every kind of manifest: no crash, and selection works on whatever was read.
#include <cstdint>
#include <string>
#include <string_view>

#include "config/configuration.hpp"
#include "config/metadata_template.hpp"
#include "config/resources.hpp"
#include "config/shared_app.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const config::MapEnv env({{"A", "b"}});
  config::Resources parsed;
  config::ParseResourceFile("f.yaml", text, parsed);
  const auto selected = config::SelectForApp(parsed, "app", "ns");
  const config::TemplateContext context{
      .app_id = "app",
      .namespace_name = "ns",
      .env = &env,
      .secrets = [](const std::string&, const std::string&,
                    const std::string& key) -> base::Result<std::string> { return key; }};
  for (const config::Component& component : parsed.components) {
    std::vector<std::string> warnings;
    (void)config::ResolveMetadata(component, context, warnings);
    (void)component.InitTimeout();
  }
  for (const config::Document& document :
       config::SplitDocuments("f.yaml", config::ExpandEnv(text, env))) {
    config::Configuration configuration;
    if (config::MergeConfiguration(document, configuration)) {
      (void)config::CheckConfiguration(configuration);
      (void)configuration.Metrics().LatencyBuckets();
    }
    (void)config::ParseSharedApp(document);
  }
  return 0;
}
