#include "blocks/secrets/secrets_block.hpp"

#include <gtest/gtest.h>

#include "async/loop_group.hpp"

namespace blocks::secrets {
namespace {

class FakeStore final : public contracts::SecretStore {
 public:
  async::Task<base::Status> Init(const contracts::Call&, const contracts::InitRequest&) override {
    co_return base::Status();
  }
  async::Task<base::Result<contracts::Secret>> GetSecret(
      const contracts::Call&, contracts::GetSecretRequest request) override {
    if (broken) co_return base::Fail(base::Kind::kUnavailable, "the vault is sealed");
    co_return contracts::Secret{{request.name, "value"}};
  }
  async::Task<base::Result<std::map<std::string, contracts::Secret>>> BulkGetSecret(
      const contracts::Call&, contracts::BulkGetSecretRequest) override {
    if (broken) co_return base::Fail(base::Kind::kUnavailable, "the vault is sealed");
    co_return std::map<std::string, contracts::Secret>{
        {"a", {{"a", "1"}}}, {"b", {{"b", "2"}}}, {"c", {{"c", "3"}}}};
  }
  bool broken = false;
};

class SecretsBlockTest : public testing::Test {
 protected:
  SecretsBlock Make(std::vector<config::SecretsScope> scopes = {}) {
    return SecretsBlock({{"vault", store_}}, std::move(scopes));
  }
  base::Result<contracts::Secret> Get(const SecretsBlock& block, std::string store,
                                      std::string key) {
    base::Result<contracts::Secret> secret;
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      secret = co_await block.Get(call, store, {.name = key});
    });
    return secret;
  }
  std::string BulkNames(const SecretsBlock& block) {
    std::string names;
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      auto all = co_await block.BulkGet(call, "vault", {});
      if (!all) {
        names = all.error().message;
        co_return;
      }
      for (const auto& [name, secret] : *all) names += name;
    });
    return names;
  }
  void ExpectError(const base::Result<contracts::Secret>& result, base::ErrorId id,
                   std::string_view message) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().id, id);
    EXPECT_EQ(result.error().message, message);
  }
  std::shared_ptr<FakeStore> store_ = std::make_shared<FakeStore>();
  async::LoopGroup loops_{1};
};

TEST_F(SecretsBlockTest, WithoutScopesEverythingIsOpen) {
  const SecretsBlock block = Make();
  EXPECT_EQ(Get(block, "vault", "a").value(), (contracts::Secret{{"a", "value"}}));
  EXPECT_EQ(BulkNames(block), "abc");
}

TEST_F(SecretsBlockTest, ScopesAllowAndDeny) {
  const SecretsBlock allow =
      Make({{.store_name = "vault", .default_access = "deny", .allowed_secrets = {"a"}}});
  EXPECT_TRUE(Get(allow, "vault", "a").has_value());
  ExpectError(Get(allow, "vault", "b"), base::ErrorId::kSecretPermissionDenied,
              "access denied by policy to get \"b\" from \"vault\"");
  EXPECT_EQ(BulkNames(allow), "a");
  const SecretsBlock deny = Make({{.store_name = "vault", .denied_secrets = {"b"}}});
  EXPECT_EQ(BulkNames(deny), "ac");
  const SecretsBlock none = Make({{.store_name = "vault", .default_access = "deny"}});
  EXPECT_EQ(BulkNames(none), "");
  const SecretsBlock other = Make({{.store_name = "other", .default_access = "deny"}});
  EXPECT_EQ(BulkNames(other), "abc");
}

TEST_F(SecretsBlockTest, ErrorsHaveTheTextsClientsKnow) {
  ExpectError(Get(SecretsBlock({}, {}), "vault", "a"), base::ErrorId::kSecretStoreNotConfigured,
              "secret store is not configured");
  ExpectError(Get(Make(), "nothing", "a"), base::ErrorId::kSecretStoreNotFound,
              "failed finding secret store with key nothing");
  store_->broken = true;
  ExpectError(Get(Make(), "vault", "a"), base::ErrorId::kSecretGet,
              "failed getting secret with key a from secret store vault: the vault is sealed");
  EXPECT_EQ(BulkNames(Make()),
            "failed getting secrets from secret store vault: the vault is sealed");
}

}  // namespace
}  // namespace blocks::secrets
