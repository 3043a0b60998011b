// Source text to checked code in one pass: precedence climbing over the tokens, names resolved and
// static types checked as the nodes are made. One use, one thread.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cel/code.hpp"
#include "cel/program.hpp"
#include "cel/token.hpp"
#include "cel/types.hpp"

namespace cel {

class Parser {
 public:
  static base::Result<Code> Parse(std::string_view source, const Environment& environment);

 private:
  using Index = uint32_t;  // of a node

  // What is known of a node while parsing.
  struct Fact {
    TypeId type;
    uint32_t depth;
  };
  // How a binary operator binds; 0: no binary operator.
  struct Binary {
    int precedence;
    Op op;
  };
  struct Local {
    std::string_view name;
    TypeId type;
  };

  Parser(std::string_view source, const Environment& environment, std::vector<Token> tokens)
      : environment_(environment), tokens_(std::move(tokens)) {
    code_.source = source;
  }

  // parser.cpp: operators
  base::Result<Index> ParseExpression();
  base::Result<Index> ParseBinary(int least);
  base::Result<Index> ParseLogic(Index first, const Binary& binary);
  base::Result<Index> ParseUnary();
  base::Result<Index> MakeBinary(const Token& sign, Op op, Index left, Index right);
  static Binary BinaryOf(const Token& token);

  // parser_primary.cpp: literals, names, calls, selection
  base::Result<Index> ParseMember();
  base::Result<Index> ParsePrimary();
  base::Result<Index> ParseSelection(Index target);
  base::Result<Index> ParseIndex(Index target);
  base::Result<Index> ParseNumber(bool negative);
  base::Result<Index> ParseText();
  base::Result<Index> ParseList();
  base::Result<Index> ParseMap();
  base::Result<Index> ParseName(bool global);
  base::Result<Index> ResolveName(const Token& name, bool global);
  base::Result<std::vector<Index>> ParseArguments();
  base::Result<Index> MakeCall(const Token& name, bool method, std::vector<Index> arguments);
  base::Result<Index> MakeMatch(const Token& name, Index text, Index pattern);

  // parser_macros.cpp
  static bool IsMacro(std::string_view name);
  static bool IsReserved(std::string_view name);
  base::Result<Index> ParseHas(const Token& name);
  base::Result<Index> ParseMacro(const Token& name, Index range);

  const Token& Peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  bool PeekSign(std::string_view sign, size_t ahead = 0) const {
    return Peek(ahead).kind == TokenKind::kSign && Peek(ahead).text == sign;
  }
  // Takes the next token if it is this sign.
  bool Take(std::string_view sign);
  base::Status Expect(std::string_view sign, std::string_view where);

  base::Result<Index> Make(const Token& place, Op op, TypeId type, std::vector<Index> operands,
                           uint32_t index = 0);
  base::Result<Index> MakeConstant(const Token& place, Value value);
  uint32_t KeepText(std::string_view text);
  TypeId type(Index node) const { return facts_[node].type; }
  // "(int, string)"
  std::string TypeNames(std::span<const Index> nodes) const;
  base::Status WantBool(const Token& place, Index node, std::string_view what) const;
  std::unexpected<base::Error> Fail(const Token& place, std::string_view what) const {
    return CompileError(code_.source, place.offset, what);
  }

  const Environment& environment_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  size_t nesting_ = 0;
  Code code_;
  std::vector<Fact> facts_;
  Types types_;
  std::vector<Local> locals_;  // of the macros around this place
};

}  // namespace cel
