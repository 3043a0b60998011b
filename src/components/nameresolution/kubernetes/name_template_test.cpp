#include "components/nameresolution/kubernetes/name_template.hpp"

#include <gtest/gtest.h>

namespace components::nameresolution::kubernetes {
namespace {

TEST(NameTemplate, Fills) {
  const std::pair<const char*, const char*> cases[] = {
      {"{{.ID}}-dapr.{{.Namespace}}.svc.cluster.local:{{.Port}}",
       "cart-dapr.shop.svc.cluster.local:50002"},
      {"{{ .ID }}.{{\t.ID}}", "cart.cart"},
      {"plain", "plain"},
      {"", ""},
      {"a {{- .ID -}} b", "acartb"},
      {"a {{- /* why */ -}} b", "ab"},
      {"a{{/* why */}}b", "ab"},
      {"a  {{.ID -}}  b", "a  cartb"},
  };
  for (const auto& [text, wanted] : cases) {
    const auto parsed = NameTemplate::Parse(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    EXPECT_EQ(parsed->Fill("cart", "shop", 50002), wanted) << text;
  }
}

TEST(NameTemplate, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"{{.ID", "{{.Id}}", "{{}}", "{{printf \"%s\" .ID}}",
                           "{{if .ID}}x{{end}}", "{{-.ID}}", "{{.ID}}{{"}) {
    const auto parsed = NameTemplate::Parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, base::Kind::kInvalidArgument);
  }
  EXPECT_EQ(
      NameTemplate::Parse("{{ .Pod }}").error().message,
      "the template action {{.Pod}} is not supported: use {{.ID}}, {{.Namespace}} and {{.Port}}");
}

}  // namespace
}  // namespace components::nameresolution::kubernetes
