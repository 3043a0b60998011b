// Api and what is built on it against a small HTTP/2 server that plays the Kubernetes API.
#include "control/kube/watcher.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <deque>
#include <filesystem>
#include <fstream>

#include "base/strings.hpp"
#include "control/kube/config_map_store.hpp"
#include "control/kube/endpoints_watch.hpp"
#include "http/http1_test_util.hpp"
#include "net/test_certs.hpp"

namespace control::kube {
namespace {

using http::http1_test::FunctionHandler;
using http::http1_test::TestServer;
using std::chrono::milliseconds;

constexpr const char* kMaps = "/api/v1/namespaces/x/configmaps";

struct Answer {
  int status = 200;
  std::string body;
  bool hold = false;  // the stream stays open after the body
};

// Answers requests in the order in which they were scripted; notes what was asked.
class FakeApi {
 public:
  FakeApi() {
    handler_.handle = [this](http::Exchange& exchange) { return Serve(exchange); };
    server_ = std::make_unique<TestServer>(handler_, http::ServerOptions{}, ServerTls());
    std::string pattern = ::testing::TempDir() + "/api-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    std::ofstream(folder + "/token") << "first\n";
    std::ofstream(folder + "/ca.crt") << ca_.pem();
  }
  ~FakeApi() { std::filesystem::remove_all(folder); }

  using Scenario = std::function<async::Task<void>(Api&)>;
  void Run(const Scenario& scenario) {
    async::LoopGroup loops(1);
    http::ClientSet clients(loops, {});
    std::unique_ptr<net::Resolver> dns;
    loops.RunOn(0, [&] { dns = std::make_unique<net::Resolver>(loops.at(0)); });
    Access access{.host = "127.0.0.1", .port = server_->port()};
    access.token_file = folder + "/token";
    access.ca_file = folder + "/ca.crt";
    Api api(access, clients, [&]() -> net::Resolver& { return *dns; });
    loops.RunTaskOn(0, [&] { return scenario(api); });
    clients.Close(milliseconds(100));
    loops.RunOn(0, [&] { dns.reset(); });
  }

  void Say(Answer answer) { script_.push_back(std::move(answer)); }
  std::vector<std::string> asked;  // "METHOD target [token]"
  std::vector<std::string> bodies;
  std::string folder;

 private:
  std::shared_ptr<const net::TlsContext> ServerTls() {
    auto tls = net::TlsContext::Server(
        {.identity = ca_.Issue({.alternative = "IP:127.0.0.1"}), .alpn = {"h2"}});
    EXPECT_TRUE(tls) << tls.error().message;
    return *tls;
  }
  async::Task<void> Serve(http::Exchange& exchange) {
    const http::RequestHead& request = exchange.request();
    asked.push_back(base::StrCat(request.method, " ", request.target, " [",
                                 request.headers.Get("authorization").value_or(""), "]"));
    const async::Context patient(async::Loop::Current()->After(std::chrono::seconds(20)),
                                 &exchange.cancel());
    auto body = co_await http::ReadAll(exchange.body(), patient, 1 << 20);
    bodies.push_back(body ? *body : "");
    Answer answer{.status = 500, .body = "not scripted"};
    if (!script_.empty()) {
      answer = std::move(script_.front());
      script_.pop_front();
    }
    http::ResponseHead head;
    head.status = answer.status;
    exchange.Start(head);
    exchange.Write(answer.body);
    if (answer.hold) co_await async::Sleep(patient, patient.deadline);
    exchange.Finish();
  }

  net::testing::TestCa ca_;
  FunctionHandler handler_;
  std::unique_ptr<TestServer> server_;
  std::deque<Answer> script_;
};

std::string Map(const std::string& name, int version, const std::string& value) {
  return base::StrCat(R"({"metadata":{"name":")", name, R"(","resourceVersion":")", version,
                      R"("},"data":{"k":")", value, R"("}})");
}
std::string List(int version, const std::string& items) {
  return base::StrCat(R"({"metadata":{"resourceVersion":")", version, R"("},"items":[)", items,
                      "]}");
}
std::string Event(const char* type, const std::string& object) {
  return base::StrCat(R"({"type":")", type, R"(","object":)", object, "}\n");
}

std::string Text(const base::Result<Change>& change) {
  if (!change) return base::StrCat("error ", base::KindName(change.error().kind));
  constexpr const char* kKinds[] = {"all", "put", "gone"};
  std::string out = kKinds[static_cast<int>(change->kind)];
  for (const auto& object : change->objects) {
    out += " " + std::string(object.at("data").at("k").as_string());
  }
  return out;
}

async::Context Soon() {
  return async::Context(async::Loop::Current()->After(std::chrono::seconds(10)));
}

TEST(Watcher, ListsThenFollows) {
  FakeApi fake;
  fake.Say({.body = List(5, Map("a", 3, "one"))});
  const std::string bookmark = R"({"metadata":{"resourceVersion":"9"}})";
  fake.Say({.body = Event("ADDED", Map("b", 6, "two")) + Event("DELETED", Map("a", 7, "one")) +
                    "\n" + Event("BOOKMARK", bookmark)});
  fake.Say({.body = Event("MODIFIED", Map("b", 10, "three")), .hold = true});
  fake.Run([&](Api& api) -> async::Task<void> {
    Watcher watcher(api, kMaps, "fieldSelector=metadata.name%3Da");
    const async::Context context = Soon();
    EXPECT_EQ(Text(co_await watcher.Next(context)), "all one");
    EXPECT_EQ(Text(co_await watcher.Next(context)), "put two");
    EXPECT_EQ(Text(co_await watcher.Next(context)), "gone one");
    std::ofstream(fake.folder + "/token") << "second";
    EXPECT_EQ(Text(co_await watcher.Next(context)), "put three");
    const async::Context brief = context.Until(async::Loop::Current()->After(milliseconds(20)));
    EXPECT_FALSE(co_await watcher.Next(brief));
  });
  ASSERT_EQ(fake.asked.size(), 3U);
  EXPECT_EQ(fake.asked[0],
            base::StrCat("GET ", kMaps, "?fieldSelector=metadata.name%3Da [Bearer first]"));
  EXPECT_TRUE(fake.asked[1].starts_with(
      base::StrCat("GET ", kMaps, "?watch=true&allowWatchBookmarks=true&timeoutSeconds=")));
  EXPECT_TRUE(
      fake.asked[1].ends_with("&resourceVersion=5&fieldSelector=metadata.name%3Da [Bearer first]"));
  // It goes on from the bookmark, with the token as it is now.
  EXPECT_TRUE(fake.asked[2].ends_with(
      "&resourceVersion=9&fieldSelector=metadata.name%3Da [Bearer second]"));
}

TEST(Watcher, TooOldMeansAnew) {
  FakeApi fake;
  fake.Say({.body = List(5, Map("a", 3, "one"))});
  fake.Say({.status = 410, .body = R"({"message":"too old"})"});
  fake.Say({.body = List(50, Map("a", 30, "two"))});
  fake.Say({.body = Event("ERROR", R"({"kind":"Status","code":410})")});
  fake.Say({.body = List(90, "")});
  fake.Run([&](Api& api) -> async::Task<void> {
    Watcher watcher(api, kMaps, "");
    const async::Context context = Soon();
    EXPECT_EQ(Text(co_await watcher.Next(context)), "all one");
    EXPECT_EQ(Text(co_await watcher.Next(context)), "all two");
    EXPECT_EQ(Text(co_await watcher.Next(context)), "all");
  });
}

TEST(Watcher, BrokenStreamsAreOpenedAgain) {
  FakeApi fake;
  fake.Say({.body = List(5, "")});
  fake.Say({.status = 503, .body = "down"});
  fake.Say({.body = R"({"type":"ADDED","obj)"});  // ends in the middle
  fake.Say({.body = "no json\n"});
  fake.Say({.body = List(6, Map("a", 6, "one"))});
  fake.Run([&](Api& api) -> async::Task<void> {
    Watcher watcher(api, kMaps, "");
    const async::Context context = Soon();
    EXPECT_EQ(Text(co_await watcher.Next(context)), "all");
    EXPECT_EQ(Text(co_await watcher.Next(context)), "all one");
  });
  EXPECT_EQ(fake.asked.size(), 5U);
}

TEST(Watcher, RefusalsAreToldAndNotRepeatedSoon) {
  FakeApi fake;
  fake.Say({.status = 503, .body = "starting"});
  fake.Say({.status = 403, .body = R"({"message":"configmaps is forbidden"})"});
  fake.Run([&](Api& api) -> async::Task<void> {
    Watcher watcher(api, kMaps, "");
    const async::Context context = Soon();
    EXPECT_EQ(Text(co_await watcher.Next(context)), "error unavailable");
    auto refused = co_await watcher.Next(context);
    EXPECT_FALSE(refused);
    EXPECT_TRUE(IsLasting(refused.error().kind));
    EXPECT_EQ(refused.error().message,
              base::StrCat("Kubernetes API: GET ", kMaps, ": 403: configmaps is forbidden"));
    const async::Context brief = context.Until(async::Loop::Current()->After(milliseconds(300)));
    EXPECT_EQ(Text(co_await watcher.Next(brief)), "error timeout");
  });
  EXPECT_EQ(fake.asked.size(), 2U);
}

TEST(Watcher, ARefusalAfterBetterTimesIsDoubted) {
  FakeApi fake;
  fake.Say({.body = List(5, Map("a", 3, "one"))});
  fake.Say({.body = Event("MODIFIED", Map("a", 6, "two"))});
  // The server starts anew.
  fake.Say({.status = 403, .body = R"({"message":"rights are not known yet"})"});
  fake.Say({.status = 410, .body = "{}"});
  fake.Say({.status = 401, .body = "{}"});
  fake.Say({.body = List(9, Map("a", 9, "three"))});
  fake.Run([&](Api& api) -> async::Task<void> {
    Watcher watcher(api, kMaps, "");
    const async::Context context = Soon();
    EXPECT_EQ(Text(co_await watcher.Next(context)), "all one");
    EXPECT_EQ(Text(co_await watcher.Next(context)), "put two");
    EXPECT_EQ(Text(co_await watcher.Next(context)), "all three");
  });
  EXPECT_EQ(fake.asked.size(), 6U);
}

TEST(Api, AnotherAuthorityIsNotBelieved) {
  FakeApi fake;
  std::ofstream(fake.folder + "/ca.crt") << net::testing::TestCa("another").pem();
  fake.Run([&](Api& api) -> async::Task<void> {
    const async::Context context = Soon();
    EXPECT_FALSE(co_await api.Get(context, kMaps));
  });
  EXPECT_TRUE(fake.asked.empty());
}

TEST(EndpointsWatch, FollowsSlicesAndAsksTheServiceOnce) {
  const auto slice = [](const char* ip, int version) {
    return base::StrCat(R"({"metadata":{"name":"s","resourceVersion":")", version,
                        R"("},"ports":[{"name":"web","port":8080}],"endpoints":[{"addresses":[")",
                        ip, R"("]}]})");
  };
  FakeApi fake;
  fake.Say({.body = List(1, "")});
  fake.Say({.body = Event("ADDED", slice("10.0.0.1", 2))});
  fake.Say({.body = R"({"spec":{"clusterIP":"10.96.0.9","ports":[{"name":"web","port":80}]}})"});
  fake.Say(
      {.body = Event("MODIFIED", slice("10.0.0.2", 3)) + Event("DELETED", slice("10.0.0.2", 4)),
       .hold = true});
  fake.Run([&](Api& api) -> async::Task<void> {
    EndpointsWatch watch(api, {"cart", "shop"}, 80);
    const async::Context context = Soon();
    auto next = co_await watch.Next(context);
    EXPECT_TRUE(next && !*next);  // DNS says
    for (const char* expected : {"10.0.0.1:8080", "10.0.0.2:8080"}) {
      next = co_await watch.Next(context);
      if (!next || !*next || (*next)->empty()) {
        ADD_FAILURE() << expected;
        co_return;
      }
      EXPECT_EQ((*next)->front().ToString(), expected);
    }
    next = co_await watch.Next(context);
    EXPECT_TRUE(next && !*next);
  });
  ASSERT_EQ(fake.asked.size(), 4U);
  EXPECT_TRUE(
      fake.asked[0].starts_with("GET /apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
                                "?labelSelector=kubernetes.io%2Fservice-name%3Dcart "));
  EXPECT_TRUE(fake.asked[2].starts_with("GET /api/v1/namespaces/shop/services/cart "));
}

TEST(ConfigMapStore, ReadsAndWritesOneKey) {
  FakeApi fake;
  fake.Say({.status = 404, .body = R"({"message":"not found"})"});
  fake.Say({.status = 201, .body = "{}"});
  fake.Say({.body = R"({"data":{"other":"x","a_2fb.json":"text"}})"});
  fake.Say({.status = 403, .body = R"({"message":"configmaps \"cache\" is forbidden"})"});
  fake.Run([&](Api& api) -> async::Task<void> {
    ConfigMapStore store(api, "shop", "cache", "a/b.json", "daprd-a");
    EXPECT_EQ(store.where(), "ConfigMap shop/cache, key a_2fb.json");
    const async::Context context = Soon();
    EXPECT_EQ((co_await store.Read(context)).error().kind, base::Kind::kNotFound);
    EXPECT_TRUE(co_await store.Write(context, "text"));
    auto read = co_await store.Read(context);
    EXPECT_TRUE(read && *read == "text");
    auto denied = co_await store.Write(context, "text");
    EXPECT_FALSE(denied);
    EXPECT_NE(denied.error().message.find("needs the right to patch"), std::string::npos);
    EXPECT_EQ((co_await store.Write(context, std::string(1 << 20, 'x'))).error().kind,
              base::Kind::kTooLarge);
  });
  ASSERT_EQ(fake.asked.size(), 4U);
  EXPECT_EQ(fake.asked[1],
            "PATCH /api/v1/namespaces/shop/configmaps/cache?force=true&fieldManager=daprd-a "
            "[Bearer first]");
  EXPECT_EQ(boost::json::parse(fake.bodies[1]).at("data").at("a_2fb.json").as_string(), "text");
}

}  // namespace
}  // namespace control::kube
