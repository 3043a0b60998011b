#include "blocks/pubsub/router.hpp"

#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/hex.hpp"
#include "base/strings.hpp"
#include "cel/program.hpp"

namespace blocks::pubsub {
namespace {

constexpr std::size_t kDeepestEvent = 256;

Router::Route RouteOf(const std::string& path) {
  return {path, TargetOf(path)};
}

// What may stand in a target as it is; '%' is taken for an escape that was meant.
bool MayStand(char c) {
  const char lower = base::LowerChar(c);
  return (lower >= 'a' && lower <= 'z') || base::IsDigit(c) ||
         std::string_view("-._~!$&'()*+,;=:@/?%[]").find(c) != std::string_view::npos;
}

}  // namespace

std::string TargetOf(std::string_view path) {
  std::string out;
  if (!path.starts_with('/')) out += '/';
  for (const char c : path) {
    if (MayStand(c)) {
      out += c;
    } else {
      base::AppendPercentEncoded(out, c);
    }
  }
  return out;
}

struct Router::Rule {
  std::optional<cel::Program> program;  // none: matches always
  Route route;
};

Router::Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

base::Result<Router> Router::Compile(const SubscriptionSpec& spec) {
  Router out;
  std::size_t number = 0;
  for (const config::RouteRule& rule : spec.rules) {
    ++number;
    Rule compiled{std::nullopt, RouteOf(rule.path)};
    if (!base::Trim(rule.match).empty()) {
      auto program = cel::Program::Compile(rule.match, {.variables = {"event"}});
      if (!program) {
        return base::Fail(base::Kind::kInvalidArgument,
                          base::StrCat("rule ", number, " (", base::Quote(rule.match),
                                       ") of topic ", spec.topic, ": ", program.error().message));
      }
      compiled.program = std::move(*program);
    }
    out.rules_.push_back(std::move(compiled));
  }
  // A gRPC app needs no route; it is told none.
  if (!spec.default_route.empty() || spec.rules.empty()) {
    out.default_ = RouteOf(spec.default_route);
  }
  return out;
}

base::Result<const Router::Route*> Router::Find(const CloudEvent& event) const {
  const Route* otherwise = default_ ? &*default_ : nullptr;
  if (rules_.empty()) return otherwise;
  std::array<unsigned char, 4096> buffer;
  boost::json::monotonic_resource memory(buffer.data(), buffer.size());
  boost::json::value value(&memory);
  bool parsed = false;
  for (const Rule& rule : rules_) {
    if (!rule.program) return &rule.route;
    if (!parsed) {
      boost::json::error_code error;
      boost::json::parse_options options;
      options.max_depth = kDeepestEvent;
      options.allow_invalid_utf8 = true;
      const std::string_view text = event.text();
      value = boost::json::parse({text.data(), text.size()}, error, &memory, options);
      if (error) {
        return base::Fail(base::Kind::kInvalidArgument,
                          base::StrCat("rules cannot look at it: ", error.message()));
      }
      parsed = true;
    }
    const auto matches = rule.program->EvaluateBool(std::array{cel::Value::FromJson(value)});
    if (!matches) {
      return base::Fail(matches.error().kind,
                        base::StrCat("rule ", base::Quote(rule.program->source()),
                                     " failed: ", matches.error().message));
    }
    if (*matches) return &rule.route;
  }
  return otherwise;
}

}  // namespace blocks::pubsub
