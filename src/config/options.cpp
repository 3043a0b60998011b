#include "config/options.hpp"

#include "base/strings.hpp"
#include "config/flag_table.hpp"
#include "config/options_build.hpp"

namespace config {

std::optional<AppWake> ParseAppWake(std::string_view text) {
  if (base::EqualsIgnoreCase(text, "request")) return AppWake::kRequest;
  if (base::EqualsIgnoreCase(text, "probe")) return AppWake::kProbe;
  if (base::EqualsIgnoreCase(text, "never")) return AppWake::kNever;
  return std::nullopt;
}

std::optional<AppProtocol> ParseAppProtocol(std::string_view text) {
  if (text.empty()) return AppProtocol::kHttp;
  for (AppProtocol p : {AppProtocol::kHttp, AppProtocol::kHttps, AppProtocol::kH2c,
                        AppProtocol::kGrpc, AppProtocol::kGrpcs}) {
    if (base::EqualsIgnoreCase(text, AppProtocolName(p))) return p;
  }
  return std::nullopt;
}

std::string_view AppProtocolName(AppProtocol protocol) {
  switch (protocol) {
    case AppProtocol::kHttp:
      return "http";
    case AppProtocol::kHttps:
      return "https";
    case AppProtocol::kH2c:
      return "h2c";
    case AppProtocol::kGrpc:
      return "grpc";
    case AppProtocol::kGrpcs:
      return "grpcs";
  }
  return "http";
}

std::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kFatal:
      return "fatal";
  }
  return "info";
}

ParseOutcome ParseOptions(std::span<const std::string> args, const Env& env,
                          const BuildInfo& build) {
  const ParsedFlags flags = ParseFlags(args);
  if (!flags.error.empty()) {
    return {std::nullopt, 2,
            base::StrCat(flags.error,
                         "\nUsage: daprd --app-id ID [flags], or daprd --apps-path DIR [flags]; "
                         "daprd --help lists the flags\n")};
  }
  if (flags.help) return {std::nullopt, 0, FlagsHelp()};
  if (flags.values.version) return {std::nullopt, 0, base::StrCat(build.version, "\n")};
  if (flags.values.build_info) {
    return {std::nullopt, 0,
            base::StrCat("Version: ", build.version, "\nGit Commit: ", build.git_commit,
                         "\nGit Version: ", build.git_version, "\n")};
  }
  auto options = BuildOptions(flags, env);
  if (!options) return {std::nullopt, 1, std::move(options).error().message};
  return {*std::move(options), 0, ""};
}

ParseOutcome ParseOptions(int argc, const char* const* argv, const Env& env,
                          const BuildInfo& build) {
  std::vector<std::string> args;
  for (int i = 1; i < argc; ++i) args.emplace_back(argv[i]);
  return ParseOptions(args, env, build);
}

base::Status CheckProcessUser(const Options& options, unsigned uid) {
  if (options.mode != Mode::kKubernetes || uid != 0 || options.env.skip_user_check) return {};
  return base::Fail(base::Kind::kInvalidArgument,
                    "Fatal error from runtime: daprd may not run as root in Kubernetes mode; run "
                    "it as another user, or set "
                    "DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK=true");
}

}  // namespace config
