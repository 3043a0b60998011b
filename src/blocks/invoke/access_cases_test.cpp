// The engine of access rules against the cases that the black-box suites use too.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/file.hpp"
#include "base/source_dir.hpp"
#include "base/strings.hpp"
#include "blocks/invoke/access_control.hpp"
#include "blocks/invoke/method_name.hpp"
#include "config/yaml_fields.hpp"

namespace blocks::invoke {
namespace {

struct Case {
  std::string policy, caller = "client", app = "http", method, verb, want, by;
  bool proxy = false;
};

struct Cases {
  std::map<std::string, std::string> callers;
  std::map<std::string, std::string> policies;
  std::vector<Case> cases;
};

Cases ReadCases() {
  Cases out;
  const std::string file = base::SourceDir() + "/tests/functional/acl_cases.yaml";
  const auto text = base::ReadFile(file);
  EXPECT_TRUE(text) << text.error().message;
  const config::Document document{file, 1, text.value_or("")};
  config::Reader reader(document);
  EXPECT_TRUE(reader.Parse());
  config::Fields root = reader.Root();
  root.Read("callers", out.callers);
  root.Read("policies", out.policies);
  root.Each("cases", [&](config::Fields& f) {
    Case& one = out.cases.emplace_back();
    f.Read("p", one.policy);
    f.Read("c", one.caller);
    f.Read("app", one.app);
    f.Read("m", one.method);
    f.Read("v", one.verb);
    f.Read("want", one.want);
    f.Read("by", one.by);
    f.Read("proxy", one.proxy);
  });
  EXPECT_TRUE(reader.status()) << reader.status().error().message;
  return out;
}

config::AccessControl Spec(const std::string& text) {
  std::string document = "spec:\n  accessControl:\n";
  for (const std::string_view line : base::SplitView(text, '\n')) {
    base::StrAppend(document, "    ", line, "\n");
  }
  config::Configuration configuration;
  const auto status = config::MergeConfiguration({"acl.yaml", 1, document}, configuration);
  EXPECT_TRUE(status) << status.error().message << "\n" << document;
  EXPECT_TRUE(config::CheckConfiguration(configuration));
  return configuration.access_control;
}

TEST(AccessCases, VerdictsOfTheEngine) {
  const Cases all = ReadCases();
  ASSERT_GE(all.cases.size(), 80u);
  for (const Case& one : all.cases) {
    const bool http = one.app == "http";
    const std::string what =
        base::StrCat(one.policy, " ", one.caller, " ", one.method, " ", one.verb);
    ASSERT_TRUE(all.policies.contains(one.policy)) << what;
    ASSERT_TRUE(all.callers.contains(one.caller)) << what;
    const auto acl = AccessControl::Compile(Spec(all.policies.at(one.policy)), http, nullptr,
                                            telemetry::Log("test"));
    ASSERT_TRUE(acl) << what;
    const auto method = NormalizeMethod(one.method, http);
    if (!method) {
      EXPECT_EQ(one.want, "invalid") << what << ": " << method.error().message;
      continue;
    }
    const std::string verb = !http ? "NONE" : one.verb.empty() ? "GET" : one.verb;
    const Operation operation{method->matched, method->shown, verb, !http};
    const std::string id = all.callers.at(one.caller);
    EXPECT_EQ(acl->Check({"", "", id}, operation) ? "allow" : "deny", one.want) << what;
    const auto parsed = ParseSpiffeId(id);
    if (!parsed && !id.empty()) continue;
    EXPECT_EQ(acl->Decide(parsed ? &*parsed : nullptr, operation).by_policy ? "policy" : "default",
              one.by)
        << what;
  }
}

}  // namespace
}  // namespace blocks::invoke
