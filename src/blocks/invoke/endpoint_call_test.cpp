// Addresses outside Dapr.
#include "blocks/invoke/invoke_test_apps.hpp"

namespace blocks::invoke::test {
namespace {

TEST(Endpoint, UrlAndResource) {
  World world;
  Node node(world, "one");
  Seen seen;
  FunctionApp outside;
  outside.serve = Echo(seen);
  RunningServer server(world.loops, outside);
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port);
  Answer answer = Invoke(node, Request(url + "/base/", "GET", "a/b"));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(seen.head.target, "/base/a/b");
  EXPECT_EQ(seen.head.authority, "127.0.0.1:" + std::to_string(server.port));

  HttpEndpoint endpoint;
  endpoint.name = "shop";
  endpoint.base_url = url;
  endpoint.headers.Add("X-Key", "configured");
  node.block->SetEndpoints({endpoint});
  InvokeRequest request = Request("shop", "GET", "c");
  request.headers.Add("x-key", "callers");
  answer = Invoke(node, std::move(request));
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(seen.head.target, "/c");
  EXPECT_EQ(Values(seen.head.headers, "x-key"), Texts{"configured"});
  EXPECT_EQ(answer.response.status, 201);

  node.Serve(Echo(seen));
  EXPECT_TRUE(Invoke(node, Request("one", "GET", "own")).ok);
  EXPECT_EQ(seen.head.target, "/own");
  EXPECT_FALSE(Invoke(node, Request("http://", "GET", "x")).ok);
}

}  // namespace
}  // namespace blocks::invoke::test
