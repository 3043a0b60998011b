#include "config/kube_config.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace config {
namespace {

class KubeConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/kubeconfig-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  base::Result<KubeConfig> Load(const std::string& text) {
    std::ofstream(folder_ + "/config") << text;
    return LoadKubeConfig(folder_ + "/config");
  }
  static std::string File(const std::string& cluster, const std::string& user) {
    return "current-context: here\n"
           "contexts:\n- {name: other, context: {cluster: x, user: x}}\n"
           "- {name: here, context: {cluster: c, user: u, namespace: shop}}\n"
           "clusters:\n- {name: c, cluster: " +
           cluster +
           "}\n"
           "users:\n- {name: u, user: " +
           user + "}\n";
  }
  std::string folder_;
};

TEST_F(KubeConfigTest, ReadsTheCurrentContext) {
  auto got = Load(File("{server: 'https://10.0.0.1:6443/', certificate-authority-data: Q0E=}",
                       "{token: secret}"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->host, "10.0.0.1");
  EXPECT_EQ(got->port, 6443);
  EXPECT_EQ(got->ca_pem, "CA");
  EXPECT_EQ(got->token, "secret");
  EXPECT_EQ(got->name_space, "shop");

  std::ofstream(folder_ + "/client.crt") << "CERT";
  got =
      Load(File("{server: 'https://[fd00::1]', certificate-authority: ca.crt}",
                "{tokenFile: /run/token, client-certificate: client.crt, client-key-data: S0VZ}"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->host, "fd00::1");
  EXPECT_EQ(got->port, 443);
  EXPECT_EQ(got->ca_file, folder_ + "/ca.crt");
  EXPECT_EQ(got->token_file, "/run/token");
  EXPECT_EQ(got->certificate_pem, "CERT");
  EXPECT_EQ(got->key_pem, "KEY");
}

TEST_F(KubeConfigTest, SaysWhatIsWrong) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "it is empty"},
      {"current-context: nowhere\n", "no current context"},
      {File("{server: 'http://a'}", "{}"), "only https://"},
      {File("{server: 'https://a:x'}", "{}"), "its port is no number"},
      {File("{server: 'https://a/b'}", "{}"), "a path is not supported"},
      {File("{server: 'https://:1'}", "{}"), "names no host"},
      {File("{server: 'https://a', insecure-skip-tls-verify: true}", "{}"), "is refused"},
      {File("{server: 'https://a', certificate-authority-data: '*'}", "{}"), "is not base64"},
      {File("{server: 'https://a'}", "{exec: {command: x}}"), "plug-ins"},
  };
  for (const auto& [text, part] : cases) {
    const auto got = Load(text);
    ASSERT_FALSE(got) << text;
    EXPECT_NE(got.error().message.find(part), std::string::npos) << got.error().message;
    EXPECT_NE(got.error().message.find(folder_), std::string::npos) << got.error().message;
  }
  EXPECT_EQ(LoadKubeConfig(folder_ + "/none").error().kind, base::Kind::kNotFound);
}

}  // namespace
}  // namespace config
