#include <array>

#include "base/strings.hpp"
#include "cel/parser.hpp"

namespace cel {
namespace {

struct Macro {
  std::string_view name;
  Op op;
};
constexpr Macro kMacros[] = {{"all", Op::kAll},
                             {"exists", Op::kExists},
                             {"exists_one", Op::kExistsOne},
                             {"existsOne", Op::kExistsOne},
                             {"filter", Op::kFilter},
                             {"map", Op::kTransform}};

Op MacroOp(std::string_view name) {
  for (const Macro& macro : kMacros) {
    if (macro.name == name) return macro.op;
  }
  return Op::kConstant;
}

}  // namespace

bool Parser::IsMacro(std::string_view name) {
  return MacroOp(name) != Op::kConstant;
}

base::Result<Parser::Index> Parser::ParseHas(const Token& name) {
  ASSIGN_OR_RETURN(const std::vector<Index> arguments, ParseArguments());
  if (arguments.size() != 1 || code_.nodes[arguments[0]].op != Op::kSelect) {
    return Fail(name, "has() takes a field, like has(event.data)");
  }
  code_.nodes[arguments[0]].op = Op::kHas;
  facts_[arguments[0]].type = TypeOf(Kind::kBool);
  return arguments[0];
}

base::Result<Parser::Index> Parser::ParseMacro(const Token& name, Index range) {
  Op op = MacroOp(name.text);
  const TypeId range_type = type(range);
  TypeId element = kDyn;
  switch (types_.kind(range_type)) {
    case Kind::kError:
      break;
    case Kind::kList:
      element = types_.element(range_type);
      break;
    case Kind::kMap:
      element = types_.key(range_type);
      break;
    default:
      return Fail(name, base::StrCat("'", name.text, "' goes over a list or a map, not over ",
                                     types_.Name(range_type)));
  }
  RETURN_IF_ERROR(Expect("(", "before arguments"));
  const Token variable = Peek();
  if (variable.kind != TokenKind::kName || IsReserved(variable.text) || !PeekSign(",", 1)) {
    return Fail(variable,
                base::StrCat("'", name.text, "' takes a variable and an expression, like ",
                             name.text, "(x, x > 1)"));
  }
  at_ += 2;
  if (locals_.size() >= kMaxLocals) {
    return Fail(name, base::StrCat("macros nest more than ", kMaxLocals, " levels deep"));
  }
  const auto slot = static_cast<uint32_t>(locals_.size());
  locals_.push_back({variable.text, element});
  ASSIGN_OR_RETURN(const Index first, ParseExpression());
  std::vector<Index> operands{range, first};
  if (op == Op::kTransform && Take(",")) {
    op = Op::kFilterTransform;
    ASSIGN_OR_RETURN(const Index second, ParseExpression());
    operands.push_back(second);
  }
  locals_.pop_back();
  RETURN_IF_ERROR(Expect(")", "after a macro's arguments"));
  if (op != Op::kTransform) {
    RETURN_IF_ERROR(WantBool(name, first, base::StrCat("the condition of '", name.text, "'")));
  }
  TypeId result = TypeOf(Kind::kBool);
  if (op == Op::kFilter) result = types_.ListOf(element);
  if (op == Op::kTransform || op == Op::kFilterTransform) {
    result = types_.ListOf(type(operands.back()));
  }
  return Make(name, op, result, std::move(operands), slot);
}

}  // namespace cel
