#include "config/options.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/strings.hpp"
#include "config/flag_table.hpp"

namespace config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using V = std::vector<std::string>;

ParseOutcome RunFlags(V args, std::map<std::string, std::string> env = {}) {
  return ParseOptions(args, MapEnv(std::move(env)));
}
// With an app-id in front.
ParseOutcome RunApp(V args, std::map<std::string, std::string> env = {}) {
  args.insert(args.begin(), {"--app-id", "app"});
  return RunFlags(std::move(args), std::move(env));
}
Options Good(V args, std::map<std::string, std::string> env = {}) {
  ParseOutcome outcome = RunApp(std::move(args), std::move(env));
  EXPECT_TRUE(outcome.options) << outcome.text;
  return outcome.options.value_or(Options());
}

TEST(Options, Defaults) {
  const Options o = Good({});
  EXPECT_EQ(o.mode, Mode::kStandalone);
  EXPECT_EQ(o.app_id, "app");
  EXPECT_EQ(o.app_port, 0);
  EXPECT_EQ(o.app_protocol, AppProtocol::kHttp);
  EXPECT_EQ(o.app_channel_address, "127.0.0.1");
  EXPECT_EQ(o.app_max_concurrency, -1);
  EXPECT_EQ(o.app_binding_options_timeout, seconds(3));
  EXPECT_EQ(o.http_port, 3500);
  EXPECT_EQ(o.grpc_port, 50001);
  EXPECT_EQ(o.internal_grpc_port, 0);
  EXPECT_TRUE(o.listen_addresses.empty());
  EXPECT_FALSE(o.public_port);
  EXPECT_FALSE(o.scaler_port);
  EXPECT_EQ(o.profile_port, 7777);
  EXPECT_TRUE(o.enable_metrics);
  EXPECT_EQ(o.metrics_port, 9090);
  EXPECT_EQ(o.metrics_listen_address, "0.0.0.0");
  EXPECT_EQ(o.log_level, LogLevel::kInfo);
  EXPECT_FALSE(o.enable_api_logging);
  EXPECT_EQ(o.trust_domain, "localhost");
  EXPECT_EQ(o.control_plane_namespace, "default");
  EXPECT_EQ(o.max_body_size, 4 << 20);
  EXPECT_EQ(o.read_buffer_size, 4 << 10);
  EXPECT_EQ(o.graceful_shutdown, seconds(5));
  EXPECT_FALSE(o.block_shutdown);
  EXPECT_EQ(o.app_health.path, "/healthz");
  EXPECT_EQ(o.app_health.interval, seconds(5));
  EXPECT_EQ(o.app_health.timeout, milliseconds(500));
  EXPECT_EQ(o.app_health.threshold, 3);
  EXPECT_EQ(o.scheduler_job_streams, 3u);
  EXPECT_EQ(o.actors_disseminate_timeout, seconds(30));
  EXPECT_EQ(o.hot_reload_interval, seconds(60));
  EXPECT_EQ(o.threads, 0);
  EXPECT_EQ(o.app_wake_timeout.count(), 0);
  EXPECT_EQ(o.Namespace(), "default");
  EXPECT_FALSE(o.env.namespace_name);
  EXPECT_EQ(o.env.components_sockets_folder, "/tmp/dapr-components-sockets");
  EXPECT_TRUE(o.deprecation_warnings.empty());
  EXPECT_TRUE(o.ignored_warnings.empty());
}

TEST(Options, Forms) {
  EXPECT_EQ(Good({"-app-port", "80"}).app_port, 80);
  EXPECT_EQ(Good({"--app-port=80"}).app_port, 80);
  EXPECT_EQ(Good({"-app-port=80"}).app_port, 80);
  EXPECT_EQ(Good({"word", "--app-port", "80", "more"}).app_port, 80);
  EXPECT_EQ(Good({"--", "--app-port", "80"}).app_port, 0);
  EXPECT_EQ(Good({"--app-port", "80", "--app-port", "81"}).app_port, 81);
  EXPECT_FALSE(Good({"--enable-metrics=false"}).enable_metrics);
  EXPECT_TRUE(Good({"--log-as-json", "false"}).log_as_json);  // a switch takes no next word
  EXPECT_EQ(Good({"--enable-api-logging=false"}).enable_api_logging, false);
  EXPECT_EQ(Good({"--enable-api-logging"}).enable_api_logging, true);
  EXPECT_EQ(Good({"--app-max-concurrency", "-10"}).app_max_concurrency, -10);
  EXPECT_EQ(Good({"--resources-path", "a,b", "--resources-path=c"}).resources_paths,
            (V{"a", "b", "c"}));
  EXPECT_EQ(Good({"--config", "\"x,y\",z"}).configs, (V{"x,y", "z"}));
  EXPECT_EQ(Good({"--components-path", "a"}).resources_paths, (V{"a"}));
  EXPECT_EQ(Good({"--components-path", "a", "--resources-path", "b"}).resources_paths, (V{"b"}));
  EXPECT_EQ(Good({"--dapr-listen-addresses", " 1.1.1.1, ::1 "}).listen_addresses,
            (V{"1.1.1.1", "::1"}));
  EXPECT_EQ(Good({"--placement-host-address", "a:1,b:2"}).placement_addresses, (V{"a:1", "b:2"}));
  EXPECT_EQ(Good({"--allowed-origins", "*"}).allowed_origins, (V{"*"}));
  EXPECT_EQ(Good({"--dapr-public-port", "3501"}).public_port, 3501);
  EXPECT_EQ(Good({"--scaler-port", "3502"}).scaler_port, 3502);
}

TEST(Options, ValuesAndTheirDefaults) {
  EXPECT_EQ(Good({"--app-protocol", "GRPCS"}).app_protocol, AppProtocol::kGrpcs);
  EXPECT_EQ(Good({"--app-protocol", ""}).app_protocol, AppProtocol::kHttp);
  EXPECT_EQ(Good({"--app-ssl"}).app_protocol, AppProtocol::kHttps);
  EXPECT_EQ(Good({"--app-ssl", "--app-protocol=grpc"}).app_protocol, AppProtocol::kGrpcs);
  EXPECT_EQ(Good({"--max-body-size", "1Ki", "--dapr-http-max-request-size", "9"}).max_body_size,
            1024);
  EXPECT_EQ(Good({"--dapr-http-max-request-size", "9"}).max_body_size, 9 << 20);
  EXPECT_EQ(Good({"--max-body-size", "0"}).max_body_size, 0);
  EXPECT_EQ(Good({"--max-body-size", "-1"}).max_body_size, 4 << 20);
  EXPECT_EQ(Good({"--dapr-http-read-buffer-size", "8"}).read_buffer_size, 8 << 10);
  EXPECT_EQ(Good({"--dapr-graceful-shutdown-seconds", "-1"}).graceful_shutdown, seconds(5));
  EXPECT_EQ(Good({"--dapr-graceful-shutdown-seconds", "0"}).graceful_shutdown, seconds(0));
  EXPECT_EQ(Good({"--dapr-block-shutdown-duration", "1m"}).block_shutdown, seconds(60));
  EXPECT_EQ(Good({"--app-binding-options-timeout", "0"}).app_binding_options_timeout, seconds(3));
  EXPECT_EQ(
      Good({"--app-health-probe-interval=0", "--app-health-probe-timeout=-4"}).app_health.timeout,
      milliseconds(500));
  EXPECT_EQ(
      Good({"--app-health-probe-interval=1", "--app-health-probe-timeout=1000"}).app_health.timeout,
      seconds(1));
  EXPECT_EQ(Good({"--app-health-threshold", "3000000000"}).app_health.threshold, 3);
  const Options none = Good({"--disable-init-endpoints", " Config ,SUBSCRIBE"});
  EXPECT_FALSE(none.ask_app_config);
  EXPECT_FALSE(none.ask_app_subscribe);
  EXPECT_EQ(Good({"--log-level", "WARN"}).log_level, LogLevel::kWarn);
  EXPECT_EQ(Good({"--app-wake-timeout", "30s"}).app_wake_timeout, seconds(30));
  EXPECT_EQ(Good({}).app_wake, AppWake::kRequest);
  EXPECT_EQ(Good({"--app-wake", "Probe"}).app_wake, AppWake::kProbe);
  EXPECT_EQ(Good({"--app-wake", "never"}).app_wake, AppWake::kNever);
  EXPECT_EQ(Good({"--discovery-cache", "configmap:cart.cache"}).discovery_cache,
            "configmap:cart.cache");
  EXPECT_EQ(Good({"--discovery-cache", "file:/var/lib/dapr"}).discovery_cache,
            "file:/var/lib/dapr");
  EXPECT_EQ(Good({"--threads", "3"}).threads, 3);
  EXPECT_EQ(Good({"--resources-cache", "/var/cache/dapr"}).resources_cache, "/var/cache/dapr");
}

TEST(Options, Environment) {
  const Options o = Good({}, {{"APP_API_TOKEN", "a"},
                              {"DAPR_API_TOKEN", "d"},
                              {"NAMESPACE", "ns"},
                              {"POD_NAME", "pod"},
                              {"DAPR_HTTP_DISABLE_H2C", "Yes"},
                              {"DAPR_CONTROLPLANE_TRUST_DOMAIN", "td"},
                              {"DAPR_CONTROLPLANE_NAMESPACE", "cp"},
                              {"DAPR_SCHEDULER_HOST_ADDRESS_DNS_A", "s1:1, s2:2"},
                              {"DAPR_COMPONENTS_SOCKETS_FOLDER", "/s"}});
  EXPECT_EQ(o.env.app_api_token, "a");
  EXPECT_EQ(o.env.dapr_api_token, "d");
  EXPECT_EQ(o.Namespace(), "ns");
  EXPECT_EQ(o.env.pod_name, "pod");
  EXPECT_TRUE(o.env.disable_h2c);
  EXPECT_EQ(o.trust_domain, "td");
  EXPECT_EQ(o.control_plane_namespace, "cp");
  EXPECT_EQ(o.scheduler_addresses, (V{"s1:1", "s2:2"}));
  EXPECT_EQ(o.env.components_sockets_folder, "/s");
  const Options flags = Good(
      {"--control-plane-trust-domain", "localhost", "--scheduler-host-address", "x:1"},
      {{"DAPR_CONTROLPLANE_TRUST_DOMAIN", "td"}, {"DAPR_SCHEDULER_HOST_ADDRESS_DNS_A", "s1:1"}});
  EXPECT_EQ(flags.trust_domain, "localhost");
  EXPECT_EQ(flags.scheduler_addresses, (V{"x:1"}));
  EXPECT_FALSE(Good({}, {{"NAMESPACE", ""}}).env.namespace_name);
}

TEST(Options, Exit2) {
  const std::pair<V, const char*> cases[] = {
      {{"--nope"}, "unknown flag: --nope"},
      {{"-nope=1"}, "unknown flag: --nope"},
      {{"-x"}, "unknown shorthand flag: 'x' in -x"},
      {{"---x"}, "bad flag syntax: ---x"},
      {{"--=x"}, "bad flag syntax: --=x"},
      {{"--app-port"}, "flag needs an argument: --app-port"},
      {{"--app-max-concurrency", "many"},
       "invalid argument \"many\" for \"--app-max-concurrency\" flag"},
      {{"--scheduler-job-streams=-1"},
       "invalid argument \"-1\" for \"--scheduler-job-streams\" flag"},
      {{"--enable-metrics=maybe"}, "invalid argument \"maybe\" for \"--enable-metrics\" flag"},
      {{"--app-wake-timeout", "5"}, "invalid argument \"5\" for \"--app-wake-timeout\" flag"},
      {{"--app-health-threshold=99999999999999999999"}, "value out of range"},
      {{"--config", "\"a"}, "extraneous or missing"},
  };
  for (const auto& [args, text] : cases) {
    const ParseOutcome outcome = RunApp(args);
    EXPECT_FALSE(outcome.options);
    EXPECT_EQ(outcome.exit_code, 2) << text;
    EXPECT_NE(outcome.text.find(text), std::string::npos) << outcome.text;
    EXPECT_NE(outcome.text.find("Usage:"), std::string::npos);
  }
}

TEST(Options, Exit1) {
  const std::pair<V, const char*> cases[] = {
      {{}, "Fatal error from runtime: parameter app-id cannot be empty"},
      {{"--app-id", "a.b"}, "Fatal error from runtime: parameter app-id cannot contain dots"},
      {{"--app-id", "a", "--mode", "cloud"}, "Fatal error from runtime: invalid mode: cloud"},
      {{"--app-id", "a", "--app-port", "x"},
       "Fatal error from runtime: error parsing app-port: strconv.Atoi: parsing \"x\": invalid "
       "syntax"},
      {{"--app-id", "a", "--app-port", "65536"},
       "Fatal error from runtime: error parsing app-port: 65536"},
      {{"--app-id", "a", "--dapr-http-port", ""},
       "Fatal error from runtime: error parsing dapr-http-port flag: strconv.Atoi: parsing \"\""},
      {{"--app-id", "a", "--app-port", "3500"},
       "Fatal error from runtime: the 'dapr-http-port' argument value 3500 conflicts with "
       "'app-port'"},
      {{"--app-id", "a", "--app-port", "50001"},
       "Fatal error from runtime: the 'dapr-grpc-port' argument value 50001 conflicts with "
       "'app-port'"},
      {{"--app-id", "a", "--dapr-grpc-port", "0"},
       "Fatal error from runtime: the 'dapr-grpc-port' argument value 0 conflicts with 'app-port'"},
      {{"--app-id", "a", "--app-protocol", "ftp"},
       "Fatal error from runtime: invalid value for 'app-protocol': ftp"},
      {{"--app-id", "a", "--disable-init-endpoints", "config,x"},
       "Fatal error from runtime: invalid value for 'disable-init-endpoints': x"},
      {{"--app-id", "a", "--app-health-probe-interval=1", "--app-health-probe-timeout=1001"},
       "Fatal error from runtime: value for 'health-probe-timeout' must be smaller than "
       "'health-probe-interval'"},
      {{"--app-id", "a", "--enable-mtls"}, "Fatal error from runtime: trust anchors are required"},
      {{"--app-id", "a", "--actors-disseminate-timeout", "0"},
       "Fatal error from runtime: invalid value for 'actors-disseminate-timeout'"},
      {{"--app-id", "a", "--log-level", "loud"}, "invalid value for --log-level: loud"},
      {{"--app-id", "a", "--max-body-size", "100m"},
       "Failed to parse flags: invalid value for 'max-body-size' option: "},
      {{"--app-id", "a", "--read-buffer-size", "big"},
       "Failed to parse flags: invalid value for 'read-buffer-size' option: "},
      {{"--app-id", "a", "--threads", "-1"},
       "Fatal error from runtime: invalid value for 'threads': -1"},
      {{"--app-id", "a", "--app-wake", "always"},
       "Fatal error from runtime: invalid value for 'app-wake': always; use request, probe or "
       "never"},
      {{"--app-id", "a", "--discovery-cache", "/tmp"},
       "Fatal error from runtime: invalid value for 'discovery-cache': /tmp; use file:DIR or "
       "configmap:NAME"},
      {{"--app-id", "a", "--discovery-cache", "configmap:../x"},
       "Fatal error from runtime: invalid value for 'discovery-cache': configmap:../x; use"},
      {{"--app-id", "a", "--app-wake-timeout", "-1s"},
       "Fatal error from runtime: invalid value for 'app-wake-timeout'"},
      {{"--app-id", "a", "--apps-path", "/apps"},
       "Fatal error from runtime: --app-id a and --apps-path /apps exclude each other; leave out "
       "--app-id"},
      {{"--mode", "kubernetes", "--app-id", "Big"},
       "Fatal error from runtime: invalid app-id \"Big\""},
  };
  for (const auto& [args, text] : cases) {
    const ParseOutcome outcome = RunFlags(args);
    EXPECT_FALSE(outcome.options) << text;
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_TRUE(outcome.text.starts_with(text)) << outcome.text;
    EXPECT_EQ(outcome.text.find('\n'), std::string::npos) << outcome.text;
  }
}

TEST(Options, TrustAnchorsAndMtls) {
  const std::map<std::string, std::string> pem{{"DAPR_TRUST_ANCHORS", "pem"}};
  EXPECT_FALSE(Good({"--enable-mtls=false"}).enable_mtls);
  EXPECT_TRUE(Good({"--enable-mtls=false"}).enable_mtls_given);
  EXPECT_FALSE(Good({}).enable_mtls_given);
  EXPECT_EQ(Good({"--enable-mtls", "--trust-anchors-file", "/a"}).trust_anchors_file, "/a");
  EXPECT_EQ(Good({"--enable-mtls"}, {{"DAPR_TRUST_ANCHORS_FILE", "/b"}}).trust_anchors_file, "/b");
  EXPECT_EQ(
      Good({"--trust-anchors-file", "/a"}, {{"DAPR_TRUST_ANCHORS_FILE", "/b"}}).trust_anchors_file,
      "/a");
  // Without sentry there is nothing to be found out.
  EXPECT_TRUE(Good({"--mtls-auto"}).mtls_auto);
  EXPECT_NE(RunApp({"--mtls-auto", "--sentry-address=s:1"}).text.find("trust anchors are required"),
            std::string::npos);
  EXPECT_TRUE(Good({"--mtls-auto", "--sentry-address=s:1"}, pem).mtls_auto);
  EXPECT_TRUE(Good({"--mtls-auto", "--sentry-address=s:1", "--enable-mtls=false"}).mtls_auto);
}

TEST(Options, AppsPath) {
  const ParseOutcome outcome = RunFlags({"--apps-path", "/apps", "--dapr-http-port=0"});
  ASSERT_TRUE(outcome.options) << outcome.text;
  EXPECT_EQ(outcome.options->apps_path, "/apps");
}

TEST(Options, Kubernetes) {
  const std::map<std::string, std::string> anchors{{"DAPR_TRUST_ANCHORS", "pem"}};
  EXPECT_EQ(Good({"--mode", "kubernetes"}, anchors).mode, Mode::kKubernetes);
  // The cluster has anchors as well.
  EXPECT_EQ(Good({"--mode", "kubernetes"}).env.trust_anchors, "");
  EXPECT_NE(RunApp({"--mode", "kubernetes", "--config=a,b"}, anchors)
                .text.find("multiple configurations"),
            std::string::npos);
  Options o = Good({"--mode", "kubernetes"}, anchors);
  EXPECT_FALSE(CheckProcessUser(o, 0));
  EXPECT_TRUE(CheckProcessUser(o, 1000));
  o.env.skip_user_check = true;
  EXPECT_TRUE(CheckProcessUser(o, 0));
  EXPECT_TRUE(CheckProcessUser(Good({}), 0));
}

TEST(Options, Warnings) {
  const Options o =
      Good({"--app-ssl", "--disable-builtin-k8s-secret-store", "--reminders-service=x",
            "--disable-builtin-k8s-secret-store=true", "--app-port=1"});
  EXPECT_EQ(
      o.deprecation_warnings,
      (V{"Flag --app-ssl has been deprecated, use --app-protocol https or grpcs",
         "Flag --reminders-service has been deprecated, reminders are kept by the scheduler"}));
  EXPECT_EQ(o.ignored_warnings,
            (V{"flag --disable-builtin-k8s-secret-store is accepted but has no effect yet: "
               "the built-in Kubernetes secret store"}));
}

TEST(Options, ExitsWithText) {
  const BuildInfo build{"1.2.3", "abc", "v1.2.3"};
  const ParseOutcome version = ParseOptions(V{"--version"}, MapEnv(), build);
  EXPECT_EQ(version.text, "1.2.3\n");
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(ParseOptions(V{"-build-info"}, MapEnv(), build).text,
            "Version: 1.2.3\nGit Commit: abc\nGit Version: v1.2.3\n");
  for (const char* arg : {"--help", "-help", "-h"}) {
    const ParseOutcome help = RunFlags({arg});
    EXPECT_FALSE(help.options);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_EQ(help.text, FlagsHelp());
  }
  EXPECT_TRUE(RunFlags({"--list-components"}).options->list_components);
  const ParseOutcome wait =
      RunFlags({"--wait", "--dapr-http-port", "3600", "--dapr-listen-addresses", "10.0.0.1"});
  ASSERT_TRUE(wait.options);
  EXPECT_TRUE(wait.options->wait);
  EXPECT_EQ(wait.options->http_port, 3600);
  EXPECT_EQ(wait.options->listen_addresses, V{"10.0.0.1"});
}

// The names of facts and of ours, so that none is lost or misspelt.
TEST(FlagTable, Complete) {
  const std::set<std::string_view> expected{
      "mode", "app-id", "app-port", "app-protocol", "app-channel-address", "app-max-concurrency",
      "app-ssl", "app-binding-options-timeout", "dapr-http-port", "dapr-grpc-port",
      "dapr-internal-grpc-port", "dapr-internal-grpc-listen-address", "dapr-listen-addresses",
      "dapr-public-port", "dapr-public-listen-address", "unix-domain-socket", "enable-profiling",
      "profile-port", "enable-metrics", "metrics-port", "metrics-listen-address", "log-level",
      "log-file", "log-as-json", "enable-api-logging", "components-path", "resources-path",
      "config", "control-plane-address", "sentry-address", "control-plane-trust-domain",
      "control-plane-namespace", "sentry-request-jwt-audiences", "enable-mtls", "allowed-origins",
      "max-body-size", "dapr-http-max-request-size", "read-buffer-size",
      "dapr-http-read-buffer-size", "dapr-graceful-shutdown-seconds",
      "dapr-block-shutdown-duration", "disable-builtin-k8s-secret-store", "enable-app-health-check",
      "app-health-check-path", "app-health-probe-interval", "app-health-probe-timeout",
      "app-health-threshold", "disable-init-endpoints", "placement-host-address",
      "scheduler-host-address", "scheduler-job-streams", "actors-disseminate-timeout",
      "hot-reload-reconcile-interval", "reminders-service", "actors-service", "version",
      "build-info", "wait",
      // ours
      "threads", "list-components", "app-wake-timeout", "app-wake", "discovery-cache",
      "healthz-requires-app", "apps-path", "scaler-port", "resources-cache", "mtls-auto",
      "trust-anchors-file"};
  std::set<std::string_view> found;
  for (const Flag& flag : FlagTable()) {
    EXPECT_TRUE(found.insert(flag.name).second) << flag.name << " twice";
    EXPECT_FALSE(flag.help.empty());
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(expected.size(), 58u + 11u);
}

TEST(FlagTable, PagesShowEveryFlag) {
  const std::string help = FlagsHelp(), markdown = FlagsMarkdown();
  for (const Flag& flag : FlagTable()) {
    const std::string name = base::StrCat("--", flag.name);
    EXPECT_EQ(help.find("  " + name) != std::string::npos, !flag.hidden) << name;
    EXPECT_EQ(markdown.find("| `" + name) != std::string::npos, !flag.hidden) << name;
    if (!flag.env.empty()) {
      EXPECT_NE(help.find(flag.env), std::string::npos);
    }
  }
  for (const std::string& line : base::Split(help, '\n')) EXPECT_LE(line.size(), 100u) << line;
}

}  // namespace
}  // namespace config
