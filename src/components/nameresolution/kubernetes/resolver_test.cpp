#include "components/nameresolution/kubernetes/resolver.hpp"

#include <gtest/gtest.h>

#include "async/loop_group.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::nameresolution::kubernetes {
namespace {

using contracts::Endpoint;

class Kubernetes : public testing::Test {
 protected:
  base::Status Init(std::vector<config::Properties::Entry> entries) {
    const config::Properties properties("kubernetes", std::move(entries));
    base::Status status;
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      status = co_await resolver_.Init(call, {.name = "kubernetes", .properties = properties});
    });
    return status;
  }
  base::Result<std::vector<Endpoint>> Resolve(std::string_view app_id,
                                              std::string_view name_space) {
    base::Result<std::vector<Endpoint>> result;
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      result = co_await resolver_.Resolve(call, app_id, name_space, 50002);
    });
    return result;
  }
  Resolver resolver_;
  async::LoopGroup loops_{1};
};

TEST_F(Kubernetes, TheServiceOfTheOperator) {
  ASSERT_TRUE(Init({}));
  EXPECT_EQ(Resolve("cart", "shop").value(),
            (std::vector<Endpoint>{{"cart-dapr.shop.svc.cluster.local", 50002}}));
  EXPECT_EQ(Resolve("cart", "").value(),
            (std::vector<Endpoint>{{"cart-dapr.default.svc.cluster.local", 50002}}));
}

TEST_F(Kubernetes, AnotherClusterDomain) {
  ASSERT_TRUE(Init({{"ClusterDomain", "k8s.example"}}));
  EXPECT_EQ(Resolve("cart", "shop").value().front().host, "cart-dapr.shop.svc.k8s.example");
}

TEST_F(Kubernetes, ATemplate) {
  ASSERT_TRUE(Init({{"template", "{{.ID}}.{{.Namespace}}.internal:{{.Port}}"}}));
  EXPECT_EQ(Resolve("cart", "shop").value(),
            (std::vector<Endpoint>{{"cart.shop.internal", 50002}}));
}

TEST_F(Kubernetes, ATemplateWithoutPort) {
  ASSERT_TRUE(Init({{"template", "{{.ID}}.internal"}}));
  EXPECT_EQ(Resolve("cart", "shop").value(), (std::vector<Endpoint>{{"cart.internal", 50002}}));
}

TEST_F(Kubernetes, WrongOptionsAreRefused) {
  const config::Properties::Entry cases[] = {{"clusterDomain", "cluster local"},
                                             {"clusterDomain", "cluster.local:80"},
                                             {"template", "{{.Pod}}"},
                                             {"template", "http://{{.ID}}/"}};
  for (const auto& entry : cases) {
    const base::Status status = Init({entry});
    ASSERT_FALSE(status) << entry.value;
    EXPECT_NE(status.error().message.find(entry.name), std::string::npos) << status.error().message;
  }
}

TEST_F(Kubernetes, AppIdsCannotNameOtherHosts) {
  ASSERT_TRUE(Init({{"template", "{{.ID}}"}}));
  EXPECT_FALSE(Resolve("evil:80", "shop"));
  EXPECT_FALSE(Resolve("cart", "shop/../"));
}

TEST(KubernetesDocs, DocumentationIsCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

}  // namespace
}  // namespace components::nameresolution::kubernetes
