#include "components/secretstores/local_file/flatten.hpp"

#include <boost/json.hpp>
#include <charconv>

#include "base/strings.hpp"

namespace components::secretstores::local_file {

namespace {

namespace json = boost::json;
using Leaves = std::map<std::string, std::string, std::less<>>;

// A number as Go's %v prints it: the fewest digits, exponents below 1e-4 and from 1e6 on.
std::string NumberText(const json::value& number) {
  const double value = number.to_number<double>();
  char buffer[400];
  char* end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view scientific(buffer, static_cast<std::size_t>(end - buffer));
  const int exponent = base::ParseInt<int>(scientific.substr(scientific.find('e') + 1)).value_or(0);
  if (exponent < -4 || exponent >= 6) return std::string(scientific);
  end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  return std::string(buffer, end);
}

// Users of Dapr see what Go prints for a value that is no string where a string is asked for.
std::string LeafText(const json::value& leaf) {
  if (leaf.is_string()) return std::string(leaf.get_string());
  if (leaf.is_null()) return "%!s(<nil>)";
  if (leaf.is_bool()) return leaf.get_bool() ? "%!s(bool=true)" : "%!s(bool=false)";
  return base::StrCat("%!s(float64=", NumberText(leaf), ")");
}

// The parser bounds the depth of the document, so recursion is safe.
void Flatten(const json::value& value, const std::string& path, std::string_view separator,
             Leaves& out) {
  const auto below = [&](std::string_view name) {
    return path.empty() ? std::string(name) : base::StrCat(path, separator, name);
  };
  if (const json::object* object = value.if_object()) {
    for (const auto& [name, member] : *object) Flatten(member, below(name), separator, out);
  } else if (const json::array* array = value.if_array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      Flatten((*array)[i], below(std::to_string(i)), separator, out);
    }
  } else {
    out[path] = LeafText(value);
  }
}

base::Result<json::object> ParseObject(std::string_view text) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = 64;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error) {
    return base::Fail(base::Kind::kInvalidArgument,
                      base::StrCat("it is no valid JSON (", error.message(), ")"));
  }
  if (!value.is_object()) {
    return base::Fail(base::Kind::kInvalidArgument, "it must hold one JSON object");
  }
  return std::move(value.get_object());
}

}  // namespace

base::Result<std::map<std::string, contracts::Secret>> FlattenSingle(std::string_view text,
                                                                     std::string_view separator) {
  ASSIGN_OR_RETURN(const json::object document, ParseObject(text));
  std::map<std::string, contracts::Secret> secrets;
  for (const auto& [name, member] : document) {
    Leaves leaves;
    Flatten(member, std::string(name), separator, leaves);
    for (auto& [path, leaf] : leaves) secrets[path] = {{path, std::move(leaf)}};
  }
  return secrets;
}

base::Result<std::map<std::string, contracts::Secret>> FlattenMulti(std::string_view text,
                                                                    std::string_view separator) {
  ASSIGN_OR_RETURN(const json::object document, ParseObject(text));
  std::map<std::string, contracts::Secret> secrets;
  for (const auto& [key, member] : document) {
    const std::string name(key);
    if (member.is_object()) {
      Leaves leaves;
      Flatten(member, "", separator, leaves);
      secrets[name] = contracts::Secret(std::make_move_iterator(leaves.begin()),
                                        std::make_move_iterator(leaves.end()));
    } else if (member.is_string()) {
      secrets[name] = {{name, std::string(member.get_string())}};
    }
  }
  return secrets;
}

}  // namespace components::secretstores::local_file
