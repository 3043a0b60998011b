#include "telemetry/http_path_label.hpp"

#include <gtest/gtest.h>

namespace telemetry {
namespace {

TEST(ReducePath, Table) {
  const struct {
    std::string_view path;
    std::string_view label;
  } kCases[] = {
      {"", ""},
      {"/", "/"},
      {"/orders", "/orders"},
      {"/orders/1/2/3/4/5/6/7", "/orders/1/2/3/4/5/6/7"},
      {"//orders///1", "/orders/1"},
      {"orders", "/orders"},
      {"/v1.0/state/store", "/v1.0/state/store"},
      {"/v1.0/state/store/key/with/slashes", "/v1.0/state/store"},
      {"//v1.0/state/store/key", "/v1.0/state/store"},
      {"/v1.0/secrets/vault/name", "/v1.0/secrets/vault"},
      {"/v1.0/actors/T/1", "/v1.0/actors/T/1"},
      {"/v1.0/actors/T/1/method/m", "/v1.0/actors/T/{id}/method"},
      {"/v1.0/actors/T/1/state/key/x", "/v1.0/actors/T/{id}/state"},
      {"actors/T/1/method/m", "actors/T/{id}/method/m"},
      {"/actors/T/1", "actors/T/{id}"},
      {"/v1.0/workflows/dapr/abc", "/v1.0/workflows/dapr/{instanceId}"},
      {"/v1.0/workflows/dapr/abc/pause", "/v1.0/workflows/dapr/{instanceId}/pause"},
      {"/v1.0/workflows/dapr/Order/start", "/v1.0/workflows/dapr/Order/start"},
      {"/v1.0/workflows/dapr/abc/raiseEvent/paid",
       "/v1.0/workflows/dapr/{instanceId}/raiseEvent/{eventName}"},
      {"/v1.0/invoke/app/method/orders/1", "/v1.0/invoke/app/method/orders/1"},
  };
  for (const auto& c : kCases) {
    std::string scratch;
    EXPECT_EQ(ReducePath(c.path, scratch), c.label) << c.path;
  }
}

std::string PathOf(const HttpLabels& labels, std::string_view path) {
  std::string scratch;
  return std::string(labels.Path(path, scratch));
}

TEST(HttpLabels, IncreasedCardinality) {
  const HttpLabels plain;
  EXPECT_EQ(PathOf(plain, "/v1.0/invoke/app/method/x"), "/v1.0/invoke/app/method/x");
  EXPECT_EQ(PathOf(plain, "/v1.0/state/s/k"), "/v1.0/state/s");

  const auto matching = HttpLabels::Create({.path_matching = {"/orders/{id}", "//items"}});
  ASSERT_TRUE(matching) << matching.error().message;
  EXPECT_EQ(PathOf(*matching, "/orders/5"), "/orders/{id}");
  EXPECT_EQ(PathOf(*matching, "/items"), "/items");
  EXPECT_EQ(PathOf(*matching, "/v1.0/invoke/shop/method/orders/5"),
            "/v1.0/invoke/{app_id}/method/orders/{id}");
  EXPECT_EQ(PathOf(*matching, "/basket/5"), "/basket/5");
}

TEST(HttpLabels, LowCardinality) {
  const auto bare = HttpLabels::Create({.increased_cardinality = false});
  ASSERT_TRUE(bare);
  EXPECT_EQ(PathOf(*bare, "/v1.0/state/s/k"), "");
  EXPECT_EQ(PathOf(*bare, "/dapr/subscribe"), "");
  EXPECT_EQ(PathOf(*bare, "/dapr/config"), "/dapr/config");

  const auto matching = HttpLabels::Create(
      {.increased_cardinality = false,
       .path_matching = {"/v1.0/state/{store}", "/orders/{id}", "orders/{id}", ""}});
  ASSERT_TRUE(matching) << matching.error().message;
  EXPECT_EQ(PathOf(*matching, "/v1.0/state/s/some/key"), "/v1.0/state/{store}");
  EXPECT_EQ(PathOf(*matching, "//orders/5"), "/orders/{id}");
  EXPECT_EQ(PathOf(*matching, "/basket"), "");

  EXPECT_FALSE(HttpLabels::Create({.path_matching = {"/a{b}"}}));
}

TEST(HttpLabels, Method) {
  const HttpLabels labels;
  for (const auto method :
       {"GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"}) {
    EXPECT_EQ(labels.Method(method), method);
  }
  for (const auto method : {"", "get", "QUERY", "GET\n"})
    EXPECT_EQ(labels.Method(method), "UNKNOWN");
  const auto none = HttpLabels::Create({.exclude_verbs = true});
  ASSERT_TRUE(none);
  EXPECT_EQ(none->Method("GET"), "");
}

}  // namespace
}  // namespace telemetry
