#include "components/secretstores/local_file/store.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "async/loop_group.hpp"
#include "components/secretstores/local_file/flatten.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::secretstores::local_file {
namespace {

using Secrets = std::map<std::string, contracts::Secret>;

constexpr std::string_view kDocument = R"({
  "plain": "p",
  "nested": {"a": "1", "deep": {"b": "2"}},
  "list": ["x", {"y": "z"}],
  "number": 5, "big": 12345678, "small": 0.00001, "half": 0.5,
  "yes": true, "none": null, "empty": {}
})";

TEST(Flatten, SingleValued) {
  const auto secrets = FlattenSingle(kDocument, ":");
  ASSERT_TRUE(secrets) << secrets.error().message;
  std::map<std::string, std::string> flat;
  for (const auto& [name, secret] : *secrets) {
    ASSERT_EQ(secret.size(), 1u);
    flat[name] = secret.at(name);
  }
  EXPECT_EQ(flat, (std::map<std::string, std::string>{{"plain", "p"},
                                                      {"nested:a", "1"},
                                                      {"nested:deep:b", "2"},
                                                      {"list:0", "x"},
                                                      {"list:1:y", "z"},
                                                      {"number", "%!s(float64=5)"},
                                                      {"big", "%!s(float64=1.2345678e+07)"},
                                                      {"small", "%!s(float64=1e-05)"},
                                                      {"half", "%!s(float64=0.5)"},
                                                      {"yes", "%!s(bool=true)"},
                                                      {"none", "%!s(<nil>)"}}));
}

TEST(Flatten, MultiValued) {
  const auto secrets = FlattenMulti(kDocument, "/");
  ASSERT_TRUE(secrets);
  EXPECT_EQ(*secrets, (Secrets{{"plain", {{"plain", "p"}}},
                               {"nested", {{"a", "1"}, {"deep/b", "2"}}},
                               {"empty", {}}}));
}

TEST(Flatten, WrongDocumentsDoNotLeak) {
  for (const char* text : {"", "[]", "\"secret-text\"", "{\"secret-text\"", "{} {}"}) {
    for (auto* flatten : {&FlattenSingle, &FlattenMulti}) {
      const auto secrets = flatten(text, ":");
      ASSERT_FALSE(secrets) << text;
      EXPECT_EQ(secrets.error().message.find("secret-text"), std::string::npos);
    }
  }
}

class LocalFile : public testing::Test {
 protected:
  LocalFile()
      : path_(std::filesystem::path(testing::TempDir()) /
              ("secrets-" + std::to_string(getpid()) + ".json")) {}
  ~LocalFile() override { std::filesystem::remove(path_); }
  void Write(std::string_view text) { std::ofstream(path_) << text; }
  base::Status Start(Store& store, std::vector<config::Properties::Entry> entries) {
    base::Status status;
    const config::Properties properties("file", std::move(entries));
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      status = co_await store.Init(call, {.name = "file", .properties = properties});
    });
    return status;
  }
  base::Result<contracts::Secret> Get(Store& store, std::string name) {
    base::Result<contracts::Secret> secret;
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      secret = co_await store.GetSecret(call, {.name = name});
    });
    return secret;
  }
  const std::filesystem::path path_;
  async::LoopGroup loops_{1};
};

TEST_F(LocalFile, GivesSecretsOut) {
  Write(R"({"redis": {"password": "x"}})");
  Store store;
  ASSERT_TRUE(Start(store, {{"secretsFile", path_.string()}}));
  EXPECT_FALSE(store.multiple_keys_per_secret());
  EXPECT_EQ(Get(store, "redis:password").value(), (contracts::Secret{{"redis:password", "x"}}));
  const auto missing = Get(store, "redis");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, base::Kind::kNotFound);
  EXPECT_EQ(missing.error().message, "secret redis not found");
}

TEST_F(LocalFile, SeveralKeysPerSecret) {
  Write(R"({"redis": {"password": "x", "user": "y"}})");
  Store store;
  ASSERT_TRUE(Start(store, {{"secretsFile", path_.string()}, {"multiValued", "true"}}));
  EXPECT_TRUE(store.multiple_keys_per_secret());
  EXPECT_EQ(Get(store, "redis").value(), (contracts::Secret{{"password", "x"}, {"user", "y"}}));
}

TEST_F(LocalFile, ASeparatorOfOnesOwn) {
  Write(R"({"a": {"b": "x"}})");
  Store store;
  ASSERT_TRUE(Start(store, {{"secretsFile", path_.string()}, {"nestedSeparator", "--"}}));
  EXPECT_TRUE(Get(store, "a--b").has_value());
}

TEST_F(LocalFile, ProblemsNameTheFile) {
  Store store;
  const base::Status none = Start(store, {});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("secretsFile"), std::string::npos);
  const base::Status missing = Start(store, {{"secretsFile", path_.string()}});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find(path_.string()), std::string::npos);
  Write("{oops");
  const base::Status broken = Start(store, {{"secretsFile", path_.string()}});
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find(path_.string() + ": it is no valid JSON"),
            std::string::npos)
      << broken.error().message;
}

TEST(LocalFileDocs, DocumentationIsCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

}  // namespace
}  // namespace components::secretstores::local_file
