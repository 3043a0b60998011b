#include "cel/parser.hpp"

#include <utility>

#include "base/strings.hpp"

namespace cel {
namespace {

constexpr int kOr = 1;
constexpr int kAnd = 2;
constexpr int kRelation = 3;
constexpr int kSum = 4;
constexpr int kProduct = 5;

struct Sign {
  std::string_view text;
  int precedence;
  Op op;
};
constexpr Sign kSigns[] = {
    {"||", kOr, Op::kOr},           {"&&", kAnd, Op::kAnd},
    {"==", kRelation, Op::kEqual},  {"!=", kRelation, Op::kNotEqual},
    {"<", kRelation, Op::kLess},    {"<=", kRelation, Op::kLessEqual},
    {">", kRelation, Op::kGreater}, {">=", kRelation, Op::kGreaterEqual},
    {"in", kRelation, Op::kIn},     {"+", kSum, Op::kAdd},
    {"-", kSum, Op::kSubtract},     {"*", kProduct, Op::kMultiply},
    {"/", kProduct, Op::kDivide},   {"%", kProduct, Op::kModulo},
};

}  // namespace

base::Result<Code> Parser::Parse(std::string_view source, const Environment& environment) {
  ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source));
  Parser parser(source, environment, std::move(tokens));
  ASSIGN_OR_RETURN(parser.code_.root, parser.ParseExpression());
  if (parser.Peek().kind != TokenKind::kEnd) {
    return parser.Fail(parser.Peek(), base::StrCat("expected an operator or the end, found '",
                                                   parser.Peek().text, "'"));
  }
  parser.code_.variable_count = environment.variables.size();
  parser.code_.result = parser.types_.kind(parser.type(parser.code_.root));
  return std::move(parser.code_);
}

bool Parser::Take(std::string_view sign) {
  if (!PeekSign(sign)) return false;
  ++at_;
  return true;
}

base::Status Parser::Expect(std::string_view sign, std::string_view where) {
  if (Take(sign)) return {};
  const Token& found = Peek();
  const std::string text = found.kind == TokenKind::kEnd ? "the end of the expression"
                                                         : base::StrCat("'", found.text, "'");
  return Fail(found, base::StrCat("expected '", sign, "' ", where, ", found ", text));
}

base::Result<Parser::Index> Parser::Make(const Token& place, Op op, TypeId type,
                                         std::vector<Index> operands, uint32_t index) {
  if (code_.nodes.size() >= kMaxNodes) {
    return Fail(place, base::StrCat("an expression has at most ", kMaxNodes, " parts"));
  }
  uint32_t depth = 0;
  for (const Index operand : operands) depth = std::max(depth, facts_[operand].depth + 1);
  if (depth > kMaxDepth) {
    return Fail(place, base::StrCat("operations depend on each other more than ", kMaxDepth,
                                    " levels deep"));
  }
  code_.nodes.push_back({.op = op,
                         .function = Function::kSize,
                         .offset = place.offset,
                         .first = static_cast<uint32_t>(code_.operands.size()),
                         .count = static_cast<uint32_t>(operands.size()),
                         .index = index});
  code_.operands.insert(code_.operands.end(), operands.begin(), operands.end());
  facts_.push_back({type, depth});
  return static_cast<Index>(code_.nodes.size() - 1);
}

base::Result<Parser::Index> Parser::MakeConstant(const Token& place, Value value) {
  code_.constants.push_back(value);
  return Make(place, Op::kConstant, TypeOf(value.kind()), {},
              static_cast<uint32_t>(code_.constants.size() - 1));
}

uint32_t Parser::KeepText(std::string_view text) {
  code_.texts.emplace_back(text);
  return static_cast<uint32_t>(code_.texts.size() - 1);
}

std::string Parser::TypeNames(std::span<const Index> nodes) const {
  std::string out = "(";
  for (const Index node : nodes) {
    base::StrAppend(out, out.size() > 1 ? ", " : "", types_.Name(type(node)));
  }
  return out + ')';
}

base::Status Parser::WantBool(const Token& place, Index node, std::string_view what) const {
  const Kind kind = types_.kind(type(node));
  if (kind == Kind::kBool || kind == Kind::kError) return {};
  return Fail(place, base::StrCat(what, " must be bool, and is ", types_.Name(type(node))));
}

Parser::Binary Parser::BinaryOf(const Token& token) {
  const bool word = token.kind == TokenKind::kName && token.text == "in";
  if (token.kind != TokenKind::kSign && !word) return {0, Op::kConstant};
  for (const Sign& sign : kSigns) {
    if (sign.text == token.text) return {sign.precedence, sign.op};
  }
  return {0, Op::kConstant};
}

base::Result<Parser::Index> Parser::ParseExpression() {
  if (++nesting_ > kMaxNesting) {
    return Fail(Peek(), base::StrCat("parts nest more than ", kMaxNesting, " levels deep"));
  }
  ASSIGN_OR_RETURN(Index result, ParseBinary(kOr));
  if (PeekSign("?")) {
    const Token sign = Peek();
    ++at_;
    RETURN_IF_ERROR(WantBool(sign, result, "the condition before '?'"));
    ASSIGN_OR_RETURN(const Index yes, ParseBinary(kOr));
    RETURN_IF_ERROR(Expect(":", "between the two values after '?'"));
    ASSIGN_OR_RETURN(const Index no, ParseExpression());
    if (!types_.Fits(type(yes), type(no))) {
      return Fail(sign, base::StrCat("the two values after '?' have different types ",
                                     TypeNames(std::array{yes, no})));
    }
    const TypeId joined = types_.Join(type(yes), type(no));
    ASSIGN_OR_RETURN(result, Make(sign, Op::kChoose, joined, {result, yes, no}));
  }
  --nesting_;
  return result;
}

base::Result<Parser::Index> Parser::ParseBinary(int least) {
  ASSIGN_OR_RETURN(Index left, ParseUnary());
  for (;;) {
    const Token sign = Peek();
    const Binary binary = BinaryOf(sign);
    if (binary.precedence == 0 || binary.precedence < least) return left;
    if (binary.precedence <= kAnd) {
      ASSIGN_OR_RETURN(left, ParseLogic(left, binary));
      continue;
    }
    ++at_;
    ASSIGN_OR_RETURN(const Index right, ParseBinary(binary.precedence + 1));
    ASSIGN_OR_RETURN(left, MakeBinary(sign, binary.op, left, right));
  }
}

// A chain of one logical operator becomes one node, so that its length does not count as depth.
base::Result<Parser::Index> Parser::ParseLogic(Index first, const Binary& binary) {
  const Token sign = Peek();
  const std::string what = base::StrCat("an operand of '", sign.text, "'");
  std::vector<Index> operands{first};
  RETURN_IF_ERROR(WantBool(sign, first, what));
  while (PeekSign(sign.text)) {
    const Token place = Peek();
    ++at_;
    ASSIGN_OR_RETURN(const Index next, ParseBinary(binary.precedence + 1));
    RETURN_IF_ERROR(WantBool(place, next, what));
    operands.push_back(next);
  }
  return Make(sign, binary.op, TypeOf(Kind::kBool), std::move(operands));
}

base::Result<Parser::Index> Parser::MakeBinary(const Token& sign, Op op, Index left, Index right) {
  TypeId result = TypeOf(Kind::kBool);
  bool fits = true;
  if (op == Op::kEqual || op == Op::kNotEqual) {
    fits = types_.Fits(type(left), type(right));
  } else if (op == Op::kIn) {
    const Kind container = types_.kind(type(right));
    const TypeId item =
        container == Kind::kMap ? types_.key(type(right)) : types_.element(type(right));
    fits = container == Kind::kError || container == Kind::kMap || container == Kind::kList;
    fits = fits && types_.Fits(type(left), item);
  } else {
    const std::array<TypeId, 2> operands{type(left), type(right)};
    fits = types_.Resolve(OverloadsOf(sign.text), operands, result);
    if (fits && result == TypeOf(Kind::kList)) {
      fits = types_.Fits(operands[0], operands[1]);
      result = types_.Join(operands[0], operands[1]);
    }
  }
  if (!fits) {
    return Fail(sign, base::StrCat("no overload of '", sign.text, "' for ",
                                   TypeNames(std::array{left, right})));
  }
  return Make(sign, op, result, {left, right});
}

base::Result<Parser::Index> Parser::ParseUnary() {
  const Token sign = Peek();
  if (!PeekSign("!") && !PeekSign("-")) return ParseMember();
  // Signs in a row cancel out in pairs, as in Dapr. The last minus before a number is the number's.
  const auto is_number = [&] {
    const TokenKind next = Peek(1).kind;
    return PeekSign("-") && (next == TokenKind::kInt || next == TokenKind::kDouble);
  };
  size_t count = 0;
  for (; PeekSign(sign.text) && !is_number(); ++at_) ++count;
  ASSIGN_OR_RETURN(const Index operand, ParseMember());
  if (count % 2 == 0) return operand;
  if (sign.text == "!") {
    RETURN_IF_ERROR(WantBool(sign, operand, "the operand of '!'"));
    return Make(sign, Op::kNot, TypeOf(Kind::kBool), {operand});
  }
  const Kind kind = types_.kind(type(operand));
  if (kind != Kind::kError && kind != Kind::kInt && kind != Kind::kDouble) {
    return Fail(sign, base::StrCat("no overload of '-' for ", TypeNames(std::array{operand})));
  }
  return Make(sign, Op::kNegate, type(operand), {operand});
}

}  // namespace cel
