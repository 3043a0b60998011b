// One Host in the test's process: one app, two apps, who the caller speaks for, limits, drain,
// failures.
#include "components/state/in_memory/descriptor.hpp"
#include "runtime/runtime_test_util.hpp"

namespace runtime::test {

// A store that can do more, once it is up, than every store of its type.
static const contracts::Descriptor& LessPromised() {
  static const contracts::Descriptor kDescriptor = [] {
    contracts::Descriptor out = components::state::in_memory::Descriptor();
    out.type = "state.less-promised";
    out.features = {"ETAG"};
    return out;
  }();
  return kDescriptor;
}

const contracts::Registry& Components() {
  static const contracts::Registry kRegistry(
      {&components::state::in_memory::Descriptor(), &LessPromised()});
  return kRegistry;
}

namespace {

TEST(SingleApp, ServesHealthStateMetadataAndItsApp) {
  Folder resources;
  resources.Write("store.yaml", Component("store", "state.in-memory"));
  App app("orders");
  config::Options options = TestOptions();
  options.app_id = "orders";
  options.app_port = app.port;
  options.resources_paths = {resources.path};
  Runtime runtime(std::move(options));
  ASSERT_EQ(runtime.error, "");
  EXPECT_EQ(runtime.Http({}).status, 204);
  EXPECT_EQ(runtime.Http({.path = "/v1.0/healthz/outbound"}).status, 204);
  EXPECT_EQ(runtime
                .Http({.path = "/v1.0/state/store",
                       .method = "POST",
                       .body = R"([{"key":"k","value":"v"}])"})
                .status,
            204);
  EXPECT_EQ(runtime.Http({.path = "/v1.0/state/store/k"}).body, "\"v\"");
  const Answer metadata = runtime.Http({.path = "/v1.0/metadata"});
  EXPECT_NE(metadata.body.find(R"("id":"orders")"), std::string::npos) << metadata.body;
  EXPECT_EQ(runtime.Http({.path = "/v1.0/invoke/orders/method/x"}).body, "hello from orders");
  EXPECT_TRUE(runtime.host->Stop());
}

TEST(SingleApp, MetadataTellWhatTheStoreItselfCanDo) {
  Folder resources;
  resources.Write("store.yaml", Component("store", "state.less-promised"));
  config::Options options = TestOptions();
  options.app_id = "orders";
  options.resources_paths = {resources.path};
  Runtime runtime(std::move(options));
  ASSERT_EQ(runtime.error, "");
  const Answer metadata = runtime.Http({.path = "/v1.0/metadata"});
  EXPECT_NE(metadata.body.find(R"("KEYS_LIKE","ACTOR"])"), std::string::npos) << metadata.body;
}

TEST(SingleApp, AsksNobodyWhoTheyAre) {
  config::Options options = TestOptions();
  options.app_id = "orders";
  Runtime runtime(std::move(options));
  EXPECT_EQ(runtime.Http({.path = "/v1.0/metadata", .host = "other-dapr"}).status, 200);
}

TEST(SingleApp, MayEndTheProcess) {
  config::Options options = TestOptions();
  options.app_id = "orders";
  Runtime runtime(std::move(options));
  EXPECT_EQ(runtime.Http({.path = "/v1.0/shutdown", .method = "POST"}).status, 204);
  EXPECT_EQ(runtime.Grpc({.path = "/dapr.proto.runtime.v1.Dapr/Shutdown"}).grpc_status, "0");
  EXPECT_EQ(runtime.shutdowns, 2);
}

TEST(SingleApp, TheGaugesOfTheTargetAreFed) {
  App app("orders");
  config::Options options = TestOptions();
  options.app_id = "orders";
  options.app_port = app.port;
  Runtime runtime(std::move(options));
  std::thread held([&] {
    Caller caller;
    EXPECT_EQ(
        caller.Http(runtime.host->ports().http, {.path = "/v1.0/invoke/orders/method/hold"}).status,
        200);
  });
  app.WaitUntilHolding(1);
  const std::string page = runtime.Metrics().body;
  EXPECT_NE(page.find("dapr_shared_inflight{app_id=\"orders\"} 1"), std::string::npos) << page;
  EXPECT_NE(page.find("dapr_shared_endpoints{app_id=\"orders\"} 1"), std::string::npos);
  EXPECT_NE(page.find("dapr_shared_waiting_calls{app_id=\"orders\"} 0"), std::string::npos);
  EXPECT_NE(page.find("dapr_shared_target_state{app_id=\"orders\",state=\"ready\"} 1"),
            std::string::npos);
  app.Release();
  held.join();
}

std::string StartError(const std::string& first, const std::string& second) {
  Folder resources;
  resources.Write("a.yaml", first);
  resources.Write("b.yaml", second);
  config::Options options = TestOptions();
  options.app_id = "orders";
  options.resources_paths = {resources.path};
  // Ends without an abort although half of it has been started.
  return Runtime(std::move(options)).error;
}

TEST(SingleApp, AComponentThatCannotStartEndsTheStart) {
  const std::string good = Component("good", "state.in-memory");
  const std::string unknown = StartError(good, Component("bad", "state.nonsense"));
  EXPECT_EQ(
      unknown.find("process component bad error: [INIT_COMPONENT_FAILURE]: initialization error "
                   "occurred for bad (state.nonsense/v1): "),
      0u)
      << unknown;
  EXPECT_NE(unknown.find("[CREATE_COMPONENT_FAILURE]"), std::string::npos);
  EXPECT_NE(unknown.find("b.yaml"), std::string::npos);
  const std::string prefix =
      StartError(good, Component("bad", "state.in-memory", "[{name: keyPrefix, value: 'a||b'}]"));
  EXPECT_NE(prefix.find("[INIT_COMPONENT_FAILURE]"), std::string::npos) << prefix;
  const std::string twice = StartError(good, Component("good", "state.in-memory"));
  EXPECT_EQ(twice.find("failed to load components: duplicate definition of Component name good"),
            0u)
      << twice;
}

TEST(SingleApp, APortInUseIsFatalAtOnceForMetrics) {
  auto taken = net::BindTcp("127.0.0.1", 0);
  config::Options options = TestOptions();
  options.app_id = "orders";
  options.metrics_port = net::LocalPort(*taken);
  EXPECT_NE(Runtime(std::move(options)).error.find("in use"), std::string::npos);
}

TEST(Drain, WhatIsInFlightFinishes) {
  App app("orders");
  config::Options options = TestOptions();
  options.app_id = "orders";
  options.app_port = app.port;
  Runtime runtime(std::move(options));
  const uint16_t port = runtime.host->ports().http;
  std::thread held([&] {
    Caller caller;
    EXPECT_EQ(caller.Http(port, {.path = "/v1.0/invoke/orders/method/hold"}).body,
              "hello from orders");
  });
  app.WaitUntilHolding(1);
  std::thread releaser([&] {
    // The listeners close first; that is how one sees from outside that the drain has begun.
    for (int i = 0; i < 1000 && net::BindTcp("127.0.0.1", port).has_value() == false; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    app.Release();
  });
  EXPECT_TRUE(runtime.host->Stop());
  held.join();
  releaser.join();
}

TEST(Drain, WhatTakesTooLongIsCutOffAndSaidSo) {
  App app("orders");
  config::Options options = TestOptions();
  options.app_id = "orders";
  options.app_port = app.port;
  options.graceful_shutdown = std::chrono::milliseconds(100);
  Runtime runtime(std::move(options));
  const uint16_t port = runtime.host->ports().http;
  std::thread held([&] {
    Caller caller;
    EXPECT_NE(caller.Http(port, {.path = "/v1.0/invoke/orders/method/hold"}).status, 200);
  });
  app.WaitUntilHolding(1);
  const auto begin = async::Clock::now();
  EXPECT_FALSE(runtime.host->Stop());
  EXPECT_LT(async::Clock::now() - begin, std::chrono::seconds(3));
  held.join();
}

// Two apps, one with tokens, one with ports of its own.
struct TwoApps {
  TwoApps() {
    folder.Write("a.yaml", SharedApp("alpha", alpha.port, "  apiTokens: [{value: token-a}]\n"));
    folder.Write("b.yaml",
                 SharedApp("beta", beta.port,
                           base::StrCat("  ports: {http: ", http, ", grpc: ", grpc, "}\n")));
    config::Options options = TestOptions();
    options.apps_path = folder.path;
    runtime.emplace(std::move(options));
    EXPECT_EQ(runtime->error, "");
  }
  App alpha{"alpha"};
  App beta{"beta"};
  const uint16_t http = FreePort();
  const uint16_t grpc = FreePort();
  Folder folder;
  std::optional<Runtime> runtime;
};

TEST(TwoApps, WhoTheCallerSpeaksFor) {
  TwoApps apps;
  struct Case {
    const char* what;
    uint16_t port;
    std::string host, token;
    int status;
    std::string text;
  };
  const uint16_t shared = apps.runtime->host->ports().http;
  const Case cases[] = {
      {"name", shared, "beta-dapr", "", 200, R"("id":"beta")"},
      {"name and namespace", shared, "beta-dapr.default.svc:3500", "", 200, R"("id":"beta")"},
      {"name in another case", shared, "BETA-Dapr.Default.svc:80", "", 200, R"("id":"beta")"},
      {"case, other namespace", shared, "BETA-dapr.elsewhere", "", 421, "ERR_APP_NOT_SERVED"},
      {"name, other namespace", shared, "beta-dapr.elsewhere", "", 421, "ERR_APP_NOT_SERVED"},
      {"name and token", shared, "alpha-dapr", "token-a", 200, R"("id":"alpha")"},
      {"name, token missing", shared, "alpha-dapr", "", 401, ""},
      {"name, wrong token", shared, "alpha-dapr", "wrong", 401, ""},
      {"token alone", shared, "", "token-a", 200, R"("id":"alpha")"},
      {"unknown token", shared, "", "wrong", 401, "ERR_APP_TOKEN"},
      {"nothing", shared, "", "", 421, "ERR_APP_NOT_SERVED"},
      {"unknown name", shared, "gamma-dapr", "", 421, "ERR_APP_NOT_SERVED"},
      {"another's token for a name", shared, "beta-dapr", "token-a", 401, "ERR_APP_TOKEN_MISMATCH"},
      {"own port", apps.http, "", "", 200, R"("id":"beta")"},
      {"own port beats the name", apps.http, "alpha-dapr", "", 200, R"("id":"beta")"},
      {"another's token on a port", apps.http, "", "token-a", 401, "ERR_APP_TOKEN_MISMATCH"},
  };
  for (const Case& c : cases) {
    const Answer answer = apps.runtime->caller.Http(
        c.port, {.path = "/v1.0/metadata", .host = c.host, .token = c.token});
    EXPECT_EQ(answer.status, c.status) << c.what << ": " << answer.body;
    EXPECT_NE(answer.body.find(c.text), std::string::npos) << c.what << ": " << answer.body;
    EXPECT_EQ(answer.body.find("token-a"), std::string::npos);
  }
  const std::string method = "/dapr.proto.runtime.v1.Dapr/GetMetadata";
  const uint16_t grpc = apps.runtime->host->ports().grpc;
  const auto status = [&](uint16_t port, const std::string& host, const std::string& token) {
    return apps.runtime->caller.Grpc(port, {.path = method, .host = host, .token = token})
        .grpc_status;
  };
  EXPECT_EQ(status(grpc, "beta-dapr", ""), "0");
  EXPECT_EQ(status(apps.grpc, "", ""), "0");
  EXPECT_EQ(status(grpc, "", "token-a"), "0");
  EXPECT_EQ(status(grpc, "", ""), "9");
  EXPECT_EQ(status(grpc, "", "wrong"), "16");
  EXPECT_EQ(status(grpc, "beta-dapr", "token-a"), "16");
  EXPECT_EQ(status(apps.grpc, "", "token-a"), "16");
}

TEST(TwoApps, NeitherEndsTheProcess) {
  TwoApps apps;
  const Answer http =
      apps.runtime->Http({.path = "/v1.0/shutdown", .host = "beta-dapr", .method = "POST"});
  EXPECT_EQ(http.status, 403);
  EXPECT_NE(http.body.find("SIGTERM"), std::string::npos) << http.body;
  const std::string method = "/dapr.proto.runtime.v1.Dapr/Shutdown";
  EXPECT_EQ(apps.runtime->Grpc({.path = method, .host = "beta-dapr"}).grpc_status, "7");
  EXPECT_EQ(apps.runtime->Grpc({.path = method, .token = "token-a"}).grpc_status, "7");
  EXPECT_EQ(apps.runtime->shutdowns, 0);
}

TEST(TwoApps, TheProcessHasAHealthOfItsOwn) {
  TwoApps apps;
  struct Case {
    const char* what;
    std::string host, token;
    int status;
  };
  const Case cases[] = {
      {"a probe by address", "", "", 204},
      {"any other name", "localhost", "", 204},
      {"a name of Kubernetes", "10-0-0-7.pods.example", "", 204},
      {"a token nobody has", "", "wrong", 204},
      {"an app's token", "", "token-a", 204},
      {"an app", "beta-dapr", "", 204},
      {"an app with tokens", "alpha-dapr", "", 204},
      {"an app, with another's token", "beta-dapr", "token-a", 204},
      {"an app that nobody serves", "nobody-dapr", "", 421},
      {"the same in full", "nobody-dapr.default.svc:3500", "", 421},
      {"the same, with a token", "nobody-dapr", "wrong", 401},
      {"an app of another namespace", "beta-dapr.elsewhere", "", 421},
  };
  for (const Case& c : cases) {
    for (const char* path : {"/v1.0/healthz", "/v1.0/healthz/outbound"}) {
      const Answer answer = apps.runtime->Http({.path = path, .host = c.host, .token = c.token});
      EXPECT_EQ(answer.status, c.status) << c.what << ", " << path << ": " << answer.body;
    }
  }
}

TEST(TwoApps, MayHaveOneTokenInCommon) {
  App app("app");
  Folder folder;
  const uint16_t own = FreePort();
  folder.Write("a.yaml", SharedApp("one", app.port, "  apiTokens: [{value: in-common}]\n"));
  folder.Write("b.yaml",
               SharedApp("two", app.port,
                         base::StrCat("  apiTokens: [{value: two-only}, {value: in-common}]\n"
                                      "  ports: {http: ",
                                      own, "}\n")));
  config::Options options = TestOptions();
  options.apps_path = folder.path;
  testing::internal::CaptureStdout();
  Runtime runtime(std::move(options));
  const std::string log = testing::internal::GetCapturedStdout();
  ASSERT_EQ(runtime.error, "");
  EXPECT_NE(log.find("have an API token in common"), std::string::npos) << log;
  EXPECT_EQ(log.find("in-common"), std::string::npos);
  const uint16_t shared = runtime.host->ports().http;
  struct Case {
    const char* what;
    uint16_t port;
    std::string host, token;
    int status;
    std::string text;
  };
  const Case cases[] = {
      {"first by name", shared, "one-dapr", "in-common", 200, R"("id":"one")"},
      {"second by name", shared, "two-dapr", "in-common", 200, R"("id":"two")"},
      {"second by port", own, "", "in-common", 200, R"("id":"two")"},
      {"of the second alone", shared, "", "two-only", 200, R"("id":"two")"},
      {"of the second, at the first", shared, "one-dapr", "two-only", 401, "MISMATCH"},
      {"of both alone", shared, "", "in-common", 421, "belongs to several apps"},
  };
  for (const Case& c : cases) {
    const Answer answer =
        runtime.caller.Http(c.port, {.path = "/v1.0/metadata", .host = c.host, .token = c.token});
    EXPECT_EQ(answer.status, c.status) << c.what << ": " << answer.body;
    EXPECT_NE(answer.body.find(c.text), std::string::npos) << c.what << ": " << answer.body;
    EXPECT_EQ(answer.body.find("two-only"), std::string::npos);
  }
}

TEST(TwoApps, CallEachOtherInsideTheProcess) {
  TwoApps apps;
  EXPECT_EQ(apps.runtime->Http({.path = "/v1.0/invoke/alpha/method/x", .host = "beta-dapr"}).body,
            "hello from alpha");
  EXPECT_EQ(
      apps.runtime
          ->Http({.path = "/v1.0/invoke/beta/method/x", .host = "alpha-dapr", .token = "token-a"})
          .body,
      "hello from beta");
}

TEST(ManyApps, OneThatCannotStartHarmsNoOther) {
  Folder folder;
  Folder broken;
  broken.Write("bad.yaml", Component("bad", "state.nonsense"));
  App app("good");
  folder.Write("a.yaml",
               SharedApp("broken", 1, base::StrCat("  resourcesPath: [", broken.path, "]\n")));
  folder.Write("b.yaml", SharedApp("good", app.port));
  folder.Write("c.yaml",
               "kind: SharedApp\napiVersion: shared.dapr.io/v1alpha1\nspec: {nonsense: 1}\n");
  config::Options options = TestOptions();
  options.apps_path = folder.path;
  Runtime runtime(std::move(options));
  ASSERT_EQ(runtime.error, "");
  EXPECT_EQ(runtime.Http({}).status, 204);
  EXPECT_EQ(runtime.Http({.path = "/v1.0/invoke/good/method/x", .host = "good-dapr"}).status, 200);
  EXPECT_EQ(runtime.Http({.path = "/v1.0/metadata", .host = "broken-dapr"}).status, 421);
}

TEST(ManyApps, LimitsHoldForEveryPathButHealth) {
  Folder folder;
  Folder resources;
  resources.Write("store.yaml", Component("store", "state.in-memory"));
  App app("small");
  App other("other");
  folder.Write("a.yaml", SharedApp("small", app.port, "  limits: {inFlight: 1}\n"));
  folder.Write("b.yaml", SharedApp("other", other.port));
  config::Options options = TestOptions();
  options.apps_path = folder.path;
  options.resources_paths = {resources.path};
  Runtime runtime(std::move(options));
  const uint16_t port = runtime.host->ports().http;
  EXPECT_EQ(runtime.Http({.path = "/v1.0/state/store/k", .host = "small-dapr"}).status, 204);
  std::thread held([&] {
    Caller caller;
    EXPECT_EQ(
        caller.Http(port, {.path = "/v1.0/invoke/small/method/hold", .host = "small-dapr"}).status,
        200);
  });
  app.WaitUntilHolding(1);
  EXPECT_EQ(runtime.Http({.path = "/v1.0/state/store/k", .host = "small-dapr"}).status, 429);
  EXPECT_EQ(runtime.Http({.path = "/v1.0/invoke/small/method/x", .host = "small-dapr"}).status,
            429);
  EXPECT_EQ(runtime.Http({.host = "small-dapr"}).status, 204);
  EXPECT_EQ(runtime.Http({.path = "/v1.0/state/store/k", .host = "other-dapr"}).status, 204);
  app.Release();
  held.join();
  EXPECT_EQ(runtime.Http({.path = "/v1.0/state/store/k", .host = "small-dapr"}).status, 204);
}

}  // namespace
}  // namespace runtime::test
