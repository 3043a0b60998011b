#include "components/sqlite/connection_string.hpp"

#include "base/strings.hpp"

namespace components::sqlite {

namespace {

base::Status CheckPragma(std::string_view pragma) {
  for (char c : pragma) {
    // A pragma is one name with one plain value: nothing that could end the statement.
    const bool plain = base::IsDigit(c) ||
                       (base::LowerChar(c) >= 'a' && base::LowerChar(c) <= 'z') ||
                       std::string_view("_-+.()='\"").find(c) != std::string_view::npos;
    if (!plain) {
      return base::Fail(base::Kind::kInvalidArgument,
                        base::StrCat("connectionString has a bad option _pragma=",
                                     base::Quote(pragma), ": write it as _pragma=name(value)"));
    }
  }
  if (base::StartsWithIgnoreCase(pragma, "busy_timeout")) {
    return base::Fail(base::Kind::kInvalidArgument,
                      "connectionString must not have the option _pragma=busy_timeout: use the "
                      "metadata field busyTimeout");
  }
  if (base::StartsWithIgnoreCase(pragma, "journal_mode")) {
    return base::Fail(base::Kind::kInvalidArgument,
                      "connectionString must not have the option _pragma=journal_mode: use the "
                      "metadata field disableWAL");
  }
  return {};
}

// A plain path as the path of a URI: what would be read as syntax is escaped.
std::string EscapePath(std::string_view path) {
  std::string out;
  for (char c : path) {
    switch (c) {
      case '%':
        out += "%25";
        break;
      case '#':
        out += "%23";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

base::Result<Target> ParseConnectionString(std::string_view text) {
  text = base::Trim(text);
  if (text.empty()) {
    return base::Fail(
        base::Kind::kInvalidArgument,
        "missing connection string: set the metadata field connectionString to a path "
        "such as data.db, a file: URI or :memory:");
  }
  Target target;
  const std::size_t question = text.find('?');
  std::string_view path = text.substr(0, question);
  std::string_view query = question == std::string_view::npos ? "" : text.substr(question + 1);
  if (const std::size_t fragment = query.find('#'); fragment != std::string_view::npos) {
    query = query.substr(0, fragment);
  }
  std::string uri_path;
  if (base::StartsWithIgnoreCase(path, "file:")) {
    path.remove_prefix(5);
    uri_path = path;
  } else {
    uri_path = EscapePath(path);
  }
  if (uri_path == ":memory:") target.memory = true;
  target.name = path;

  std::string kept;
  for (std::string_view option : base::SplitView(query, '&')) {
    if (option.empty()) continue;
    const std::size_t equals = option.find('=');
    const std::string_view raw_name = option.substr(0, equals);
    const std::string_view raw_value =
        equals == std::string_view::npos ? "" : option.substr(equals + 1);
    ASSIGN_OR_RETURN(const std::string name, base::PercentDecodeQuery(raw_name));
    ASSIGN_OR_RETURN(const std::string value, base::PercentDecodeQuery(raw_value));
    if (name == "_pragma") {
      RETURN_IF_ERROR(CheckPragma(value));
      target.pragmas.push_back(value);
      continue;
    }
    if (name.starts_with('_')) continue;  // settings of the Go driver that mean nothing here
    if (name == "mode" && value == "memory") target.memory = true;
    if (name == "mode" && value == "ro") target.read_only = true;
    if (name == "immutable" && base::ParseBoolTruthy(value)) target.read_only = true;
    base::StrAppend(kept, kept.empty() ? "?" : "&", option);
  }
  if (target.memory && target.name.empty()) target.name = ":memory:";
  if (!target.memory && uri_path.empty()) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("connectionString ", base::Quote(text), " names no file"));
  }
  target.uri = base::StrCat("file:", uri_path, kept);
  return target;
}

}  // namespace components::sqlite
