#include "components/secretstores/local_env/store.hpp"

#include <gtest/gtest.h>

#include "async/loop_group.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::secretstores::local_env {
namespace {

const Variables kVariables{{"PLAIN", "p"},
                           {"MY_TOKEN", "t"},
                           {"APP_API_TOKEN", "hidden"},
                           {"DAPR_API_TOKEN", "h"},
                           {"dapr_lower", "h"},
                           {"MY_DAPR_X", "visible"},
                           {"EMPTY", ""}};

struct Answers {
  std::map<std::string, std::string> values;
  std::map<std::string, contracts::Secret> all;
};

async::Task<void> Ask(Store& store, std::string prefix, std::vector<std::string> names,
                      Answers& out) {
  const contracts::Call call;
  const config::Properties properties("env", {{"prefix", prefix}});
  EXPECT_TRUE(co_await store.Init(call, {.name = "env", .properties = properties}));
  for (const std::string& name : names) {
    auto secret = co_await store.GetSecret(call, {.name = name});
    EXPECT_TRUE(secret);
    if (!secret) co_return;
    EXPECT_EQ(secret->size(), 1u);
    out.values[name] = secret->at(name);
  }
  auto all = co_await store.BulkGetSecret(call, {});
  EXPECT_TRUE(all);
  if (all) out.all = *all;
}

Answers AskStore(std::string prefix, std::vector<std::string> names) {
  Store store(kVariables);
  Answers answers;
  async::LoopGroup loops(1);
  loops.RunTaskOn(0, [&] { return Ask(store, prefix, names, answers); });
  return answers;
}

TEST(LocalEnv, GivesVariablesAndHidesItsOwn) {
  const Answers answers = AskStore("", {"PLAIN", "EMPTY", "UNSET", "APP_API_TOKEN",
                                        "DAPR_API_TOKEN", "dapr_lower", "plain", "MY_DAPR_X"});
  EXPECT_EQ(answers.values, (std::map<std::string, std::string>{{"PLAIN", "p"},
                                                                {"EMPTY", ""},
                                                                {"UNSET", ""},
                                                                {"APP_API_TOKEN", ""},
                                                                {"DAPR_API_TOKEN", ""},
                                                                {"dapr_lower", ""},
                                                                {"plain", ""},
                                                                {"MY_DAPR_X", "visible"}}));
  EXPECT_EQ(answers.all,
            (std::map<std::string, contracts::Secret>{{"PLAIN", {{"PLAIN", "p"}}},
                                                      {"EMPTY", {{"EMPTY", ""}}},
                                                      {"MY_TOKEN", {{"MY_TOKEN", "t"}}},
                                                      {"MY_DAPR_X", {{"MY_DAPR_X", "visible"}}}}));
}

TEST(LocalEnv, ThePrefixIsAddedAndStripped) {
  const Answers answers = AskStore("MY_", {"TOKEN", "PLAIN", "DAPR_X"});
  EXPECT_EQ(answers.values, (std::map<std::string, std::string>{
                                {"TOKEN", "t"}, {"PLAIN", ""}, {"DAPR_X", "visible"}}));
  EXPECT_EQ(answers.all, (std::map<std::string, contracts::Secret>{
                             {"TOKEN", {{"TOKEN", "t"}}}, {"DAPR_X", {{"DAPR_X", "visible"}}}}));
}

TEST(LocalEnv, APrefixCannotReachHiddenNames) {
  const Answers answers = AskStore("DAPR_", {"API_TOKEN"});
  EXPECT_EQ(answers.values.at("API_TOKEN"), "");
  EXPECT_TRUE(answers.all.empty());
}

TEST(LocalEnv, ReadsTheProcess) {
  ASSERT_EQ(setenv("LOCAL_ENV_TEST_VARIABLE", "a=b", 1), 0);
  const Variables variables = ProcessVariables();
  const std::pair<std::string, std::string> wanted("LOCAL_ENV_TEST_VARIABLE", "a=b");
  EXPECT_NE(std::ranges::find(variables, wanted), variables.end());
}

TEST(LocalEnv, DocumentationIsCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

}  // namespace
}  // namespace components::secretstores::local_env
