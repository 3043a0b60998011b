#include "components/state/postgresql/query_sql.hpp"

#include "base/go_json.hpp"
#include "base/strings.hpp"

namespace components::state::postgresql {

using base::StrCat;
using contracts::StateFilter;
using contracts::StateQueryValue;
using Op = StateFilter::Op;
using Type = StateQueryValue::Type;

namespace {

class Builder {
 public:
  QuerySql out;

  std::string Filter(const StateFilter& filter) {
    if (filter.is_group()) {
      std::string text = "(";
      for (const StateFilter& inner : filter.filters) {
        if (text.size() > 1) text += filter.op == Op::kAnd ? " AND " : " OR ";
        text += Filter(inner);
      }
      return text += ")";
    }
    const std::string path = Path(filter.key);
    if (filter.op != Op::kIn) return Compare(path, filter.op, filter.values.front());
    if (filter.values.empty()) return "false";
    std::string text = "(";
    for (const StateQueryValue& value : filter.values) {
      if (text.size() > 1) text += " OR ";
      text += Compare(path, Op::kEq, value);
    }
    return text += ")";
  }

  // The path's elements as a slice of $1.
  std::string Path(std::string_view key) {
    const std::size_t first = out.texts.size() + 1;
    for (std::string_view part : base::SplitView(key, '.')) out.texts.emplace_back(part);
    return StrCat("$1[", first, ":", out.texts.size(), "]");
  }

  std::string Text(std::string text) {
    out.texts.push_back(std::move(text));
    return StrCat("$1[", out.texts.size(), "]");
  }

 private:
  std::string Compare(const std::string& path, Op op, const StateQueryValue& value) {
    const std::string json = StrCat("(value #> ", path, ")");
    const std::string text = StrCat("(value #>> ", path, ")");
    const bool equality = op == Op::kEq || op == Op::kNeq;
    if (equality) {
      const bool is_string = value.type == Type::kString;
      std::string as_json = value.text;
      if (is_string) {
        as_json.clear();
        base::AppendJsonString(as_json, value.text, false);
      }
      const std::string wanted_json = Text(std::move(as_json));
      // A number also equals the string of its digits, and the other way round.
      const std::string wanted_text = is_string ? Text(value.text) : wanted_json;
      const std::string_view sign = op == Op::kEq ? " = " : " <> ";
      return StrCat("(", json, sign, wanted_json, "::jsonb", op == Op::kEq ? " OR " : " AND ",
                    "COALESCE(", text, sign, wanted_text, op == Op::kEq ? ", false))" : ", true))");
    }
    const std::string_view sign = op == Op::kGt    ? " > "
                                  : op == Op::kGte ? " >= "
                                  : op == Op::kLt  ? " < "
                                                   : " <= ";
    if (value.type == Type::kNumber) {
      return StrCat("(CASE WHEN jsonb_typeof", json, " = 'number' THEN ", text, "::numeric", sign,
                    Text(value.text), "::numeric ELSE false END)");
    }
    return StrCat("(jsonb_typeof", json, " = 'string' AND ", text, sign, Text(value.text), ")");
  }
};

}  // namespace

base::Result<QuerySql> MakeQuerySql(const contracts::StateQuery& query, std::string_view table,
                                    std::string_view live, std::string_view key_prefix) {
  Builder builder;
  std::string sql = StrCat("SELECT key, value, xmin FROM ", table, " WHERE ", live);
  // Here and not later: a page is cut out of the app's own values.
  if (!key_prefix.empty()) {
    base::StrAppend(sql, " AND starts_with(key, ", builder.Text(std::string(key_prefix)), ")");
  }
  if (query.filter) base::StrAppend(sql, " AND ", builder.Filter(*query.filter));
  sql += " ORDER BY ";
  for (const contracts::StateSort& sort : query.sort) {
    base::StrAppend(sql, "value #> ", builder.Path(sort.key), sort.descending ? " DESC" : " ASC",
                    " NULLS LAST, ");
  }
  sql += "key";  // pages need one order
  if (query.limit > 0) base::StrAppend(sql, " LIMIT ", query.limit);
  if (!query.token.empty()) {
    const auto offset = base::ParseInt<int64_t>(query.token);
    if (!offset || *offset < 0) {
      return base::Fail(base::Kind::kInvalidArgument,
                        "page.token is not one that this store has given");
    }
    builder.out.offset = *offset;
    base::StrAppend(sql, " OFFSET ", *offset);
  }
  // The server must learn the parameter's type even if nothing uses it.
  builder.out.sql = StrCat("WITH given AS (SELECT $1::text[]) ", sql);
  return std::move(builder.out);
}

}  // namespace components::state::postgresql
