#include "components/nameresolution/sqlite/settings.hpp"

#include <algorithm>

#include "base/duration.hpp"
#include "base/strings.hpp"

namespace components::nameresolution::sqlite {

using base::Kind;
using base::StrCat;

namespace {

constexpr std::chrono::seconds kDefaultTimeout(1);
constexpr std::chrono::milliseconds kDefaultBusyTimeout(800);
constexpr std::chrono::seconds kDefaultUpdateInterval(5);
constexpr std::chrono::hours kDefaultCleanupInterval(1);
constexpr std::chrono::hours kLongest(24);

bool IsLetter(char c) {
  const char lower = base::LowerChar(c);
  return lower >= 'a' && lower <= 'z';
}

// A table's name becomes part of statements.
base::Status CheckTableName(std::string_view field, std::string_view name) {
  const bool plain =
      !name.empty() && !base::IsDigit(name.front()) &&
      std::ranges::all_of(name, [](char c) { return IsLetter(c) || base::IsDigit(c) || c == '_'; });
  if (plain) return {};
  return base::Fail(Kind::kInvalidArgument,
                    StrCat("invalid table name ", base::Quote(name), " in the field ", field,
                           ": use letters, digits and underscores, not starting with a digit"));
}

base::Status CheckPragma(std::string_view pragma) {
  // One name with one plain value: nothing that could end the statement.
  const bool plain = std::ranges::all_of(pragma, [](char c) {
    return IsLetter(c) || base::IsDigit(c) ||
           std::string_view("_-+.()='\"").find(c) != std::string::npos;
  });
  if (!plain) {
    return base::Fail(Kind::kInvalidArgument,
                      StrCat("connectionString has a bad option _pragma=", base::Quote(pragma),
                             ": write it as _pragma=name(value)"));
  }
  for (const auto& [name, field] :
       {std::pair("busy_timeout", "busyTimeout"), std::pair("journal_mode", "disableWAL")}) {
    if (base::StartsWithIgnoreCase(pragma, name)) {
      return base::Fail(Kind::kInvalidArgument,
                        StrCat("connectionString must not have the option _pragma=", name,
                               ": use the field ", field));
    }
  }
  return {};
}

// A duration ("5s") or a number of seconds.
base::Result<std::chrono::nanoseconds> ReadDuration(const config::Properties& properties,
                                                    std::string_view name,
                                                    std::chrono::nanoseconds fallback) {
  const std::string text = properties.Get(name);
  if (text.empty()) return fallback;
  if (auto parsed = base::ParseDuration(base::Trim(text))) return *parsed;
  return properties.Duration(name, fallback, config::BareNumber::kSeconds);
}

std::string GetOr(const config::Properties& properties, std::string_view name,
                  std::string_view fallback) {
  std::string value = properties.Get(name);
  return value.empty() ? std::string(fallback) : value;
}

}  // namespace

base::Result<Target> ParseTarget(std::string_view text) {
  text = base::Trim(text);
  if (text.empty()) {
    return base::Fail(
        Kind::kInvalidArgument,
        "missing connection string: set the field connectionString to the path of a file "
        "that all runtimes of this machine share");
  }
  const std::size_t question = text.find('?');
  std::string_view path = text.substr(0, question);
  std::string_view query = question == std::string_view::npos ? "" : text.substr(question + 1);
  query = query.substr(0, query.find('#'));
  Target target;
  std::string uri_path;
  if (base::StartsWithIgnoreCase(path, "file:")) {
    path.remove_prefix(5);
    uri_path = path;
  } else {
    for (char c : path) uri_path += c == '%' ? "%25" : c == '#' ? "%23" : std::string(1, c);
  }
  target.memory = uri_path == ":memory:";
  target.name = path;
  std::string kept;
  for (std::string_view option : base::SplitView(query, '&')) {
    if (option.empty()) continue;
    const std::size_t equals = std::min(option.find('='), option.size());
    ASSIGN_OR_RETURN(const std::string name, base::PercentDecodeQuery(option.substr(0, equals)));
    ASSIGN_OR_RETURN(const std::string value,
                     base::PercentDecodeQuery(option.substr(std::min(equals + 1, option.size()))));
    if (name == "_pragma") {
      RETURN_IF_ERROR(CheckPragma(value));
      target.pragmas.push_back(value);
      continue;
    }
    if (name.starts_with('_')) continue;
    if ((name == "mode" && value == "ro") ||
        (name == "immutable" && base::ParseBoolTruthy(value))) {
      return base::Fail(Kind::kInvalidArgument,
                        StrCat("connectionString must not have the option ", name, "=", value,
                               ": name resolution has to write to the file"));
    }
    if (name == "mode" && value == "memory") target.memory = true;
    base::StrAppend(kept, kept.empty() ? "?" : "&", option);
  }
  if (target.memory && target.name.empty()) target.name = ":memory:";
  if (!target.memory && uri_path.empty()) {
    return base::Fail(Kind::kInvalidArgument,
                      StrCat("connectionString ", base::Quote(text), " names no file"));
  }
  target.uri = StrCat("file:", uri_path, kept);
  return target;
}

base::Result<Settings> ReadSettings(const config::Properties& properties) {
  Settings settings;
  ASSIGN_OR_RETURN(settings.target,
                   ParseTarget(properties.Find({"connectionString", "url"}).value_or("")));
  ASSIGN_OR_RETURN(
      settings.timeout,
      ReadDuration(properties, properties.Has("timeout") ? "timeout" : "timeoutInSeconds",
                   kDefaultTimeout));
  if (settings.timeout < std::chrono::milliseconds(1) || settings.timeout > kLongest) {
    return base::Fail(properties.Invalid("timeout", "more than 0s and at most 24h"));
  }
  ASSIGN_OR_RETURN(const std::chrono::nanoseconds busy,
                   ReadDuration(properties, "busyTimeout", kDefaultBusyTimeout));
  if (busy.count() < 0) return base::Fail(properties.Invalid("busyTimeout", "0s or more"));
  settings.busy_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::min<std::chrono::nanoseconds>(busy, kLongest));
  ASSIGN_OR_RETURN(const std::chrono::nanoseconds update,
                   ReadDuration(properties, "updateInterval", kDefaultUpdateInterval));
  // The table counts in whole seconds.
  if (update % std::chrono::seconds(1) != std::chrono::nanoseconds(0) || update > kLongest) {
    return base::Fail(properties.Invalid("updateInterval", "whole seconds, at most 24h"));
  }
  if (update - settings.timeout < std::chrono::seconds(1)) {
    return base::Fail(
        properties.Invalid("updateInterval", "at least one second more than the field timeout"));
  }
  settings.update_interval = std::chrono::duration_cast<std::chrono::seconds>(update);
  ASSIGN_OR_RETURN(settings.cleanup_interval,
                   ReadDuration(properties,
                                properties.Has("cleanupInterval") ? "cleanupInterval"
                                                                  : "cleanupIntervalInSeconds",
                                kDefaultCleanupInterval));
  settings.wal = !properties.Bool("disableWAL", false) && !settings.target.memory;
  settings.table = GetOr(properties, "tableName", "hosts");
  settings.metadata_table = GetOr(properties, "metadataTableName", "metadata");
  RETURN_IF_ERROR(CheckTableName("tableName", settings.table));
  RETURN_IF_ERROR(CheckTableName("metadataTableName", settings.metadata_table));
  if (base::EqualsIgnoreCase(settings.table, settings.metadata_table)) {
    return base::Fail(properties.Invalid("metadataTableName", "another table than tableName"));
  }
  return settings;
}

}  // namespace components::nameresolution::sqlite
