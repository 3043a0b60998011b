#include <algorithm>
#include <array>

#include "base/strings.hpp"
#include "cel/literal.hpp"
#include "cel/parser.hpp"

namespace cel {
namespace {

// Words that CEL keeps for itself and that can name no variable.
constexpr std::string_view kReserved[] = {
    "as",  "break", "const",     "continue", "else",   "for", "function", "if",   "import",
    "let", "loop",  "namespace", "package",  "return", "var", "void",     "while"};
// Words of the grammar, which cannot be selected from a map either.
constexpr std::string_view kWords[] = {"in", "true", "false", "null"};

struct TypeName {
  std::string_view name;
  Kind kind;
};
constexpr TypeName kTypeNames[] = {{"bool", Kind::kBool},      {"int", Kind::kInt},
                                   {"uint", Kind::kUint},      {"double", Kind::kDouble},
                                   {"string", Kind::kString},  {"bytes", Kind::kBytes},
                                   {"list", Kind::kList},      {"map", Kind::kMap},
                                   {"null_type", Kind::kNull}, {"type", Kind::kType}};

bool Contains(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

bool Parser::IsReserved(std::string_view name) {
  return Contains(kReserved, name) || Contains(kWords, name);
}

base::Result<Parser::Index> Parser::ParseMember() {
  ASSIGN_OR_RETURN(Index target, ParsePrimary());
  while (true) {
    if (PeekSign(".")) {
      ASSIGN_OR_RETURN(target, ParseSelection(target));
    } else if (PeekSign("[")) {
      ASSIGN_OR_RETURN(target, ParseIndex(target));
    } else if (PeekSign("{")) {
      return Fail(Peek(), "messages cannot be made here; a map is written {'key': value}");
    } else {
      return target;
    }
  }
}

base::Result<Parser::Index> Parser::ParsePrimary() {
  const Token& token = Peek();
  switch (token.kind) {
    case TokenKind::kInt:
    case TokenKind::kUint:
    case TokenKind::kDouble:
      return ParseNumber(false);
    case TokenKind::kString:
    case TokenKind::kBytes:
      return ParseText();
    case TokenKind::kName:
      return ParseName(false);
    case TokenKind::kEnd:
      return Fail(token, "expected a value, found the end of the expression");
    case TokenKind::kSign:
      break;
  }
  const TokenKind next = Peek(1).kind;
  if (token.text == "-" && (next == TokenKind::kInt || next == TokenKind::kDouble)) {
    ++at_;
    return ParseNumber(true);
  }
  if (Take("(")) {
    ASSIGN_OR_RETURN(const Index inner, ParseExpression());
    RETURN_IF_ERROR(Expect(")", "after what '(' opened"));
    return inner;
  }
  if (token.text == "[") return ParseList();
  if (token.text == "{") return ParseMap();
  if (token.text == "." && next == TokenKind::kName) {
    ++at_;
    return ParseName(true);
  }
  return Fail(token, base::StrCat("expected a value, found '", token.text, "'"));
}

base::Result<Parser::Index> Parser::ParseNumber(bool negative) {
  const Token token = Peek();
  ++at_;
  std::optional<Value> value;
  if (token.kind == TokenKind::kInt) value = ReadInt(token.text, negative);
  if (token.kind == TokenKind::kUint) value = ReadUint(token.text);
  if (token.kind == TokenKind::kDouble) value = ReadDouble(token.text, negative);
  if (!value) return Fail(token, "a number out of range");
  return MakeConstant(token, *value);
}

base::Result<Parser::Index> Parser::ParseText() {
  const Token token = Peek();
  ++at_;
  size_t wrong = 0;
  const auto content = ReadText(token.text, wrong);
  if (!content) {
    return CompileError(code_.source, token.offset + static_cast<uint32_t>(wrong),
                        "an escape that does not exist");
  }
  const std::string& text = code_.texts[KeepText(*content)];
  return MakeConstant(token,
                      token.kind == TokenKind::kString ? Value::String(text) : Value::Bytes(text));
}

base::Result<Parser::Index> Parser::ParseList() {
  const Token open = Peek();
  ++at_;
  std::vector<Index> items;
  TypeId element = kDyn;
  while (!PeekSign("]")) {
    ASSIGN_OR_RETURN(const Index item, ParseExpression());
    element = items.empty() ? type(item) : types_.Join(element, type(item));
    items.push_back(item);
    if (!Take(",")) break;
  }
  RETURN_IF_ERROR(Expect("]", "or ',' after an element of a list"));
  return Make(open, Op::kList, types_.ListOf(element), std::move(items));
}

base::Result<Parser::Index> Parser::ParseMap() {
  const Token open = Peek();
  ++at_;
  std::vector<Index> parts;
  TypeId keys = kDyn, values = kDyn;
  while (!PeekSign("}")) {
    const Token place = Peek();
    ASSIGN_OR_RETURN(const Index key, ParseExpression());
    const Kind kind = types_.kind(type(key));
    if (kind != Kind::kError && kind != Kind::kString && kind != Kind::kInt &&
        kind != Kind::kUint && kind != Kind::kBool) {
      return Fail(place, base::StrCat("a map's key cannot be ", types_.Name(type(key))));
    }
    RETURN_IF_ERROR(Expect(":", "after a map's key"));
    ASSIGN_OR_RETURN(const Index value, ParseExpression());
    keys = parts.empty() ? type(key) : types_.Join(keys, type(key));
    values = parts.empty() ? type(value) : types_.Join(values, type(value));
    parts.push_back(key);
    parts.push_back(value);
    if (!Take(",")) break;
  }
  RETURN_IF_ERROR(Expect("}", "or ',' after an entry of a map"));
  return Make(open, Op::kMap, types_.MapOf(keys, values), std::move(parts));
}

base::Result<Parser::Index> Parser::ParseIndex(Index target) {
  const Token open = Peek();
  ++at_;
  ASSIGN_OR_RETURN(const Index index, ParseExpression());
  RETURN_IF_ERROR(Expect("]", "after an index"));
  const Kind container = types_.kind(type(target)), kind = types_.kind(type(index));
  bool fits = container == Kind::kError;
  if (container == Kind::kList) fits = kind == Kind::kInt || kind == Kind::kError;
  if (container == Kind::kMap) fits = types_.Fits(types_.key(type(target)), type(index));
  if (!fits) {
    return Fail(open,
                base::StrCat("no overload of '[]' for ", TypeNames(std::array{target, index})));
  }
  return Make(open, Op::kIndex, types_.element(type(target)), {target, index});
}

base::Result<std::vector<Parser::Index>> Parser::ParseArguments() {
  RETURN_IF_ERROR(Expect("(", "before arguments"));
  std::vector<Index> arguments;
  if (Take(")")) return arguments;
  do {
    ASSIGN_OR_RETURN(const Index argument, ParseExpression());
    arguments.push_back(argument);
  } while (Take(","));
  RETURN_IF_ERROR(Expect(")", "or ',' after an argument"));
  return arguments;
}

base::Result<Parser::Index> Parser::ParseSelection(Index target) {
  ++at_;
  const Token name = Peek();
  if (name.kind != TokenKind::kName || Contains(kWords, name.text)) {
    return Fail(name, "expected a name after '.'; other names are selected like event['a-b']");
  }
  ++at_;
  if (PeekSign("(")) {
    if (IsMacro(name.text)) return ParseMacro(name, target);
    ASSIGN_OR_RETURN(std::vector<Index> arguments, ParseArguments());
    arguments.insert(arguments.begin(), target);
    return MakeCall(name, true, std::move(arguments));
  }
  const Kind kind = types_.kind(type(target));
  const bool map =
      kind == Kind::kMap && types_.Fits(types_.key(type(target)), TypeOf(Kind::kString));
  if (!map && kind != Kind::kError) {
    return Fail(name, base::StrCat("'", name.text, "' cannot be selected from ",
                                   types_.Name(type(target))));
  }
  return Make(name, Op::kSelect, types_.element(type(target)), {target}, KeepText(name.text));
}

base::Result<Parser::Index> Parser::ParseName(bool global) {
  const Token name = Peek();
  ++at_;
  if (name.text == "true") return MakeConstant(name, Value::Bool(true));
  if (name.text == "false") return MakeConstant(name, Value::Bool(false));
  if (name.text == "null") return MakeConstant(name, Value::Null());
  if (IsReserved(name.text)) {
    return Fail(name, base::StrCat("'", name.text, "' is a reserved word"));
  }
  if (!PeekSign("(")) return ResolveName(name, global);
  if (name.text == "has" && !global) return ParseHas(name);
  ASSIGN_OR_RETURN(std::vector<Index> arguments, ParseArguments());
  return MakeCall(name, false, std::move(arguments));
}

base::Result<Parser::Index> Parser::ResolveName(const Token& name, bool global) {
  // The macro nearest to the name has it.
  for (size_t i = global ? 0 : locals_.size(); i > 0; --i) {
    if (locals_[i - 1].name != name.text) continue;
    return Make(name, Op::kLocal, locals_[i - 1].type, {}, static_cast<uint32_t>(i - 1));
  }
  const auto variable = std::ranges::find(environment_.variables, name.text);
  if (variable != environment_.variables.end()) {
    return Make(name, Op::kVariable, kDyn, {},
                static_cast<uint32_t>(variable - environment_.variables.begin()));
  }
  for (const TypeName& known : kTypeNames) {
    if (known.name == name.text) return MakeConstant(name, Value::Type(known.kind));
  }
  if (name.text == "google" && PeekSign(".") && Peek(1).text == "protobuf" && PeekSign(".", 2)) {
    const std::string_view message = Peek(3).text;
    if (message == "Timestamp" || message == "Duration") {
      at_ += 4;
      const Kind kind = message == "Timestamp" ? Kind::kTimestamp : Kind::kDuration;
      return MakeConstant(name, Value::Type(kind));
    }
  }
  const std::string text(name.text);
  if (std::ranges::find(code_.unknown, text) == code_.unknown.end()) code_.unknown.push_back(text);
  return Make(name, Op::kUnknown, kDyn, {}, KeepText(text));
}

base::Result<Parser::Index> Parser::MakeCall(const Token& name, bool method,
                                             std::vector<Index> arguments) {
  const auto function = FindFunction(name.text);
  if (!function) {
    return Fail(name, base::StrCat("unknown function '", name.text,
                                   "'; only CEL's standard library is there"));
  }
  const Style style = StyleOf(*function);
  if (style == (method ? Style::kGlobal : Style::kMethod)) {
    return Fail(name, method
                          ? base::StrCat("'", name.text, "' is called like ", name.text, "(x)")
                          : base::StrCat("'", name.text, "' is called like x.", name.text, "(…)"));
  }
  std::vector<TypeId> operands;
  for (const Index argument : arguments) operands.push_back(type(argument));
  TypeId result = kDyn;
  if (!types_.Resolve(OverloadsOf(*function), operands, result)) {
    return Fail(name, base::StrCat("no overload of '", name.text, "' for ", TypeNames(arguments)));
  }
  if (*function == Function::kMatches && code_.nodes[arguments[1]].op == Op::kConstant) {
    return MakeMatch(name, arguments[0], arguments[1]);
  }
  ASSIGN_OR_RETURN(const Index call, Make(name, Op::kCall, result, std::move(arguments)));
  code_.nodes[call].function = *function;
  return call;
}

base::Result<Parser::Index> Parser::MakeMatch(const Token& name, Index text, Index pattern) {
  auto regex = Regex::Compile(code_.constants[code_.nodes[pattern].index].as_text());
  if (!regex) return CompileError(code_.source, code_.nodes[pattern].offset, regex.error().message);
  code_.regexes.push_back(std::move(*regex));
  return Make(name, Op::kMatch, TypeOf(Kind::kBool), {text},
              static_cast<uint32_t>(code_.regexes.size() - 1));
}

}  // namespace cel
