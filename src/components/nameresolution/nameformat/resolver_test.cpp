#include "components/nameresolution/nameformat/resolver.hpp"

#include <gtest/gtest.h>

#include "async/loop_group.hpp"
#include "contracts/descriptor_docs_test.hpp"

namespace components::nameresolution::nameformat {
namespace {

using contracts::Endpoint;

class NameFormat : public testing::Test {
 protected:
  base::Status Init(std::string format) {
    const config::Properties properties("nameformat", {{"format", std::move(format)}});
    base::Status status;
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      status = co_await resolver_.Init(call, {.name = "nameformat", .properties = properties});
    });
    return status;
  }
  base::Result<std::vector<Endpoint>> Resolve(std::string_view app_id) {
    base::Result<std::vector<Endpoint>> result;
    loops_.RunTaskOn(0, [&]() -> async::Task<void> {
      const contracts::Call call;
      result = co_await resolver_.Resolve(call, app_id, "ns", 50002);
    });
    return result;
  }
  Resolver resolver_;
  async::LoopGroup loops_{1};
};

TEST_F(NameFormat, PutsTheAppIdIn) {
  ASSERT_TRUE(Init("service-{appid}.default.svc.cluster.local"));
  EXPECT_EQ(Resolve("cart").value(),
            (std::vector<Endpoint>{{"service-cart.default.svc.cluster.local", 50002}}));
}

TEST_F(NameFormat, APortOfItsOwnAndSeveralPlaces) {
  ASSERT_TRUE(Init(" {appid}.{appid}.example:7000 "));
  EXPECT_EQ(Resolve("cart").value(), (std::vector<Endpoint>{{"cart.cart.example", 7000}}));
}

TEST_F(NameFormat, AppIdsCannotNameOtherHosts) {
  ASSERT_TRUE(Init("{appid}.example"));
  for (const char* id : {"evil:80", "evil/", "a@b", ""}) {
    const auto result = Resolve(id);
    ASSERT_FALSE(result) << id;
    EXPECT_EQ(result.error().kind, base::Kind::kInvalidArgument);
  }
}

TEST_F(NameFormat, WrongFormatsAreRefused) {
  for (const char* format : {"", "no-placeholder", "{appId}", "{appid}:port", "http://{appid}/"}) {
    const base::Status status = Init(format);
    ASSERT_FALSE(status) << format;
    EXPECT_NE(status.error().message.find("format"), std::string::npos) << status.error().message;
  }
}

TEST(NameFormatDocs, DocumentationIsCurrent) {
  contracts::ExpectDocsAreCurrent(Descriptor());
}

}  // namespace
}  // namespace components::nameresolution::nameformat
