#include "cel/token.hpp"

#include <algorithm>

#include "base/strings.hpp"
#include "base/utf8.hpp"

namespace cel {
namespace {

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view source) : source_(source) {}

  base::Result<std::vector<Token>> Run() {
    std::vector<Token> tokens;
    while (true) {
      SkipBlanks();
      start_ = at_;
      if (at_ == source_.size()) break;
      ASSIGN_OR_RETURN(const TokenKind kind, Next());
      tokens.push_back({kind, static_cast<uint32_t>(start_), source_.substr(start_, at_ - start_)});
    }
    tokens.push_back({TokenKind::kEnd, static_cast<uint32_t>(at_), {}});
    return tokens;
  }

 private:
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }

  void SkipBlanks() {
    while (at_ < source_.size()) {
      const char c = Peek();
      if (c == '/' && Peek(1) == '/') {
        at_ = std::min(source_.find('\n', at_), source_.size());
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
        ++at_;
      } else {
        return;
      }
    }
  }

  base::Result<TokenKind> Next() {
    const char c = Peek();
    if (IsNameStart(c)) {
      const size_t prefix = TextPrefix();
      if (prefix > 0) return Text(prefix);
      while (IsNameStart(Peek()) || base::IsDigit(Peek())) ++at_;
      return TokenKind::kName;
    }
    if (c == '"' || c == '\'') return Text(0);
    if (base::IsDigit(c) || (c == '.' && base::IsDigit(Peek(1)))) return Number();
    for (const std::string_view pair : {"==", "!=", "<=", ">=", "&&", "||"}) {
      if (source_.substr(at_).starts_with(pair)) {
        at_ += 2;
        return TokenKind::kSign;
      }
    }
    if (std::string_view("+-*/%<>!?:.,()[]{}").find(c) != std::string_view::npos && c != '\0') {
      ++at_;
      return TokenKind::kSign;
    }
    if (c == '=') return Fail("'=' is no operator; equality is '=='");
    if (c == '&' || c == '|') {
      return Fail(base::StrCat("'", c, "' is no operator; logic is '", c, c, "'"));
    }
    return Fail("a character that no expression can have here");
  }

  // How many letters of r, b and br stand before a quote here.
  size_t TextPrefix() const {
    const auto quote = [&](size_t i) { return Peek(i) == '"' || Peek(i) == '\''; };
    const char first = base::LowerChar(Peek());
    if ((first == 'r' || first == 'b') && quote(1)) return 1;
    if (first == 'b' && base::LowerChar(Peek(1)) == 'r' && quote(2)) return 2;
    return 0;
  }

  base::Result<TokenKind> Text(size_t prefix) {
    const bool bytes = prefix > 0 && base::LowerChar(Peek()) == 'b';
    const bool raw = prefix == 2 || (prefix == 1 && !bytes);
    at_ += prefix;
    const char quote = Peek();
    const bool triple = Peek(1) == quote && Peek(2) == quote;
    at_ += triple ? 3 : 1;
    for (;;) {
      if (at_ >= source_.size()) return Fail("a string without its closing quote");
      const char c = Peek();
      if (c == quote && (!triple || (Peek(1) == quote && Peek(2) == quote))) break;
      if (!triple && (c == '\n' || c == '\r')) return Fail("a string without its closing quote");
      at_ += c == '\\' && !raw ? 2 : 1;
    }
    at_ += triple ? 3 : 1;
    return bytes ? TokenKind::kBytes : TokenKind::kString;
  }

  void SkipDigits() {
    while (base::IsDigit(Peek())) ++at_;
  }

  base::Result<TokenKind> Number() {
    TokenKind kind = TokenKind::kInt;
    if (Peek() == '0' && Peek(1) == 'x' && base::HexValue(Peek(2)) >= 0) {
      at_ += 2;
      while (base::HexValue(Peek()) >= 0) ++at_;
    } else {
      SkipDigits();
      if (Peek() == '.' && base::IsDigit(Peek(1))) {
        kind = TokenKind::kDouble;
        ++at_;
        SkipDigits();
      }
      const size_t sign = Peek(1) == '+' || Peek(1) == '-' ? 1 : 0;
      if (base::LowerChar(Peek()) == 'e' && base::IsDigit(Peek(1 + sign))) {
        kind = TokenKind::kDouble;
        at_ += 1 + sign;
        SkipDigits();
      }
    }
    if (kind == TokenKind::kInt && base::LowerChar(Peek()) == 'u') {
      kind = TokenKind::kUint;
      ++at_;
    }
    if (IsNameStart(Peek()) || base::IsDigit(Peek())) return Fail("not a number");
    return kind;
  }

  std::unexpected<base::Error> Fail(std::string_view what) const {
    return CompileError(source_, static_cast<uint32_t>(start_), what);
  }

  std::string_view source_;
  size_t at_ = 0;
  size_t start_ = 0;
};

}  // namespace

base::Result<std::vector<Token>> Tokenize(std::string_view source) {
  return Tokenizer(source).Run();
}

std::string AtPosition(std::string_view source, uint32_t offset, std::string_view what) {
  const std::string_view before = source.substr(0, offset);
  const auto line = 1 + std::ranges::count(before, '\n');
  const size_t line_start = before.rfind('\n') + 1;  // 0 without one
  size_t column = 1;
  for (size_t i = line_start; i < before.size(); ++column) base::DecodeUtf8(before, i);
  return base::StrCat(line, ':', column, ": ", what);
}

std::unexpected<base::Error> CompileError(std::string_view source, uint32_t offset,
                                          std::string_view what) {
  return base::Fail(base::Kind::kInvalidArgument, AtPosition(source, offset, what));
}

}  // namespace cel
