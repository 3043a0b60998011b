#include "runtime/resource_diff.hpp"

#include <gtest/gtest.h>

namespace runtime {
namespace {

using Names = std::vector<std::string>;
using Members = std::vector<std::string_view>;

config::Resources Parse(const std::string& text, const std::string& file = "a.yaml") {
  config::Resources out;
  config::ParseResourceFile(file, text, out);
  return out;
}

std::string Doc(const std::string& kind, const std::string& name, const std::string& spec,
                const std::string& more = "") {
  return "---\napiVersion: dapr.io/v1alpha1\nkind: " + kind + "\nmetadata: {name: " + name + more +
         "}\nspec: " + spec + "\n";
}

TEST(ResourceDiff, TellsWhatCameChangedAndWent) {
  const auto before =
      Parse(Doc("Component", "same", "{type: state.x, version: v1, metadata: []}") +
            Doc("Component", "gone", "{type: state.x, version: v1, metadata: []}") +
            Doc("Component", "other", "{type: state.x, version: v1, metadata: []}"));
  const auto after = Parse(
      Doc("Component", "new", "{type: state.x, version: v1, metadata: []}") +
      Doc("Component", "other", "{type: state.x, version: v1, metadata: [{name: a, value: b}]}") +
      Doc("Component", "same", "{type: state.x, version: v1, metadata: []}"));
  ASSERT_TRUE(before.warnings.empty() && after.warnings.empty());
  const ResourceDiff diff = Diff(before, after);
  EXPECT_EQ(diff.components.added, Names{"new"});
  EXPECT_EQ(diff.components.changed, Names{"other"});
  EXPECT_EQ(diff.components.removed, Names{"gone"});
  EXPECT_EQ(diff.ToString(), "components: added new, changed other, removed gone");
  EXPECT_TRUE(Diff(after, after).empty());
}

TEST(ResourceDiff, WhereAndHowItIsWrittenDoesNotMatter) {
  const auto before = Parse(
      Doc("Component", "c", "{type: state.x, version: v1, metadata: [{name: a, value: '1'}]}"));
  const auto after = Parse("\n\n" + Doc("Component", "c",
                                        "\n  version: v1\n  type: state.x\n  metadata:\n  - value: "
                                        "\"1\"\n    name: a",
                                        ", labels: {x: y}"),
                           "elsewhere.yaml");
  EXPECT_TRUE(Diff(before, after).empty()) << Diff(before, after).ToString();
}

TEST(ResourceDiff, EveryFieldOfEveryKindCounts) {
  const std::pair<std::string, std::vector<std::string>> kinds[] = {
      {"Component",
       {"{type: state.x, version: v1, metadata: []}", "{type: state.y, version: v1, metadata: []}",
        "{type: state.x, version: v2, metadata: []}",
        "{type: state.x, version: v1, metadata: [], ignoreErrors: true}",
        "{type: state.x, version: v1, metadata: [], initTimeout: 1s}",
        "{type: state.x, version: v1, metadata: [{name: a, value: b}]}",
        "{type: state.x, version: v1, metadata: [{name: a, secretKeyRef: {name: b}}]}",
        "{type: state.x, version: v1, metadata: [{name: a, envRef: b}]}"}},
      {"HTTPEndpoint",
       {"{baseUrl: http://a}", "{baseUrl: http://b}",
        "{baseUrl: http://a, headers: [{name: a, value: b}]}",
        "{baseUrl: http://a, clientTLS: {rootCA: {value: x}}}"}},
      {"Subscription",
       {"{pubsubname: p, topic: t, route: /r}", "{pubsubname: q, topic: t, route: /r}",
        "{pubsubname: p, topic: u, route: /r}", "{pubsubname: p, topic: t, route: /s}",
        "{pubsubname: p, topic: t, route: /r, deadLetterTopic: d}",
        "{pubsubname: p, topic: t, route: /r, metadata: {a: b}}",
        "{pubsubname: p, topic: t, route: /r, bulkSubscribe: {enabled: true}}"}},
      {"Resiliency",
       {"{policies: {timeouts: {a: 1s}}}", "{policies: {timeouts: {a: 2s}}}",
        "{policies: {retries: {a: {policy: constant, duration: 1s}}}}",
        "{policies: {circuitBreakers: {a: {maxRequests: 2}}}}",
        "{policies: {timeouts: {a: 1s}}, targets: {apps: {b: {timeout: a}}}}",
        "{policies: {timeouts: {a: 1s}}, targets: {components: {b: {outbound: {timeout: a}}}}}"}}};
  for (const auto& [kind, specs] : kinds) {
    for (const std::string& one : specs) {
      for (const std::string& other : specs) {
        const auto a = Parse(Doc(kind, "n", one));
        const auto b = Parse(Doc(kind, "n", other));
        ASSERT_TRUE(a.warnings.empty() && b.warnings.empty()) << one << other;
        EXPECT_EQ(Diff(a, b).empty(), one == other) << kind << ": " << one << " -> " << other;
      }
    }
  }
}

TEST(ResourceDiff, ScopesAndTheSecretStoreCount) {
  const std::string spec = "{type: state.x, version: v1, metadata: []}";
  const auto plain = Parse(Doc("Component", "c", spec));
  EXPECT_FALSE(Diff(plain, Parse(Doc("Component", "c", spec) + "scopes: [a]\n")).empty());
  EXPECT_FALSE(
      Diff(plain, Parse(Doc("Component", "c", spec) + "auth: {secretStore: s}\n")).empty());
}

TEST(ResourceDiff, NamesTheMembersOfTheConfiguration) {
  const config::Configuration before;
  config::Configuration after;
  EXPECT_TRUE(Diff(before, after).empty());
  after.meta.name = "other";
  EXPECT_TRUE(Diff(before, after).empty());
  after.api_denied.push_back({"state", "v1.0", "http"});
  after.tracing.sampling_rate = "1";
  after.metrics.enabled = false;
  EXPECT_EQ(Diff(before, after), (Members{"tracing", "metrics", "api"}));
  EXPECT_EQ(NeedsRestart(Diff(before, after)), (Members{"metrics"}));
}

TEST(ResourceDiff, FilesThatCannotBeReadChangeNothing) {
  const std::string x = "{type: state.x, version: v1, metadata: []}";
  config::Resources before = Parse(Doc("Component", "one", x) + Doc("Component", "two", x));
  config::ParseResourceFile("b.yaml", Doc("Component", "moved", x), before);
  config::Resources next =
      Parse(Doc("Component", "one", "{type: state.y, version: v1, metadata: []}") +
            "---\nkind: Component\napiVersion: dapr.io/v1alpha1\nspec: {x: [\n");
  config::ParseResourceFile("b.yaml", "\xef\xbb\xbf# none\n---\n \n", next);
  config::ParseResourceFile("c.yaml", Doc("Component", "moved", x) + Doc("Component", "new", x),
                            next);
  EXPECT_EQ(next.broken_files, (Names{"a.yaml", "b.yaml"}));
  KeepBroken(before, next);
  const Changes changes = DiffByName(before.components, next.components);
  EXPECT_EQ(changes.added, Names{"new"});
  EXPECT_TRUE(changes.changed.empty());
  EXPECT_TRUE(changes.removed.empty());
}

}  // namespace
}  // namespace runtime
