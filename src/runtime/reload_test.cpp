// The folder of --apps-path changes under a running Host.
#include <poll.h>

#include "runtime/path_watch.hpp"
#include "runtime/runtime_test_util.hpp"

namespace runtime::test {
namespace {

struct Served {
  Served() {
    folder.Write("one.yaml", SharedApp("one", one.port));
    folder.Write("two.yaml", SharedApp("two", two.port));
    config::Options options = TestOptions();
    options.apps_path = folder.path;
    runtime.emplace(std::move(options));
    EXPECT_EQ(runtime->error, "");
  }
  int Status(const std::string& app_id) {
    return runtime->Http({.path = "/v1.0/metadata", .host = app_id + "-dapr"}).status;
  }
  std::string Call(const std::string& app_id) {
    return runtime
        ->Http(
            {.path = base::StrCat("/v1.0/invoke/", app_id, "/method/x"), .host = app_id + "-dapr"})
        .body;
  }
  // A call that is at the app until Release.
  std::thread Hold(const std::string& app_id, App& app) {
    const uint16_t port = runtime->host->ports().http;
    std::thread thread([app_id, port] {
      Caller caller;
      const Answer answer =
          caller.Http(port, {.path = base::StrCat("/v1.0/invoke/", app_id, "/method/hold"),
                             .host = app_id + "-dapr"});
      EXPECT_EQ(answer.status, 200) << answer.body;
    });
    app.WaitUntilHolding(1);
    return thread;
  }
  void AwaitReaped() {
    const auto until = async::Clock::now() + std::chrono::seconds(10);
    while (!runtime->host->Reap() && async::Clock::now() < until) std::this_thread::yield();
    EXPECT_TRUE(runtime->host->Reap());
  }
  App one{"one"};
  App two{"two"};
  Folder folder;
  std::optional<Runtime> runtime;
};

TEST(Reload, AddsAndRemoves) {
  Served served;
  App three("three");
  served.folder.Write("three.yaml", SharedApp("three", three.port));
  served.folder.Remove("two.yaml");
  served.runtime->host->ReloadApps();
  EXPECT_EQ(served.Call("three"), "hello from three");
  EXPECT_EQ(served.Call("one"), "hello from one");
  EXPECT_EQ(served.Status("two"), 421);
  EXPECT_EQ(served.runtime->Metrics().body.find("app_id=\"two\""), std::string::npos);
}

TEST(Reload, RequestsInFlightOfARemovedAppAreAnswered) {
  Served served;
  std::thread held = served.Hold("two", served.two);
  std::thread untouched = served.Hold("one", served.one);
  served.folder.Remove("two.yaml");
  served.runtime->host->ReloadApps();
  EXPECT_EQ(served.Status("two"), 421);
  EXPECT_FALSE(served.runtime->host->Reap());
  served.two.Release();
  held.join();
  served.AwaitReaped();
  served.one.Release();
  untouched.join();
}

TEST(Reload, AChangedAppIsReplacedWhileItsRequestsFinish) {
  Served served;
  App moved("moved");
  std::thread held = served.Hold("two", served.two);
  served.folder.Write("two.yaml", SharedApp("two", moved.port));
  served.runtime->host->ReloadApps();
  EXPECT_EQ(served.Call("two"), "hello from moved");
  served.two.Release();
  held.join();
  served.AwaitReaped();
  EXPECT_EQ(served.Call("two"), "hello from moved");
  EXPECT_NE(served.runtime->Metrics().body.find("app_id=\"two\""), std::string::npos);
}

TEST(Reload, AnAppMayBeRemovedAndAddedAgainWhileItsRequestsFinish) {
  Served served;
  std::thread held = served.Hold("two", served.two);
  served.folder.Remove("two.yaml");
  served.runtime->host->ReloadApps();
  served.folder.Write("two.yaml", SharedApp("two", served.two.port));
  served.runtime->host->ReloadApps();
  EXPECT_EQ(served.Status("two"), 200);
  served.two.Release();
  held.join();
  served.AwaitReaped();
  EXPECT_EQ(served.Call("two"), "hello from two");
  EXPECT_NE(served.runtime->Metrics().body.find("app_id=\"two\""), std::string::npos);
}

TEST(Reload, MistakesLeaveAppsAsTheyWere) {
  Served served;
  Folder broken;
  broken.Write("bad.yaml", Component("bad", "state.nonsense"));
  served.folder.Write("one.yaml",
                      "apiVersion: shared.dapr.io/v1alpha1\nkind: SharedApp\nspec: {x: [\n");
  served.runtime->host->ReloadApps();
  EXPECT_EQ(served.Call("one"), "hello from one");
  served.folder.Write("one.yaml",
                      SharedApp("one", 1, base::StrCat("  resourcesPath: [", broken.path, "]\n")));
  served.runtime->host->ReloadApps();
  EXPECT_EQ(served.Call("one"), "hello from one");
  served.folder.Write("one.yaml", SharedApp("one", 1, "  config: [/nowhere/config.yaml]\n"));
  served.runtime->host->ReloadApps();
  EXPECT_EQ(served.Call("one"), "hello from one");
  served.folder.Remove("one.yaml");
  served.runtime->host->ReloadApps();
  EXPECT_EQ(served.Status("one"), 421);
  EXPECT_EQ(served.Call("two"), "hello from two");
}

TEST(Reload, AFolderThatIsBeingWrittenIsNotActedUpon) {
  Served served;
  served.folder.Write("one.yaml", "");  // as it stands between an editor's truncation and its write
  EXPECT_FALSE(served.runtime->host->ReloadApps([] { return true; }));
  EXPECT_EQ(served.Call("one"), "hello from one");
  EXPECT_TRUE(served.runtime->host->ReloadApps([] { return false; }));
  EXPECT_EQ(served.Status("one"), 421);
}

TEST(Reload, PortsMoveBetweenAppsAndStayOpenWhereTheyDoNotChange) {
  Served served;
  const uint16_t port = FreePort();
  const std::string ports = base::StrCat("  ports: {http: ", port, "}\n");
  const auto id = [&] {
    Caller caller;  // a new connection: those that are open stay with the app they came to
    return caller.Http(port, {.path = "/v1.0/metadata"}).body.substr(0, 12);
  };
  served.folder.Write("one.yaml", SharedApp("one", served.one.port, ports));
  served.runtime->host->ReloadApps();
  EXPECT_EQ(id(), R"({"id":"one",)");
  // Callers go on all the while; with the port unchanged none of them may be refused.
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  std::thread calls([&] {
    while (!stop) {
      Caller caller;
      if (caller.Http(port, {.path = "/v1.0/metadata"}).status != 200) ++failed;
    }
  });
  for (int i = 1; i <= 5; ++i) {
    served.folder.Write("one.yaml",
                        SharedApp("one", served.one.port,
                                  base::StrCat(ports, "  limits: {inFlight: ", 10 + i, "}\n")));
    served.runtime->host->ReloadApps();
  }
  stop = true;
  calls.join();
  EXPECT_EQ(failed, 0);
  served.folder.Write("one.yaml", SharedApp("one", served.one.port));
  served.folder.Write("two.yaml", SharedApp("two", served.two.port, ports));
  served.runtime->host->ReloadApps();
  EXPECT_EQ(id(), R"({"id":"two",)");
}

bool Changed(PathWatch& watch) {
  pollfd fd{watch.fd(), POLLIN, 0};
  // Nothing to wait for: events are queued by the time the system call that caused them returns.
  return poll(&fd, 1, 0) == 1 && watch.Changed();
}

TEST(PathWatch, SeesFilesComeChangeAndGo) {
  Folder folder;
  PathWatch watch;
  EXPECT_TRUE(watch.Watch({folder.path}));
  EXPECT_FALSE(watch.Watch({folder.path}));
  EXPECT_FALSE(Changed(watch));
  folder.Write("a.yaml", "x");
  EXPECT_TRUE(Changed(watch));
  EXPECT_FALSE(Changed(watch));
  folder.Remove("a.yaml");
  EXPECT_TRUE(Changed(watch));
}

TEST(PathWatch, SeesOnlyTheFilesThatAreAskedFor) {
  Folder folder;
  folder.Write("config.yaml", "x");
  PathWatch file;
  file.Watch({folder.path + "/config.yaml"});
  PathWatch documents;
  documents.Watch({folder.path});
  folder.Write("other.yaml", "x");
  EXPECT_FALSE(Changed(file));
  EXPECT_TRUE(Changed(documents));
  folder.Write("notes.txt", "x");
  EXPECT_FALSE(Changed(documents));
  folder.Write("config.yaml", "y");
  EXPECT_TRUE(Changed(file));
  // Replaced, as editors do.
  std::filesystem::rename(folder.path + "/other.yaml", folder.path + "/config.yaml");
  EXPECT_TRUE(Changed(file));
  EXPECT_TRUE(Changed(documents));
}

TEST(PathWatch, HalfAReplacementTakesLonger) {
  using std::chrono::milliseconds;
  Folder folder;
  PathWatch watch;
  watch.Watch({folder.path});
  {
    std::ofstream open(folder.path + "/a.yaml");
    open << "x" << std::flush;
    EXPECT_TRUE(Changed(watch));
    EXPECT_EQ(watch.Pause(), milliseconds(1000));
  }
  EXPECT_TRUE(Changed(watch));
  EXPECT_EQ(watch.Pause(), milliseconds(10));
  folder.Remove("a.yaml");
  EXPECT_TRUE(Changed(watch));
  EXPECT_EQ(watch.Pause(), milliseconds(100));
  folder.Write("a.yaml", "y");
  EXPECT_TRUE(Changed(watch));
  EXPECT_EQ(watch.Pause(), milliseconds(10));
}

TEST(PathWatch, KnowsWhichFilesMayHaveBeenReadInPart) {
  Folder folder;
  const std::string file = folder.path + "/a.yaml";
  folder.Write("a.yaml", "x");
  PathWatch watch;
  watch.Watch({file});
  {
    std::ofstream open(file);
    open << "x" << std::flush;
    EXPECT_TRUE(Changed(watch));
    watch.BeginReading();
    EXPECT_TRUE(watch.Unfinished(file)) << "it is open";
    EXPECT_FALSE(watch.Unfinished(folder.path + "/b.yaml"));
  }
  EXPECT_TRUE(Changed(watch));
  EXPECT_TRUE(watch.Unfinished(file)) << "it was closed while it was read";
  watch.BeginReading();
  EXPECT_FALSE(watch.Unfinished(file));
  folder.Write("a.yaml", "y");
  EXPECT_TRUE(Changed(watch));
  EXPECT_TRUE(watch.Unfinished(file));
}

TEST(PathWatch, SeesThatAFileMayHaveBecomeReadable) {
  namespace fs = std::filesystem;
  Folder folder;
  folder.Write("a.yaml", "x");
  PathWatch watch;
  watch.Watch({folder.path});
  fs::permissions(folder.path + "/a.yaml", fs::perms::none);
  EXPECT_TRUE(Changed(watch));
  fs::permissions(folder.path, fs::perms::owner_all);
  EXPECT_TRUE(Changed(watch));
}

TEST(PathWatch, FollowsLinksThatAreSwapped) {
  namespace fs = std::filesystem;
  Folder root;
  for (const char* name : {"v1", "v2", "v3"}) fs::create_directory(root.path + "/" + name);
  const auto swap = [&](const std::string& to) {
    fs::create_symlink(to, root.path + "/..data_tmp");
    fs::rename(root.path + "/..data_tmp", root.path + "/..data");
  };
  swap("v1");
  fs::create_symlink("..data", root.path + "/apps");
  PathWatch link;
  link.Watch({root.path + "/apps"});
  PathWatch data;
  data.Watch({root.path + "/..data/"});
  swap("v2");
  EXPECT_TRUE(Changed(link));
  EXPECT_TRUE(Changed(data));
  root.Write("v2/a.yaml", "x");
  EXPECT_TRUE(Changed(link));
  EXPECT_TRUE(Changed(data));
  root.Write("v1/a.yaml", "x");
  EXPECT_FALSE(Changed(link));
  // The folder goes and comes back as another one.
  fs::remove(root.path + "/..data");
  EXPECT_TRUE(Changed(link));
  swap("v3");
  EXPECT_TRUE(Changed(link));
  root.Write("v3/a.yaml", "x");
  EXPECT_TRUE(Changed(link));
}

}  // namespace
}  // namespace runtime::test
