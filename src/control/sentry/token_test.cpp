#include "control/sentry/token.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/base64.hpp"

namespace control {
namespace {

class Files : public ::testing::Test {
 protected:
  Files() {
    std::string name = (std::filesystem::temp_directory_path() / "tokenXXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~Files() override { std::filesystem::remove_all(folder_); }
  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  TokenSource Mounted() {
    return {.file = "",
            .kubernetes = true,
            .projected_file = (folder_ / "projected").string(),
            .service_account_file = (folder_ / "legacy").string()};
  }
  std::filesystem::path folder_;
};

std::string Jwt(const std::string& claims) {
  return "e30." + base::Base64UrlEncodeRaw(claims) + ".c2ln";
}

TEST_F(Files, WithoutATokenStandaloneIsInsecure) {
  const auto token = ReadSentryToken({});
  ASSERT_TRUE(token);
  EXPECT_EQ(token->validator, TokenValidator::kInsecure);
  EXPECT_EQ(token->text, "");
}

TEST_F(Files, ANamedFileDecidesByWhatItHolds) {
  TokenSource source = Mounted();
  Write("projected", "other");
  source.file = Write("named", "  " + Jwt(R"({"sub":"spiffe://td/ns/n/a"})") + "\n");
  auto token = ReadSentryToken(source);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->validator, TokenValidator::kJwks);
  EXPECT_EQ(token->text, Jwt(R"({"sub":"spiffe://td/ns/n/a"})"));
  EXPECT_EQ(token->file, source.file);

  const std::string kubernetes = Jwt(R"({"kubernetes.io":{"pod":{"name":"p"}}})");
  Write("named", kubernetes);  // read again each time
  token = ReadSentryToken(source);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->validator, TokenValidator::kKubernetes);
  EXPECT_EQ(token->text, kubernetes);
}

TEST_F(Files, ANamedFileMustHaveAToken) {
  TokenSource source = Mounted();
  Write("projected", "other");
  source.file = (folder_ / "missing").string();
  auto token = ReadSentryToken(source);
  ASSERT_FALSE(token);
  EXPECT_NE(token.error().message.find("missing"), std::string::npos);
  source.file = Write("empty", " \n");
  token = ReadSentryToken(source);
  ASSERT_FALSE(token);
  EXPECT_NE(token.error().message.find("is empty"), std::string::npos) << token.error().message;
}

TEST_F(Files, KubernetesMountsInOrder) {
  auto token = ReadSentryToken(Mounted());
  ASSERT_FALSE(token);
  EXPECT_NE(token.error().message.find("projected"), std::string::npos) << token.error().message;
  Write("legacy", "l");
  token = ReadSentryToken(Mounted());
  ASSERT_TRUE(token);
  EXPECT_EQ(token->text, "l");
  EXPECT_EQ(token->validator, TokenValidator::kKubernetes);
  Write("projected", "p");
  EXPECT_EQ(ReadSentryToken(Mounted())->text, "p");
}

}  // namespace
}  // namespace control
