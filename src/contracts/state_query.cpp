#include "contracts/state_query.hpp"

#include <array>
#include <utility>

#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "contracts/json_cursor.hpp"

namespace contracts {

using base::StrCat;

namespace {

using Op = StateFilter::Op;
using Type = StateQueryValue::Type;

struct OpName {
  Op op;
  std::string_view name;
};
constexpr auto kOps = std::to_array<OpName>({{Op::kEq, "EQ"},
                                             {Op::kNeq, "NEQ"},
                                             {Op::kGt, "GT"},
                                             {Op::kGte, "GTE"},
                                             {Op::kLt, "LT"},
                                             {Op::kLte, "LTE"},
                                             {Op::kIn, "IN"},
                                             {Op::kAnd, "AND"},
                                             {Op::kOr, "OR"}});

std::unexpected<base::Error> Bad(std::string text) {
  return base::Fail(base::Kind::kInvalidArgument, std::move(text));
}
std::unexpected<base::Error> WrongType(std::string_view field, std::string_view wanted,
                                       char first) {
  return Bad(StrCat(field, " must be ", wanted, ", not ", JsonKindName(first)));
}

class Parser {
 public:
  base::Result<StateQuery> Document(std::string_view text) {
    RETURN_IF_ERROR(base::CheckJson(text));
    JsonCursor cursor(text);
    StateQuery query;
    if (cursor.Peek() == 'n') return query;
    if (cursor.Peek() != '{') return WrongType("the query", "an object", cursor.Peek());
    cursor.Enter();
    while (cursor.More()) {
      const std::string name = cursor.Key();
      if (cursor.Peek() == 'n') {
        cursor.Skip();
      } else if (base::EqualsIgnoreCase(name, "filter")) {
        // Written anew first: keys are then unique, values in the form they are compared in.
        ASSIGN_OR_RETURN(const std::string filter, base::ReencodeLikeGo(cursor.Skip(), kRaw));
        JsonCursor inner(filter);
        if (inner.Peek() != '{') return WrongType("filter", "an object", inner.Peek());
        if (filter == "{}") continue;
        RETURN_IF_ERROR(Filter(inner, 0, query.filter.emplace()));
      } else if (base::EqualsIgnoreCase(name, "sort")) {
        RETURN_IF_ERROR(Sort(cursor, query));
      } else if (base::EqualsIgnoreCase(name, "page")) {
        RETURN_IF_ERROR(Page(cursor, query));
      } else {
        cursor.Skip();
      }
    }
    return query;
  }

 private:
  static constexpr base::GoJsonOptions kRaw{.escape_html = false};

  base::Status Count() {
    if (++terms_ <= kMaxStateQueryTerms) return {};
    return Bad(StrCat("the query has more than ", kMaxStateQueryTerms, " terms"));
  }

  // Called with depth bounded, so that recursion is.
  base::Status Filter(JsonCursor& cursor, std::size_t depth, StateFilter& out) {
    RETURN_IF_ERROR(Count());
    if (cursor.Peek() != '{') return WrongType("a filter", "an object", cursor.Peek());
    cursor.Enter();
    if (!cursor.More()) return Bad("a filter must have one member, its operator");
    const std::string name = cursor.Key();
    const OpName* found = nullptr;
    for (const OpName& one : kOps) {
      if (one.name == name) found = &one;
    }
    if (!found) return Bad(StrCat("unsupported filter ", base::Quote(name)));
    out.op = found->op;
    if (out.is_group()) {
      RETURN_IF_ERROR(Group(cursor, name, depth, out));
    } else {
      RETURN_IF_ERROR(Comparison(cursor, name, out));
    }
    if (cursor.More()) return Bad("a filter must have one member, its operator");
    return {};
  }

  base::Status Group(JsonCursor& cursor, std::string_view name, std::size_t depth,
                     StateFilter& out) {
    if (cursor.Peek() != '[') return WrongType(StrCat("filter ", name), "an array", cursor.Peek());
    if (depth >= kMaxStateQueryDepth) {
      return Bad(StrCat("filters are nested deeper than ", kMaxStateQueryDepth));
    }
    cursor.Enter();
    while (cursor.More()) RETURN_IF_ERROR(Filter(cursor, depth + 1, out.filters.emplace_back()));
    if (out.filters.size() < 2)
      return Bad(StrCat("filter ", name, " must have at least two filters"));
    return {};
  }

  base::Status Comparison(JsonCursor& cursor, std::string_view name, StateFilter& out) {
    if (cursor.Peek() != '{') return WrongType(StrCat("filter ", name), "an object", cursor.Peek());
    cursor.Enter();
    const std::string one_member =
        StrCat("filter ", name, " must have one member, the key compared");
    if (!cursor.More()) return Bad(one_member);
    out.key = cursor.Key();
    if (out.op != Op::kIn) {
      RETURN_IF_ERROR(Value(cursor, out));
    } else {
      if (cursor.Peek() != '[')
        return WrongType("the value of filter IN", "an array", cursor.Peek());
      cursor.Enter();
      while (cursor.More()) RETURN_IF_ERROR(Value(cursor, out));
    }
    if (cursor.More()) return Bad(one_member);
    return {};
  }

  base::Status Value(JsonCursor& cursor, StateFilter& out) {
    RETURN_IF_ERROR(Count());
    StateQueryValue& value = out.values.emplace_back();
    switch (cursor.Peek()) {
      case '"':
        value.type = Type::kString;
        value.text = cursor.String();
        return {};
      case '{':
        value.type = Type::kObject;
        break;
      case '[':
        value.type = Type::kArray;
        break;
      case 't':
      case 'f':
        value.type = Type::kBool;
        break;
      case 'n':
        value.type = Type::kNull;
        break;
      default:
        value.type = Type::kNumber;
    }
    value.text = cursor.Skip();
    return {};
  }

  base::Status Sort(JsonCursor& cursor, StateQuery& out) {
    if (cursor.Peek() != '[') return WrongType("sort", "an array", cursor.Peek());
    out.sort.clear();
    cursor.Enter();
    while (cursor.More()) {
      RETURN_IF_ERROR(Count());
      StateSort& sort = out.sort.emplace_back();
      if (cursor.Peek() != '{') return WrongType("an element of sort", "an object", cursor.Peek());
      cursor.Enter();
      std::string order;
      while (cursor.More()) {
        const std::string name = cursor.Key();
        if (base::EqualsIgnoreCase(name, "key")) {
          RETURN_IF_ERROR(String(cursor, "sort.key", sort.key));
        } else if (base::EqualsIgnoreCase(name, "order")) {
          RETURN_IF_ERROR(String(cursor, "sort.order", order));
        } else {
          cursor.Skip();
        }
      }
      if (sort.key.empty()) return Bad("sort.key must not be empty");
      sort.descending = base::EqualsIgnoreCase(order, "DESC");
      if (!order.empty() && !sort.descending && !base::EqualsIgnoreCase(order, "ASC")) {
        return Bad(StrCat("sort.order must be ASC or DESC, not ", base::Quote(order)));
      }
    }
    return {};
  }

  base::Status Page(JsonCursor& cursor, StateQuery& out) {
    if (cursor.Peek() != '{') return WrongType("page", "an object", cursor.Peek());
    cursor.Enter();
    while (cursor.More()) {
      const std::string name = cursor.Key();
      if (base::EqualsIgnoreCase(name, "limit") && cursor.Peek() != 'n') {
        const std::string_view text = cursor.Skip();
        const auto limit = base::ParseInt<int64_t>(text);
        if (!limit || *limit < 0 || *limit > static_cast<int64_t>(kMaxStateQueryPage)) {
          return Bad(StrCat("page.limit must be a whole number from 0 to ", kMaxStateQueryPage));
        }
        out.limit = *limit;
      } else if (base::EqualsIgnoreCase(name, "token")) {
        RETURN_IF_ERROR(String(cursor, "page.token", out.token));
      } else {
        cursor.Skip();
      }
    }
    return {};
  }

  static base::Status String(JsonCursor& cursor, std::string_view field, std::string& out) {
    if (cursor.Peek() == 'n') {
      cursor.Skip();
      return {};
    }
    if (cursor.Peek() != '"') return WrongType(field, "a string", cursor.Peek());
    out = cursor.String();
    return {};
  }

  std::size_t terms_ = 0;
};

}  // namespace

base::Result<StateQuery> ParseStateQuery(std::string_view document) {
  return Parser().Document(document);
}

std::string_view StateFilterOpName(StateFilter::Op op) {
  for (const OpName& one : kOps) {
    if (one.op == op) return one.name;
  }
  return {};
}

}  // namespace contracts
