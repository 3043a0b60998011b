#include "control/kube/access.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "control/kube/config_map_store.hpp"
#include "control/kube/service_name.hpp"

namespace control::kube {
namespace {

class AccessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/access-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
  }
  std::string folder_;
};

TEST_F(AccessTest, PodsFindWhatIsMounted) {
  const config::MapEnv env({{"KUBERNETES_SERVICE_HOST", "fd00::1"},
                            {"KUBERNETES_SERVICE_PORT", "6443"},
                            {"KUBECONFIG", folder_ + "/config"}});
  Write("token", "secret\n");
  Write("namespace", "shop\n");
  const auto got = FindAccess(env, folder_);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->host, "fd00::1");
  EXPECT_EQ(got->port, 6443);
  EXPECT_EQ(got->token_file, folder_ + "/token");
  EXPECT_EQ(got->ca_file, folder_ + "/ca.crt");
  EXPECT_EQ(got->own_namespace, "shop");
}

TEST_F(AccessTest, KubeConfigServesElsewhere) {
  Write(
      "config",
      "current-context: a\ncontexts: [{name: a, context: {cluster: b, user: c, namespace: shop}}]\n"
      "clusters: [{name: b, cluster: {server: 'https://api:6443'}}]\n"
      "users: [{name: c, user: {token: secret}}]\n");
  for (const char* host : {"", "10.0.0.1"}) {  // also in a pod without a token
    const config::MapEnv env({{"KUBERNETES_SERVICE_HOST", host},
                              {"KUBERNETES_SERVICE_PORT", "443"},
                              {"KUBECONFIG", folder_ + "/config"}});
    const auto got = FindAccess(env, folder_);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->host, "api");
    EXPECT_EQ(got->token, "secret");
    EXPECT_EQ(got->own_namespace, "shop");
  }
}

TEST_F(AccessTest, SaysWhatIsMissing) {
  EXPECT_NE(FindAccess(config::MapEnv(), folder_).error().message.find("this is no pod"),
            std::string::npos);
  const config::MapEnv env(
      {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}});
  EXPECT_NE(FindAccess(env, folder_).error().message.find("automountServiceAccountToken"),
            std::string::npos);
  const config::MapEnv bad(
      {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}, {"KUBERNETES_SERVICE_PORT", "tcp://x"}});
  EXPECT_NE(FindAccess(bad, folder_).error().message.find("KUBERNETES_SERVICE_PORT"),
            std::string::npos);
}

TEST(ServiceNames, AreReadAsDnsInAPodDoes) {
  const ServiceName own{"cart", "shop"};
  EXPECT_EQ(ParseServiceName("cart", "shop"), own);
  EXPECT_EQ(ParseServiceName("cart.shop", "other"), own);
  EXPECT_EQ(ParseServiceName("Cart.shop.SVC", "other"), own);
  EXPECT_EQ(ParseServiceName("cart.shop.svc.cluster.local.", "other"), own);
  EXPECT_EQ(ParseServiceName("cart.shop.svc.my.domain", "other"), own);
  for (const char* none : {"127.0.0.1", "::1", "localhost", "api.example.com", "a..svc", "a_b", "",
                           "-a", "cart.shop.pod.cluster.local"}) {
    EXPECT_EQ(ParseServiceName(none, "shop"), std::nullopt) << none;
  }
  EXPECT_EQ(ParseServiceName("cart", ""), std::nullopt);
}

}  // namespace
}  // namespace control::kube
