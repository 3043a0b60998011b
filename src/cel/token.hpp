// The first step of compiling: source text to tokens, each a view of the source. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace cel {

enum class TokenKind : uint8_t {
  kEnd,
  kName,  // an identifier, `in`, true, false and null included
  kInt,   // decimal or 0x…, without a sign
  kUint,  // the same, with its u
  kDouble,
  kString,  // prefix, quotes and escapes included
  kBytes,
  kSign,  // an operator or punctuation: one or two characters
};

struct Token {
  TokenKind kind;
  uint32_t offset;
  std::string_view text;
};

/// All tokens of the source, a kEnd last; comments and white space left out.
base::Result<std::vector<Token>> Tokenize(std::string_view source);

/// "line:column: what" for a place in the source, both counted from 1, columns in characters.
std::string AtPosition(std::string_view source, uint32_t offset, std::string_view what);

/// The error of a source that cannot be compiled, with the position in it.
std::unexpected<base::Error> CompileError(std::string_view source, uint32_t offset,
                                          std::string_view what);

}  // namespace cel
