#include "components/state/redis/query.hpp"

#include <boost/json.hpp>

#include "base/strings.hpp"

namespace components::state::redis {

namespace json = boost::json;

using base::Kind;
using base::StrCat;

namespace {

std::unexpected<base::Error> Bad(std::string text) {
  return base::Fail(Kind::kInvalidArgument, std::move(text));
}

base::Result<json::value> Parse(std::string_view text, std::string_view what) {
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error) return Bad(StrCat(what, " is no JSON: ", error.message()));
  return value;
}

const json::value* Member(const json::object& object, std::string_view name) {
  return object.if_contains(json::string_view(name.data(), name.size()));
}

std::string StringOf(const json::value* value) {
  return value && value->is_string() ? std::string(value->get_string().c_str()) : std::string();
}

std::string Alias(std::size_t number) {
  return StrCat("var", number);
}

// `text` so that RediSearch takes every character of it for a character.
std::string Escaped(std::string_view text, bool keep_spaces) {
  std::string out;
  for (const char c : text) {
    const bool word = base::IsDigit(c) ||
                      (base::LowerChar(c) >= 'a' && base::LowerChar(c) <= 'z') || c == '_' ||
                      static_cast<unsigned char>(c) >= 0x80;
    if (!word && !(keep_spaces && base::IsSpace(c))) out += '\\';
    out += c;
  }
  return out;
}

// What follows the text `name` in a list of names and values; flags without a value stand at its
// end.
template <class List>
components::redis::Reply::Value Named(const List& list, std::string_view name) {
  for (std::size_t i = 0; i + 1 < list.size(); i += 2) {
    if (list[i].text() == name) return list[i + 1];
  }
  return list[list.size()];
}

using contracts::StateFilter;
using contracts::StateQueryValue;

class Builder {
 public:
  explicit Builder(const QueryIndex& index) : index_(index) {}

  base::Result<std::string> Filter(const StateFilter& filter) const {
    using Op = StateFilter::Op;
    if (filter.is_group()) {
      std::vector<std::string> parts;
      for (const StateFilter& one : filter.filters) {
        ASSIGN_OR_RETURN(const std::string part, Filter(one));
        parts.push_back(StrCat("(", part, ")"));
      }
      return StrCat("(", base::Join(parts, filter.op == Op::kAnd ? " " : "|"), ")");
    }
    ASSIGN_OR_RETURN(const std::size_t field, FieldOf(filter.key));
    if (filter.op == Op::kIn) return In(field, filter.values);
    const StateQueryValue none;
    const StateQueryValue& value = filter.values.empty() ? none : filter.values.front();
    if (filter.op == Op::kEq) return Equal(field, value);
    if (filter.op == Op::kNeq) {
      ASSIGN_OR_RETURN(const std::string equal, Equal(field, value));
      return StrCat("-", equal);
    }
    if (value.type != StateQueryValue::Type::kNumber) {
      return Bad(StrCat(contracts::StateFilterOpName(filter.op), " of ", filter.key,
                        " needs a number in redis"));
    }
    const std::string& number = value.text;
    if (filter.op == Op::kGt) return Range(field, "(", number, "", "+inf");
    if (filter.op == Op::kGte) return Range(field, "", number, "", "+inf");
    if (filter.op == Op::kLt) return Range(field, "", "-inf", "(", number);
    return Range(field, "", "-inf", "", number);
  }

  base::Result<std::size_t> FieldOf(std::string_view key) const {
    for (std::size_t i = 0; i < index_.fields.size(); ++i) {
      if (index_.fields[i].key == key) return i;
    }
    return Bad(StrCat("the index ", index_.name, " has no key ", base::Quote(key),
                      ": add it to queryIndexes"));
  }

 private:
  base::Result<std::string> Equal(std::size_t field, const StateQueryValue& wanted) const {
    using Type = StateQueryValue::Type;
    if (wanted.type == Type::kNumber) return Range(field, "", wanted.text, "", wanted.text);
    if (wanted.type != Type::kString && wanted.type != Type::kBool) {
      return Bad(StrCat("redis compares ", index_.fields[field].key,
                        " with a string, a number or a boolean only"));
    }
    if (base::EqualsIgnoreCase(index_.fields[field].type, "TAG")) {
      return StrCat("@", Alias(field), ":{", Escaped(wanted.text, false), "}");
    }
    return StrCat("@", Alias(field), ":(", Escaped(wanted.text, true), ")");
  }
  base::Result<std::string> In(std::size_t field,
                               const std::vector<StateQueryValue>& wanted) const {
    if (wanted.empty()) return Bad(StrCat("IN of ", index_.fields[field].key, " has no values"));
    std::vector<std::string> parts;
    for (const StateQueryValue& one : wanted) {
      ASSIGN_OR_RETURN(std::string part, Equal(field, one));
      parts.push_back(std::move(part));
    }
    return StrCat("(", base::Join(parts, "|"), ")");
  }
  static std::string Range(std::size_t field, std::string_view open_from, std::string_view from,
                           std::string_view open_to, std::string_view to) {
    return StrCat("@", Alias(field), ":[", open_from, from, " ", open_to, to, "]");
  }

  const QueryIndex& index_;
};

}  // namespace

std::vector<std::string> QueryIndex::CreateCommand() const {
  std::vector<std::string> command{"FT.CREATE", name, "ON", "JSON", "SCHEMA"};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    command.insert(command.end(),
                   {StrCat("$.data.", fields[i].key), "AS", Alias(i), fields[i].type, "SORTABLE"});
  }
  return command;
}

bool QueryIndex::IsMadeOf(const components::redis::Reply& info) const {
  const components::redis::Reply::Value attributes = Named(info, "attributes");
  if (attributes.size() != fields.size()) return false;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (Named(attributes[i], "identifier").text() != StrCat("$.data.", fields[i].key) ||
        Named(attributes[i], "attribute").text() != Alias(i) ||
        !base::EqualsIgnoreCase(Named(attributes[i], "type").text(), fields[i].type)) {
      return false;
    }
  }
  return true;
}

base::Result<std::vector<QueryIndex>> ParseQueryIndexes(std::string_view text) {
  ASSIGN_OR_RETURN(const json::value value, Parse(text, "queryIndexes"));
  if (!value.is_array()) return Bad("queryIndexes must be a list of {name, indexes}");
  std::vector<QueryIndex> indexes;
  for (const json::value& one : value.get_array()) {
    if (!one.is_object()) return Bad("queryIndexes must be a list of {name, indexes}");
    QueryIndex index{.name = StringOf(Member(one.get_object(), "name")), .fields = {}};
    if (index.name.empty()) return Bad("an entry of queryIndexes has no name");
    const json::value* fields = Member(one.get_object(), "indexes");
    if (!fields || !fields->is_array() || fields->get_array().empty()) {
      return Bad(StrCat("the query index ", index.name, " has no indexes"));
    }
    for (const json::value& field : fields->get_array()) {
      const json::object empty;
      const json::object& object = field.is_object() ? field.get_object() : empty;
      QueryIndex::Field made{StringOf(Member(object, "key")), StringOf(Member(object, "type"))};
      if (made.key.empty() || made.type.empty()) {
        return Bad(StrCat("each of the indexes of ", index.name, " must have a key and a type"));
      }
      index.fields.push_back(std::move(made));
    }
    indexes.push_back(std::move(index));
  }
  return indexes;
}

base::Result<Search> BuildSearch(const QueryIndex& index, const contracts::StateQuery& query) {
  const Builder builder(index);
  std::string filter = "*";
  if (query.filter) {
    ASSIGN_OR_RETURN(filter, builder.Filter(*query.filter));
  }
  Search search{.command = {"FT.SEARCH", index.name, std::move(filter)}, .limit = query.limit};
  if (query.sort.size() > 1) return Bad("redis can sort by one key only");
  if (!query.sort.empty()) {
    ASSIGN_OR_RETURN(const std::size_t field, builder.FieldOf(query.sort.front().key));
    search.command.insert(search.command.end(),
                          {"SORTBY", Alias(field), query.sort.front().descending ? "DESC" : "ASC"});
  }
  if (query.limit > 0) {
    if (!query.token.empty()) {
      const auto offset = base::ParseInt<int64_t>(query.token);
      if (!offset || *offset < 0) return Bad("the page's token is not one this store gave");
      search.offset = *offset;
    }
    search.command.insert(search.command.end(),
                          {"LIMIT", std::to_string(search.offset), std::to_string(search.limit)});
  }
  search.command.insert(search.command.end(), {"RETURN", "2", "$.data", "$.version"});
  return search;
}

base::Result<contracts::QueryResponse> ReadSearch(const Search& search,
                                                  const components::redis::Reply& reply) {
  if (!reply.is_array() || reply.size() % 2 != 1) {
    return base::Fail(Kind::kProtocol, "the answer to FT.SEARCH cannot be understood");
  }
  contracts::QueryResponse response;
  for (std::size_t i = 1; i + 1 < reply.size(); i += 2) {
    contracts::QueryItem item{
        .key = std::string(reply[i].text()), .data = {}, .etag = {}, .error = {}};
    const auto fields = reply[i + 1];
    for (std::size_t f = 0; f + 1 < fields.size(); f += 2) {
      if (fields[f].text() == "$.data") item.data = fields[f + 1].text();
      if (fields[f].text() == "$.version") item.etag = std::string(fields[f + 1].text());
    }
    response.items.push_back(std::move(item));
  }
  if (search.limit > 0) {
    response.token = std::to_string(search.offset + static_cast<int64_t>(response.items.size()));
  }
  return response;
}

}  // namespace components::state::redis
