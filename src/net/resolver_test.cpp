#include "net/resolver.hpp"

#include "net/test_dns_server.hpp"
#include "net/test_streams.hpp"

namespace net {
namespace {

using async::Task;
using async::Wake;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::DnsQuestion;
using testing::DnsReply;
using testing::kTypeA;
using testing::kTypeAaaa;
using testing::RunOnLoop;
using testing::Soon;
using testing::Store;
using testing::TestDnsServer;

ResolverOptions Options(const TestDnsServer& server) {
  ResolverOptions out;
  out.servers = server.address();
  return out;
}

std::vector<std::string> Texts(const base::Result<Resolved>& result) {
  std::vector<std::string> out;
  if (!result) return {result.error().message};
  for (const Address& address : result->addresses) out.push_back(address.ToString());
  return out;
}
using Expected = std::vector<std::string>;

std::optional<DnsReply> TwoOfEach(const DnsQuestion&) {
  return DnsReply{.records = {{kTypeAaaa, 5, "2001:db8::1"},
                              {kTypeA, 5, "192.0.2.1"},
                              {kTypeA, 7, "192.0.2.2"}}};
}

TEST(Resolver, LiteralsAndLocalhostNeedNoServer) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    ResolverOptions options;
    options.servers = "127.0.0.1:1";
    Resolver resolver(*async::Loop::Current(), options);
    EXPECT_EQ(Texts(co_await resolver.Resolve(context, "10.1.2.3", 80)), Expected{"10.1.2.3:80"});
    EXPECT_EQ(Texts(co_await resolver.Resolve(context, "[::1]", 80)), Expected{"[::1]:80"});
    const auto local = co_await resolver.Resolve(context, "LocalHost", 80);
    EXPECT_EQ(Texts(local), (Expected{"127.0.0.1:80", "[::1]:80"}));
    EXPECT_EQ(local->expires, async::kForever);
    EXPECT_EQ((co_await resolver.Resolve(context, "", 80)).error().kind,
              base::Kind::kInvalidArgument);
  });
}

TEST(Resolver, GivesAllAddressesAndKeepsThemForTheirTtl) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    TestDnsServer server(TwoOfEach);
    Resolver resolver(*async::Loop::Current(), Options(server));
    const auto first = co_await resolver.Resolve(context, "db.example", 6379);
    EXPECT_EQ(Texts(first), (Expected{"192.0.2.1:6379", "192.0.2.2:6379", "[2001:db8::1]:6379"}));
    const auto left = first->expires - async::Loop::Current()->now();
    EXPECT_GT(left, seconds(3));
    EXPECT_LE(left, seconds(5));  // the least of them
    EXPECT_EQ(Texts(co_await resolver.Resolve(context, "DB.example", 1)).front(), "192.0.2.1:1");
    EXPECT_EQ(server.questions(kTypeA), 1);
    EXPECT_EQ(server.questions(kTypeAaaa), 1);
    resolver.Forget("db.example");
    EXPECT_TRUE(co_await resolver.Resolve(context, "db.example", 1));
    EXPECT_EQ(server.questions(kTypeA), 2);
    EXPECT_TRUE(co_await server.Stop(context));
  });
}

TEST(Resolver, AsksAgainWhenTheAnswerHasExpired) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    std::string address = "192.0.2.1";
    TestDnsServer server(
        [&](const DnsQuestion&) { return DnsReply{.records = {{kTypeA, 60, address}}}; });
    ResolverOptions options = Options(server);
    options.min_ttl = milliseconds(1);
    options.max_ttl = milliseconds(20);
    Resolver resolver(*async::Loop::Current(), options);
    const auto first = co_await resolver.Resolve(context, "db.example", 1);
    EXPECT_EQ(Texts(first), Expected{"192.0.2.1:1"});
    address = "192.0.2.9";
    EXPECT_EQ(Texts(co_await resolver.Resolve(context, "db.example", 1)), Expected{"192.0.2.1:1"});
    co_await async::Sleep(context, first->expires);
    EXPECT_EQ(Texts(co_await resolver.Resolve(context, "db.example", 1)), Expected{"192.0.2.9:1"});
    EXPECT_TRUE(co_await server.Stop(context));
  });
}

TEST(Resolver, EqualQuestionsAtOnceBecomeOne) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    TestDnsServer server(TwoOfEach);
    Resolver resolver(*async::Loop::Current(), Options(server));
    async::Gate gate;
    constexpr int kMany = 50;
    std::vector<base::Result<Resolved>> results(kMany);
    std::vector<async::Event> done(kMany);
    for (int i = 0; i < kMany; ++i) {
      gate.Spawn(Store(resolver.Resolve(context, "db.example", 1), results[i], done[i]));
    }
    for (int i = 0; i < kMany; ++i) {
      EXPECT_EQ(co_await done[i].Wait(context), Wake::kReady);
      EXPECT_EQ(results[i]->addresses.size(), 3u);
    }
    EXPECT_EQ(server.questions(kTypeA), 1);
    EXPECT_TRUE(co_await gate.Close(context));
    EXPECT_TRUE(co_await server.Stop(context));
  });
}

TEST(Resolver, NoSuchHostIsRememberedBriefly) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    bool exists = false;
    TestDnsServer server([&](const DnsQuestion&) {
      if (!exists) return DnsReply{.code = 3};
      return DnsReply{.records = {{kTypeA, 60, "192.0.2.1"}}};
    });
    ResolverOptions options = Options(server);
    options.negative_ttl = milliseconds(50);
    Resolver resolver(*async::Loop::Current(), options);
    const auto none = co_await resolver.Resolve(context, "db.example", 1);
    EXPECT_EQ(none.error().kind, base::Kind::kNotFound);
    EXPECT_EQ(none.error().message, "lookup db.example: no such host");
    const int asked = server.questions(kTypeA);
    EXPECT_FALSE(co_await resolver.Resolve(context, "db.example", 1));
    EXPECT_EQ(server.questions(kTypeA), asked);
    exists = true;
    co_await async::Sleep(context, async::Loop::Current()->After(milliseconds(60)));
    EXPECT_TRUE(co_await resolver.Resolve(context, "db.example", 1));
    EXPECT_TRUE(co_await server.Stop(context));
  });
}

TEST(Resolver, SearchesTheDomains) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    TestDnsServer server([](const DnsQuestion& question) {
      if (question.name != "redis.two.test") return DnsReply{.code = 3};
      return DnsReply{.records = {{kTypeA, 60, "192.0.2.5"}}};
    });
    ResolverOptions options = Options(server);
    options.search_domains = {"one.test", "two.test"};
    Resolver resolver(*async::Loop::Current(), options);
    EXPECT_EQ(Texts(co_await resolver.Resolve(context, "redis", 1)), Expected{"192.0.2.5:1"});
    EXPECT_TRUE(co_await server.Stop(context));
  });
}

TEST(Resolver, TakesTruncatedAnswersOverTcp) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    TestDnsServer server([](const DnsQuestion& question) {
      DnsReply reply;
      if (!question.tcp) {
        reply.truncated = true;
        return reply;
      }
      for (int i = 0; i < 200; ++i) {
        reply.records.push_back({kTypeA, 60, "10.0.0." + std::to_string(i)});
      }
      return reply;
    });
    Resolver resolver(*async::Loop::Current(), Options(server));
    const auto result = co_await resolver.Resolve(context, "many.example", 1);
    EXPECT_TRUE(result) << result.error().message;
    if (result) EXPECT_EQ(result->addresses.size(), 200u);
    EXPECT_TRUE(co_await server.Stop(context));
  });
}

TEST(Resolver, SilenceAndFailureAreToldApart) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    bool silent = true;
    TestDnsServer server([&](const DnsQuestion&) -> std::optional<DnsReply> {
      if (silent) return std::nullopt;
      return DnsReply{.code = 2};
    });
    ResolverOptions options = Options(server);
    options.timeout = milliseconds(30);
    options.tries = 2;
    Resolver resolver(*async::Loop::Current(), options);
    EXPECT_EQ((co_await resolver.Resolve(context, "db.example", 1)).error().kind,
              base::Kind::kTimeout);
    EXPECT_GE(server.questions(kTypeA), 2);
    silent = false;
    const auto failed = co_await resolver.Resolve(context, "db.example", 1);
    EXPECT_EQ(failed.error().kind, base::Kind::kUnavailable) << failed.error().message;
    EXPECT_TRUE(co_await server.Stop(context));
  });
}

TEST(Resolver, EndsWithTheContextOrItself) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    TestDnsServer server([](const DnsQuestion&) { return std::optional<DnsReply>(); });
    auto resolver = std::make_unique<Resolver>(*async::Loop::Current(), Options(server));
    const async::Context brief(async::Loop::Current()->After(milliseconds(20)));
    const auto late = co_await resolver->Resolve(brief, "db.example", 1);
    EXPECT_EQ(late.error().kind, base::Kind::kTimeout);
    EXPECT_EQ(late.error().message, "lookup db.example: i/o timeout");
    async::Gate gate;
    async::Event done;
    base::Result<Resolved> result;
    gate.Spawn(Store(resolver->Resolve(context, "db.example", 1), result, done));
    EXPECT_FALSE(done.is_set());
    resolver.reset();
    EXPECT_EQ(co_await done.Wait(context), Wake::kReady);
    EXPECT_EQ(result.error().kind, base::Kind::kCanceled);
    EXPECT_TRUE(co_await gate.Close(context));
    EXPECT_TRUE(co_await server.Stop(context));
  });
}

TEST(Resolver, KeepsABoundedNumberOfNames) {
  RunOnLoop([]() -> Task<void> {
    const async::Context context = Soon();
    TestDnsServer server(TwoOfEach);
    ResolverOptions options = Options(server);
    options.max_entries = 2;
    Resolver resolver(*async::Loop::Current(), options);
    for (const char* name : {"a.example", "b.example", "c.example"}) {
      EXPECT_TRUE(co_await resolver.Resolve(context, name, 1));
    }
    EXPECT_EQ(server.questions(kTypeA), 3);
    EXPECT_TRUE(co_await resolver.Resolve(context, "c.example", 1));
    EXPECT_EQ(server.questions(kTypeA), 3);
    EXPECT_TRUE(co_await resolver.Resolve(context, "a.example", 1));
    EXPECT_EQ(server.questions(kTypeA), 4);  // had to go
    EXPECT_TRUE(co_await server.Stop(context));
  });
}

}  // namespace
}  // namespace net
