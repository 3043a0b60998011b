#include "components/state/postgresql/table_name.hpp"

#include <vector>

#include "base/strings.hpp"

namespace components::state::postgresql {

using base::StrCat;

namespace {

bool IsWordStart(char c) {
  const char lower = base::LowerChar(c);
  return (lower >= 'a' && lower <= 'z') || c == '_';
}

std::string QuoteWith(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out += quote;
}

std::unexpected<base::Error> Wrong(std::string_view field, std::string_view text) {
  return base::Fail(
      base::Kind::kInvalidArgument,
      StrCat("invalid table name ", base::Quote(text), " in the metadata field ", field,
             ": use letters, digits and underscores, not starting with a digit, with a schema and "
             "a dot in front if need be"));
}

}  // namespace

std::string TableName::Quoted(std::string_view suffix) const {
  return QuoteWith(StrCat(table, suffix), '"');
}

std::string TableName::Literal() const {
  return QuoteWith(quoted, '\'');
}

base::Result<TableName> ParseTableName(std::string_view field, std::string_view text) {
  std::vector<std::string> parts;
  const std::string_view all = text;
  while (true) {
    std::string part;
    if (text.starts_with('"')) {
      std::size_t i = 1;
      for (;; ++i) {
        if (i >= text.size()) return Wrong(field, all);
        if (text[i] == '"') {
          if (i + 1 >= text.size() || text[i + 1] != '"') break;
          ++i;
        }
        part += text[i];
      }
      text.remove_prefix(i + 1);
    } else {
      std::size_t i = 0;
      while (i < text.size() &&
             (IsWordStart(text[i]) || (i > 0 && (base::IsDigit(text[i]) || text[i] == '$')))) {
        part += base::LowerChar(text[i++]);
      }
      text.remove_prefix(i);
    }
    if (part.empty() || part.find('\0') != std::string::npos) return Wrong(field, all);
    parts.push_back(std::move(part));
    if (text.empty()) break;
    if (text.front() != '.' || parts.size() == 2) return Wrong(field, all);
    text.remove_prefix(1);
  }
  TableName name;
  for (const std::string& part : parts) {
    base::StrAppend(name.quoted, name.quoted.empty() ? "" : ".", QuoteWith(part, '"'));
  }
  name.table = parts.back();
  return name;
}

}  // namespace components::state::postgresql
