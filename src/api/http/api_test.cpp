// Requests and their exact answers, from testdata/http_cases.txt.
#include "api/http/api.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "api/api_test_util.hpp"
#include "api/http/public_api.hpp"
#include "base/source_dir.hpp"
#include "base/strings.hpp"
#include "telemetry/dapr_metrics.hpp"
#include "telemetry/exposition.hpp"
#include "telemetry/log.hpp"
#include "telemetry/registry.hpp"

namespace api {
namespace {

using test::FakeExchange;
using test::TestApp;

struct Case {
  int line = 0;
  std::string app;
  std::string method, target;
  http::Headers headers;
  std::string body;
  int status = 0;
  std::vector<std::string> fields;  // "Name: value", "!Name"
  std::string answer;
};

std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == 'N') {
      out += '\n';
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<Case> LoadCases() {
  std::ifstream file(base::SourceDir() + "/src/api/testdata/http_cases.txt");
  EXPECT_TRUE(file) << "no case file";
  std::vector<Case> cases;
  std::string line, app = "default";
  bool open = false;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.starts_with('#')) {
      open = false;
      continue;
    }
    const std::string_view text = line;
    if (text.starts_with("app ")) {
      app = text.substr(4);
      continue;
    }
    if (!open) {
      cases.emplace_back().line = number;
      cases.back().app = app;
      const std::size_t space = text.find(' ');
      cases.back().method = text.substr(0, space);
      cases.back().target = text.substr(space + 1);
      open = true;
      continue;
    }
    Case& c = cases.back();
    const std::string_view rest = text.size() > 2 ? text.substr(2) : std::string_view();
    const std::size_t colon = rest.find(": ");
    switch (text.front()) {
      case 'H':
        c.headers.Add(rest.substr(0, colon), rest.substr(colon + 2));
        break;
      case 'B':
        c.body = Unescape(rest);
        break;
      case '-':
        c.status = static_cast<int>(*base::ParseInt(text.substr(3)));
        break;
      case 'h':
        c.fields.emplace_back(rest);
        break;
      case 'b':
        c.answer = Unescape(rest);
        break;
      default:
        ADD_FAILURE() << "line " << number << ": " << line;
    }
  }
  return cases;
}

// "<any>" stands for any text without a quote.
bool Matches(std::string_view pattern, std::string_view text) {
  const std::size_t any = pattern.find("<any>");
  if (any == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, any))) return false;
  text.remove_prefix(any);
  text.remove_prefix(std::min(text.find('"'), text.size()));
  return Matches(pattern.substr(any + 5), text);
}

std::unique_ptr<TestApp> MakeApp(const std::string& name) {
  if (name == "empty") return std::make_unique<TestApp>(false);
  auto app = std::make_unique<TestApp>(true, [&](AppContext& context) {
    if (name == "token") context.api_tokens = {"old", "new"};
    if (name == "denied") context.denied = {{"state", "v1", "http"}};
    if (name == "noinvoke") context.allowed = {{"state", "v1", "http"}};
    if (name == "cors") context.cors_origins = {"https://a.example", "https://*.b.example"};
    if (name == "small") context.max_body_bytes = 32;
  });
  if (name == "notready") app->metadata().health().MarkNotReady();
  app->target.response.headers.Add("Content-Type", "text/x");
  app->target.response_body = "from app";
  return app;
}

void RunCases(bool streamed) {
  std::unique_ptr<TestApp> app;
  std::unique_ptr<HttpApi> api;
  std::unique_ptr<PublicApi> public_api;
  std::string current, etag;
  int count = 0;
  for (Case& c : LoadCases()) {
    if (c.app != current) {
      app = MakeApp(c.app);
      api = std::make_unique<HttpApi>(app->context);
      public_api = std::make_unique<PublicApi>(app->context);
      current = c.app;
    }
    http::Headers headers;
    for (const auto& [name, value] : c.headers) {
      headers.Add(name, value == "$etag" ? etag : std::string(value));
    }
    FakeExchange exchange(c.method, c.target, headers, c.body, streamed);
    http::Handler& handler = c.app == "public" ? static_cast<http::Handler&>(*public_api) : *api;
    app->Serve(handler, exchange, !streamed);
    ++count;
    const std::string where = base::StrCat("line ", c.line, ": ", c.method, " ", c.target);
    EXPECT_TRUE(exchange.finished()) << where;
    EXPECT_EQ(exchange.head.status, c.status) << where << "\n" << exchange.sent_body;
    EXPECT_TRUE(Matches(c.answer, exchange.sent_body))
        << where << "\n  wanted: " << c.answer << "\n  got:    " << exchange.sent_body;
    for (const std::string& field : c.fields) {
      if (field.starts_with('!')) {
        EXPECT_FALSE(exchange.head.headers.Has(field.substr(1))) << where << " " << field;
        continue;
      }
      const std::size_t colon = field.find(": ");
      const std::string name = field.substr(0, colon);
      EXPECT_TRUE(Matches(field.substr(colon + 2), exchange.Header(name)))
          << where << " " << field << " got " << exchange.Header(name);
    }
    if (exchange.head.headers.Has("etag")) etag = exchange.Header("etag");
  }
  EXPECT_GE(count, 80);
}

TEST(HttpCases, AnsweredAtOnceWhereThatCanBe) {
  RunCases(false);
}
TEST(HttpCases, AnsweredByCoroutines) {
  RunCases(true);
}

TEST(HttpApi, ShutdownAnswersFirst) {
  TestApp app;
  HttpApi api(app.context);
  FakeExchange graceful("POST", "/v1.0/shutdown", {}, "");
  app.Serve(api, graceful);
  EXPECT_EQ(graceful.head.status, 204);
  http::Headers headers;
  headers.Add("Dapr-Force-Shutdown", "true");
  FakeExchange forced("POST", "/v1.0/shutdown", headers, "");
  app.Serve(api, forced);
  EXPECT_EQ(app.shutdowns, (std::vector<bool>{false, true}));
}

TEST(HttpApi, TryHandleLeavesTheRequestAsItWas) {
  TestApp app(true, [](AppContext& context) { context.api_tokens = {"t"}; });
  HttpApi api(app.context);
  http::Headers headers;
  headers.Add("dapr-api-token", "t");
  FakeExchange exchange("POST", "/v1.0/state/bad", headers, R"([{"key":"a","value":1}])");
  app.Serve(api, exchange);
  EXPECT_EQ(exchange.head.status, 500) << exchange.sent_body;
}

TEST(HttpApi, TheTraceGoesBackToTheCaller) {
  const telemetry::Tracer tracer = telemetry::Tracer::FromSamplingRate("1");
  TestApp app(true, [&](AppContext& context) { context.tracer = &tracer; });
  HttpApi api(app.context);
  http::Headers headers;
  headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  headers.Add("tracestate", "a=b");
  FakeExchange exchange("GET", "/v1.0/state/store/none", headers, "");
  app.Serve(api, exchange);
  const std::string trace = exchange.Header("traceparent");
  EXPECT_TRUE(trace.starts_with("00-0af7651916cd43dd8448eb211c80319c-")) << trace;
  EXPECT_EQ(trace.find("b7ad6b7169203331"), std::string::npos) << "a span of its own";
  EXPECT_EQ(exchange.Header("tracestate"), "a=b");
}

TEST(HttpApi, RecordsMetricsAndErrorCodes) {
  telemetry::Registry registry(1);
  auto metrics = telemetry::InstanceMetrics::Create(
      registry, {.app_id = "app", .name_space = "ns", .record_error_codes = true});
  ASSERT_TRUE(metrics);
  TestApp app(true, [&](AppContext& context) { context.metrics = metrics->get(); });
  HttpApi api(app.context);
  FakeExchange exchange("GET", "/v1.0/state/nope/key", {}, "");
  app.Serve(api, exchange);
  std::string text;
  app.loops.RunOn(0, [&] { text = telemetry::Exposition(registry); });
  EXPECT_NE(
      text.find(
          R"(dapr_error_code_total{app_id="app",error_code="ERR_STATE_STORE_NOT_FOUND",category="state"} 1)"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find(R"(path="/v1.0/state/nope",status="400"} 1)"), std::string::npos) << text;
}

// What one API call logs; `adjust` switches options.
std::string LogOf(std::string target, const std::function<void(AppContext&)>& adjust) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  telemetry::Logger logger;
  EXPECT_TRUE(logger.Configure({.json = true, .fd = ends[1]}));
  const telemetry::Log log("dapr.runtime.http-info", logger);
  {
    TestApp app(true, [&](AppContext& context) {
      context.http_log = &log;
      if (adjust) adjust(context);
    });
    HttpApi api(app.context);
    http::Headers headers;
    headers.Add("User-Agent", "tester");
    FakeExchange exchange("GET", std::move(target), headers, "");
    app.Serve(api, exchange);
  }
  close(ends[1]);
  std::string text(4096, ' ');
  const ssize_t size = read(ends[0], text.data(), text.size());
  close(ends[0]);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

TEST(HttpApi, LogsCalls) {
  const std::string line = LogOf("/v1.0/state/store/k?secret=1", {});
  EXPECT_NE(line.find(R"("msg":"HTTP API Called")"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("method":"GET /v1.0/state/store/k")"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("code":204)"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("useragent":"tester")"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("scope":"dapr.runtime.http-info")"), std::string::npos) << line;
}

TEST(HttpApi, LogsHideUrlsAndHealthChecksWhenAsked) {
  const auto hide = [](AppContext& context) {
    context.log_obfuscate_urls = true;
    context.log_omit_health_checks = true;
  };
  EXPECT_NE(LogOf("/v1.0/state/store/k", hide).find(R"("method":"GetState")"), std::string::npos);
  const std::string invoked = LogOf("/v1.0/invoke/app/method/private", hide);
  EXPECT_NE(invoked.find(R"("method":"InvokeService/app")"), std::string::npos) << invoked;
  EXPECT_EQ(invoked.find("private"), std::string::npos) << invoked;
  EXPECT_NE(invoked.find(R"("useragent":"tester")"), std::string::npos) << invoked;
  EXPECT_EQ(LogOf("/v1.0/healthz", hide), "");
}

}  // namespace
}  // namespace api
