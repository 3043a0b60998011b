#include "contracts/descriptor.hpp"

#include <gtest/gtest.h>

namespace contracts {
namespace {

Descriptor Example() {
  return {.type = "state.example",
          .versions = {"v1", "v2"},
          .aliases = {"state.sample"},
          .features = {"ETAG"},
          .summary = "An example.",
          .fields = {{.name = "host", .required = true, .description = "Where it is | was."},
                     {.name = "timeout",
                      .type = FieldType::kDuration,
                      .default_value = "20s",
                      .aliases = {"timeoutInSeconds"}},
                     {.name = "limit", .type = FieldType::kNumber},
                     {.name = "buffer", .type = FieldType::kByteSize},
                     {.name = "mode", .allowed = {"node", "cluster"}},
                     {.name = "password", .type = FieldType::kNumber, .secret = true}},
          .factory = +[]() -> std::unique_ptr<StateStore> { return nullptr; }};
}

base::Result<Warnings> Validate(std::vector<config::Properties::Entry> entries) {
  entries.push_back({"HOST", "here"});
  return ValidateMetadata(Example(), "mine", config::Properties("mine", std::move(entries)),
                          CommonFields("state.example"));
}

TEST(Registry, FindsByTypeVersionAndAliasInAnyCase) {
  const Descriptor one = Example();
  Descriptor two = Example();
  two.type = "state.other";
  two.aliases.clear();
  two.versions = {"v1"};
  const Registry registry({&two, &one});
  EXPECT_EQ(registry.all().front(), &one);
  EXPECT_EQ(registry.Find("state.example", "").value(), &one);
  EXPECT_EQ(registry.Find("STATE.Sample", "V2").value(), &one);
  EXPECT_EQ(registry.Find("state.other", "v1").value(), &two);
  const auto no_version = registry.Find("state.other", "v7");
  ASSERT_FALSE(no_version);
  EXPECT_NE(no_version.error().message.find("must be one of v1"), std::string::npos);
  const auto no_type = registry.Find("state.nothing", "");
  ASSERT_FALSE(no_type);
  EXPECT_EQ(no_type.error().kind, base::Kind::kNotFound);
  EXPECT_NE(no_type.error().message.find("state.example, state.other"), std::string::npos);
}

TEST(Registry, TwoVersionsOfATypeAreTwoDescriptors) {
  Descriptor first = Example(), second = Example();
  first.versions = {"v1"};
  second.versions = {"v2"};
  const Registry registry({&second, &first});
  EXPECT_EQ(registry.Find("state.example", "").value(), &first);
  EXPECT_EQ(registry.Find("state.example", "v2").value(), &second);
}

TEST(Validate, GoodMetadataHasNoWarnings) {
  const auto warnings = Validate({{"TimeoutInSeconds", "15"},
                                  {"limit", "1.5"},
                                  {"buffer", "4Mi"},
                                  {"mode", "Cluster"},
                                  {"keyPrefix", "none"},
                                  {"password", ""}});
  ASSERT_TRUE(warnings) << warnings.error().message;
  EXPECT_TRUE(warnings->empty());
}

TEST(Validate, UnknownFieldIsAWarning) {
  const auto warnings = Validate({{"hots", "x"}});
  ASSERT_TRUE(warnings);
  ASSERT_EQ(warnings->size(), 1u);
  EXPECT_EQ(
      warnings->front(),
      "component mine (state.example): metadata field hots is not known and has no effect: check "
      "its spelling");
}

TEST(Validate, WrongValuesNameComponentFieldAndMend) {
  const std::pair<config::Properties::Entry, std::string> cases[] = {
      {{"timeout", "soon"},
       "component mine (state.example): metadata field timeout: the value \"soon\" "
       "is not valid: give a duration such as 500ms, 20s or 1h"},
      {{"limit", "ten"},
       "component mine (state.example): metadata field limit: the value \"ten\" is not "
       "valid: give a number"},
      {{"buffer", "4 MB"},
       "component mine (state.example): metadata field buffer: the value \"4 MB\" is "
       "not valid: give a size such as 64Ki or 4Mi"},
      {{"mode", "ring"},
       "component mine (state.example): metadata field mode: the value \"ring\" is not "
       "valid: give one of node, cluster"},
      {{"password", "hunter2"},
       "component mine (state.example): metadata field password: its value is "
       "not valid: give a number"},
      {{"host", ""},
       "component mine (state.example): metadata field host is required: add it to "
       "spec.metadata"}};
  for (const auto& [entry, message] : cases) {
    config::Properties properties("mine", {{"host", "here"}, entry});
    const auto warnings = ValidateMetadata(Example(), "mine", properties);
    ASSERT_FALSE(warnings) << entry.name;
    EXPECT_EQ(warnings.error().message, message);
    EXPECT_EQ(warnings.error().kind, base::Kind::kInvalidArgument);
  }
}

TEST(Markdown, ShowsTheSchema) {
  const std::string page = DescriptorMarkdown(Example());
  EXPECT_NE(page.find("# state.example\n"), std::string::npos);
  EXPECT_NE(page.find("| `host` | string |  | Where it is \\| was. Required. |"),
            std::string::npos);
  EXPECT_NE(page.find("| `timeout` | duration | `20s` |"), std::string::npos);
  EXPECT_NE(page.find("Secret: give it with `secretKeyRef`."), std::string::npos);
  EXPECT_NE(page.find("keyPrefix"), std::string::npos);
  EXPECT_EQ(DescriptorFileName(Example()), "state.example.md");
}

TEST(Metadata, FindsAndMerges) {
  Metadata metadata{{"a", "1"}, {"TTLInSeconds", "5"}};
  EXPECT_EQ(*metadata.FindIgnoreCase("ttlInSeconds"), "5");
  EXPECT_EQ(metadata.Find("ttlInSeconds"), nullptr);
  metadata.MergeFrom(Metadata{{"a", "2"}, {"b", "3"}});
  EXPECT_EQ(metadata, (Metadata{{"a", "2"}, {"TTLInSeconds", "5"}, {"b", "3"}}));
}

}  // namespace
}  // namespace contracts
