// Resources and the Configuration change under a running Host.
#include "runtime/retirement.hpp"
#include "runtime/runtime_test_util.hpp"

namespace runtime::test {
namespace {

struct Single {
  explicit Single(config::Options options = TestOptions()) {
    resources.Write("a.yaml", Component("kept", "state.in-memory"));
    options.app_id = "app";
    options.resources_paths = {resources.path};
    options.configs = {configs.path + "/c.yaml"};
    Configure("{}");
    runtime.emplace(std::move(options));
    EXPECT_EQ(runtime->error, "");
  }
  void Configure(const std::string& spec) const {
    configs.Write(
        "c.yaml",
        base::StrCat("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nspec: ", spec, "\n"));
  }
  int Save(const std::string& store) {
    return runtime
        ->Http({.path = "/v1.0/state/" + store,
                .method = "POST",
                .body = R"([{"key":"k","value":"v"}])"})
        .status;
  }
  int Load(const std::string& store) {
    return runtime->Http({.path = base::StrCat("/v1.0/state/", store, "/k")}).status;
  }
  void Until(const std::function<bool()>& check) {
    const auto until = async::Clock::now() + std::chrono::seconds(10);
    while (!check() && async::Clock::now() < until) std::this_thread::yield();
    EXPECT_TRUE(check());
  }
  Folder resources;
  Folder configs;
  std::optional<Runtime> runtime;
};

TEST(HotReload, ComponentsComeChangeAndGo) {
  Single app;
  EXPECT_EQ(app.Save("kept"), 204);
  EXPECT_EQ(app.Save("other"), 400);
  app.resources.Write("b.yaml", Component("other", "state.in-memory"));
  EXPECT_TRUE(app.runtime->host->Reload());
  app.Until([&] { return app.Save("other") == 204; });
  app.resources.Write("b.yaml",
                      Component("other", "state.in-memory", "[{name: keyPrefix, value: name}]"));
  app.runtime->host->Reload();
  app.Until([&] { return app.Load("other") == 204; });
  app.resources.Remove("b.yaml");
  app.runtime->host->Reload();
  app.Until([&] { return app.Load("other") == 400; });
  EXPECT_EQ(app.Load("kept"), 200);
  EXPECT_TRUE(app.runtime->host->Stop());
}

TEST(HotReload, MistakesLeaveThingsAsTheyWere) {
  Single app;
  EXPECT_EQ(app.Save("kept"), 204);
  app.resources.Write("a.yaml", Component("kept", "state.nonsense"));
  app.resources.Write("b.yaml", Component("other", "state.in-memory"));
  app.Configure("{secrets: {scopes: [{storeName: a, defaultAccess: perhaps}]}}");
  app.runtime->host->Reload();
  app.Until([&] { return app.Save("other") == 204; });
  EXPECT_EQ(app.Load("kept"), 200);
  // Nothing is done while the files are still changing.
  app.resources.Remove("b.yaml");
  EXPECT_FALSE(app.runtime->host->Reload([] { return true; }));
}

TEST(HotReload, WhatIsBeingWrittenOrIsNoConfigurationOpensNothing) {
  Single app;
  const auto denied = [&] {
    return app.runtime->Http({.path = "/v1.0/secrets/x/y"}).status == 404;
  };
  app.Configure("{api: {denied: [{name: secrets, version: v1.0, protocol: http}]}}");
  app.runtime->host->Reload();
  app.Until(denied);
  // Each reload is over when the store that comes with it is there.
  int n = 0;
  const auto reload = [&](const Host::Unfinished& unfinished) {
    const std::string store = base::StrCat("s", n++);
    app.resources.Write("b.yaml", Component(store, "state.in-memory"));
    EXPECT_TRUE(app.runtime->host->Reload({}, false, unfinished));
    app.Until([&] { return app.Save(store) == 204; });
  };
  for (const char* text : {"", "# none\n", "kind: Configuration\nspec:\n", "spec: {}\n"}) {
    app.configs.Write("c.yaml", text);
    reload({});
    EXPECT_TRUE(denied()) << text;
  }
  app.Configure("{}");
  reload([&](const std::string& file) { return file.ends_with("c.yaml"); });
  EXPECT_TRUE(denied());
  reload({});
  app.Until([&] { return !denied(); });
}

TEST(HotReload, APolicyWithAMistakeGoesOnAsItWas) {
  Single app;
  const auto policies = [&](const std::string& time) {
    app.resources.Write("r.yaml",
                        base::StrCat("apiVersion: dapr.io/v1alpha1\nkind: Resiliency\n"
                                     "metadata: {name: r}\nspec: {policies: {timeouts: {t: ",
                                     time,
                                     "}}, targets: {components: {kept: {outbound: "
                                     "{timeout: t}}}}}\n"));
    app.runtime->host->Reload();
  };
  const auto loaded = [&] {
    return app.runtime->Metrics().body.find("dapr_resiliency_loaded") != std::string::npos;
  };
  policies("1s");
  app.Until(loaded);
  policies("never");
  app.resources.Write("b.yaml", Component("other", "state.in-memory"));
  app.runtime->host->Reload();
  app.Until([&] { return app.Save("other") == 204; });
  EXPECT_TRUE(loaded());
}

TEST(HotReload, TheFeatureMayBeOff) {
  Single app;
  const auto denied = [&] {
    return app.runtime->Http({.path = "/v1.0/secrets/x/y"}).status == 404;
  };
  EXPECT_FALSE(denied());
  app.Configure(
      "{features: [{name: HotReload, enabled: false}], "
      "api: {denied: [{name: secrets, version: v1.0, protocol: http}]}}");
  app.runtime->host->Reload();
  app.Until(denied);
  app.resources.Write("b.yaml", Component("other", "state.in-memory"));
  app.runtime->host->Reload();
  EXPECT_EQ(app.Save("kept"), 204);
  app.runtime->host->Reload({}, true);
  app.Until([&] { return app.Save("other") == 204; });
}

TEST(HotReload, RequestsGoOnDuringManyReloads) {
  Single app;
  EXPECT_EQ(app.Save("kept"), 204);
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      Caller caller;
      const uint16_t port = app.runtime->host->ports().http;
      while (!stop) {
        if (caller.Http(port, {.path = "/v1.0/state/kept/k"}).status != 200) ++failed;
        if (caller.Http(port, {.path = "/v1.0/metadata"}).status != 200) ++failed;
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    app.resources.Write(
        "b.yaml", Component(base::StrCat("s", i), i % 2 ? "state.in-memory" : "state.nonsense"));
    app.Configure(i % 3 ? "{}"
                        : "{api: {denied: [{name: publish, version: v1.0, protocol: http}]}}");
    app.runtime->host->Reload();
  }
  app.Until([&] { return app.Save("s99") == 204; });
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

async::Task<void> CountClose(std::atomic<int>& closed) {
  EXPECT_EQ(async::Loop::Current()->index(), 0);
  ++closed;
  co_return;
}
async::Task<void> CloseAll(Retirement& retirement) {
  const async::Context context(async::Loop::Current()->After(std::chrono::seconds(10)));
  EXPECT_TRUE(co_await retirement.Close(context));
}

TEST(Retirement, ThingsAreClosedAtHomeWhereverTheyWereLeft) {
  async::LoopGroup loops(2);
  std::optional<Retirement> retirement;
  struct Kept {
    std::atomic<int>& count;
    ~Kept() { EXPECT_EQ(async::Loop::Current()->index(), 0); }
  };
  std::atomic<int> count{0};
  std::shared_ptr<Kept> kept;
  loops.RunOn(0, [&] {
    retirement.emplace();
    kept = retirement->Share<Kept>(std::unique_ptr<Kept>(new Kept{count}),
                                   [](Kept& k) { return CountClose(k.count); });
  });
  loops.RunOn(1, [&] { kept.reset(); });
  loops.RunTaskOn(0, [&] { return CloseAll(*retirement); });
  EXPECT_EQ(count, 1);
  loops.RunOn(0, [&] { retirement.reset(); });
}

}  // namespace
}  // namespace runtime::test
