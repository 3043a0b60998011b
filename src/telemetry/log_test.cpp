#include "telemetry/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "telemetry/rate_limiter.hpp"

namespace telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// 2024-05-06T07:08:09.12Z
const base::WallTime kTime{std::chrono::nanoseconds(1714979289120000000)};

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
    ASSERT_EQ(pipe2(fds_, O_CLOEXEC), 0);
  }
  void TearDown() override {
    close(fds_[0]);
    close(fds_[1]);
  }
  LogOptions Options(bool json) {
    LogOptions options;
    options.json = json;
    options.fd = fds_[1];
    options.app_id = "shop";
    options.instance = "host-1";
    options.version = "1.18.3";
    options.clock = [this] { return now_; };
    return options;
  }
  // What is in the pipe now.
  std::string Read() {
    std::string text;
    pollfd ready{fds_[0], POLLIN, 0};
    char buffer[4096];
    while (poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0) {
      const ssize_t n = read(fds_[0], buffer, sizeof(buffer));
      if (n <= 0) break;
      text.append(buffer, n);
    }
    return text;
  }
  int fds_[2];
  base::WallTime now_ = kTime;
};

TEST_F(LogTest, TextLines) {
  Logger logger;
  ASSERT_TRUE(logger.Configure(Options(false)));
  const Log log("dapr.runtime", logger);
  const std::string tail = " scope=dapr.runtime type=log ver=1.18.3\n";
  log.Info("started");
  EXPECT_EQ(Read(),
            "time=\"2024-05-06T07:08:09.12Z\" level=info msg=started app_id=shop "
            "instance=host-1" +
                tail);
  log.Warning("HTTP server is running on port 3500");
  EXPECT_EQ(Read(),
            "time=\"2024-05-06T07:08:09.12Z\" level=warning "
            "msg=\"HTTP server is running on port 3500\" app_id=shop instance=host-1" +
                tail);
  log.Error("x", {{"component", "store (state.redis/v1)"}, {"size", -1}, {"ok", true}, {"d", 1.5}});
  EXPECT_EQ(Read(),
            "time=\"2024-05-06T07:08:09.12Z\" level=error msg=x app_id=shop "
            "component=\"store (state.redis/v1)\" d=1.5 instance=host-1 ok=true "
            "scope=dapr.runtime size=-1 type=log ver=1.18.3\n");
  log.WithAppId("cart").Fatal("", {{"type", "request"}, {"msg", "hidden"}});
  EXPECT_EQ(Read(),
            "time=\"2024-05-06T07:08:09.12Z\" level=fatal msg= app_id=cart "
            "fields.msg=hidden instance=host-1 scope=dapr.runtime type=request ver=1.18.3\n");
}

TEST_F(LogTest, JsonLines) {
  Logger logger;
  ASSERT_TRUE(logger.Configure(Options(true)));
  const Log log("dapr.runtime.http-info", logger);
  now_ = base::WallTime(seconds(1714979289));
  log.WithAppId("cart").Info(
      "HTTP API Called",
      {{"method", "GET /v1.0/state/{name}?a=1&b=<2>"}, {"code", 200}, {"duration", int64_t{3}}});
  EXPECT_EQ(Read(),
            "{\"app_id\":\"cart\",\"code\":200,\"duration\":3,\"instance\":\"host-1\","
            "\"level\":\"info\",\"method\":\"GET /v1.0/state/{name}?a=1\\u0026b=\\u003c2\\u003e\","
            "\"msg\":\"HTTP API Called\",\"scope\":\"dapr.runtime.http-info\","
            "\"time\":\"2024-05-06T07:08:09Z\",\"type\":\"log\",\"ver\":\"1.18.3\"}\n");
  log.Warning("w", {{"bad", std::numeric_limits<double>::infinity()}});
  EXPECT_NE(Read().find("\"bad\":\"inf\""), std::string::npos);
}

TEST_F(LogTest, NoAppIdNoField) {
  Logger logger;
  LogOptions options = Options(true);
  options.app_id = "";
  ASSERT_TRUE(logger.Configure(options));
  Log("s", logger).Info("m");
  EXPECT_TRUE(Read().starts_with("{\"instance\":"));
}

// A peer's bytes can neither start a line nor add a field.
TEST_F(LogTest, HostileTexts) {
  const struct {
    std::string text;
    std::string as_text;
    std::string as_json;
  } kCases[] = {
      {"a\nlevel=fatal", R"("a\nlevel=fatal")", R"("a\nlevel=fatal")"},
      {"a\r\n", R"("a\r\n")", R"("a\r\n")"},
      {"x\" level=fatal y=\"", R"("x\" level=fatal y=\"")", R"("x\" level=fatal y=\"")"},
      {"back\\slash", R"("back\\slash")", R"("back\\slash")"},
      {std::string("nul\0!", 5), R"("nul\x00!")", R"("nul\u0000!")"},
      {std::string(1, '\0'), R"("\x00")", R"("\u0000")"},
      {"\x1b[31m", R"("\x1b[31m")", R"("\u001b[31m")"},
      {"\x7f", R"("\x7f")", "\"\x7f\""},
      {"\xff\xc0\x80", R"("\xff\xc0\x80")", R"("\ufffd\ufffd\ufffd")"},
      {"\xe2\x80\xa8", R"("\u2028")", R"("\u2028")"},
      {"\xe2\x80\xae", R"("\u202e")", "\"\xe2\x80\xae\""},
      {"\xc3\xbc", "\"\xc3\xbc\"", "\"\xc3\xbc\""},
      {"\xc2\x9b", R"("\u009b")", "\"\xc2\x9b\""},
      {"a=b", R"("a=b")", R"("a=b")"},
      {"plain-._/@^+09", "plain-._/@^+09", R"("plain-._/@^+09")"},
  };
  for (const auto& c : kCases) {
    const LogField fields[] = {{"f", c.text}};
    LogLine line;
    line.fields = fields;
    const std::string text = FormatText(line);
    const std::string json = FormatJson(line);
    EXPECT_NE(text.find(" f=" + c.as_text + " "), std::string::npos) << text;
    EXPECT_NE(json.find("\"f\":" + c.as_json + ","), std::string::npos) << json;
    EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
    EXPECT_EQ(std::ranges::count(json, '\n'), 1) << json;
  }
}

TEST_F(LogTest, LongTextsAreCut) {
  LogLine line;
  const std::string huge(1 << 20, 'x');
  line.msg = huge;
  for (const std::string& out : {FormatText(line), FormatJson(line)}) {
    EXPECT_LT(out.size(), 20000u);
    EXPECT_NE(out.find("xxx...(cut)\""), std::string::npos);
  }
}

TEST_F(LogTest, LevelsBelowAreSilent) {
  Logger logger;
  LogOptions options = Options(false);
  options.level = Level::kWarning;
  ASSERT_TRUE(logger.Configure(options));
  const Log log("s", logger);
  log.Debug("no");
  log.Info("no");
  EXPECT_EQ(Read(), "");
  EXPECT_FALSE(log.Enabled(Level::kInfo));
  log.Error("yes");
  EXPECT_NE(Read(), "");
}

TEST_F(LogTest, ParsesLevels) {
  EXPECT_EQ(ParseLevel("DEBUG").value(), Level::kDebug);
  EXPECT_EQ(ParseLevel("warn").value(), Level::kWarning);
  EXPECT_EQ(ParseLevel("fatal").value(), Level::kFatal);
  const auto bad = ParseLevel("loud");
  ASSERT_FALSE(bad);
  EXPECT_TRUE(bad.error().message.starts_with("invalid value for --log-level: loud"));
}

TEST_F(LogTest, FileIsAppendedTo) {
  const std::string path = testing::TempDir() + "/telemetry_log_test.log";
  unlink(path.c_str());
  for (int i = 0; i < 2; ++i) {
    Logger logger;
    LogOptions options = Options(false);
    options.file = path;
    ASSERT_TRUE(logger.Configure(options));
    Log("s", logger).Info("line");
  }
  FILE* file = fopen(path.c_str(), "r");
  ASSERT_NE(file, nullptr);
  int lines = 0;
  for (int c = fgetc(file); c != EOF; c = fgetc(file)) lines += c == '\n';
  fclose(file);
  unlink(path.c_str());
  EXPECT_EQ(lines, 2);

  Logger logger;
  LogOptions options = Options(false);
  options.file = "/no/such/folder/x.log";
  const auto status = logger.Configure(options);
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().message.starts_with("--log-file: cannot open /no/such/folder/x.log"));
}

TEST_F(LogTest, WriterThreadKeepsEveryLineWhole) {
  Logger logger;
  ASSERT_TRUE(logger.Configure(Options(false)));
  std::string text;
  std::thread reader([&] {
    char buffer[4096];
    while (text.find("msg=end ") == std::string::npos) {
      const ssize_t n = read(fds_[0], buffer, sizeof(buffer));
      if (n <= 0) break;
      text.append(buffer, n);
    }
  });
  logger.StartWriterThread();
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < 4; ++t) {
      writers.emplace_back([&logger, t] {
        const Log log("s", logger);
        for (int i = 0; i < 500; ++i) log.Info("m", {{"t", t}, {"i", i}});
      });
    }
  }
  Log("s", logger).Info("end");
  EXPECT_TRUE(logger.Flush(seconds(10)));
  reader.join();
  logger.StopWriterThread();
  EXPECT_EQ(logger.dropped(), 0u);
  EXPECT_EQ(std::ranges::count(text, '\n'), 2001);
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    ASSERT_TRUE(text.substr(at).starts_with("time=\"2024-05-06T07:08:09.12Z\" level=info msg="));
  }
}

TEST_F(LogTest, FullQueueDropsAndSaysSo) {
  Logger logger;
  LogOptions options = Options(false);
  options.queue_lines = 4;
  options.fatal_wait = milliseconds(10);
  ASSERT_TRUE(logger.Configure(options));
  // Fill the pipe, so that the writer is stuck until somebody reads.
  const int flags = fcntl(fds_[1], F_GETFL);
  fcntl(fds_[1], F_SETFL, flags | O_NONBLOCK);
  const std::string fill(4096, '.');
  while (write(fds_[1], fill.data(), fill.size()) > 0) {
  }
  fcntl(fds_[1], F_SETFL, flags);

  logger.StartWriterThread();
  const Log log("s", logger);
  for (int i = 0; i < 100; ++i) log.Info("m");
  EXPECT_FALSE(logger.Flush(milliseconds(10)));
  // The writer may have taken one batch of up to four lines before it got stuck.
  EXPECT_GE(logger.dropped(), 92u);
  EXPECT_LE(logger.dropped(), 96u);
  log.Fatal("must not hang");

  const std::string expected =
      std::to_string(logger.dropped()) + " log lines were lost because the output";
  std::string text;
  std::thread reader([&] {
    char buffer[4096];
    while (text.find("log lines were lost") == std::string::npos) {
      const ssize_t n = read(fds_[0], buffer, sizeof(buffer));
      if (n <= 0) break;
      text.append(buffer, n);
    }
  });
  reader.join();
  EXPECT_NE(text.find(expected), std::string::npos) << text;
  EXPECT_TRUE(logger.Flush(seconds(10)));
  logger.StopWriterThread();
  log.Info("direct again");
  EXPECT_NE(Read().find("direct again"), std::string::npos);
}

TEST_F(LogTest, FatalIsWrittenBeforeItReturns) {
  Logger logger;
  ASSERT_TRUE(logger.Configure(Options(false)));
  logger.StartWriterThread();
  const Log log("s", logger);
  log.Info("first");
  log.Fatal("last");
  const std::string text = Read();
  EXPECT_LT(text.find("msg=first"), text.find("msg=last"));
  EXPECT_NE(text.find("level=fatal msg=last"), std::string::npos);
}

TEST_F(LogTest, RateLimited) {
  Logger logger;
  ASSERT_TRUE(logger.Configure(Options(false)));
  const Log log("s", logger);
  for (int i = 0; i < 10; ++i) log.RateLimited("bad_preface", 2).Warning("hostile");
  log.RateLimited("other", 1).Warning("other");
  std::string text = Read();
  EXPECT_EQ(std::ranges::count(text, '\n'), 3);
  EXPECT_EQ(text.find("suppressed"), std::string::npos);
  now_ += seconds(1);
  log.RateLimited("bad_preface", 2).Warning("hostile", {{"peer", "10.0.0.1"}});
  text = Read();
  EXPECT_NE(text.find("peer=10.0.0.1 scope=s suppressed=8 type=log"), std::string::npos) << text;
}

TEST(RateLimiter, KeysAreBounded) {
  RateLimiter limiter;
  int allowed = 0;
  for (int i = 0; i < 5000; ++i) {
    allowed += limiter.Allow(std::to_string(i), 1, kTime).allowed ? 1 : 0;
  }
  EXPECT_EQ(allowed, 1025);  // 1024 keys and the common one
}

}  // namespace
}  // namespace telemetry
