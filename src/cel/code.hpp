// Checked code: what the parser makes and the evaluator walks. Immutable once made; any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "cel/function.hpp"
#include "cel/regex.hpp"
#include "cel/value.hpp"

namespace cel {

enum class Op : uint8_t {
  kConstant,  // index: of a constant
  kVariable,  // index: of an argument of Evaluate
  kLocal,     // index: of a macro's variable
  kUnknown,   // a variable nobody gives; index: of its name in texts
  kSelect,    // operand.name; index: of the name in texts
  kHas,       // has(operand.name)
  kIndex,
  kCall,   // function
  kMatch,  // matches() with a literal; index: of the regex
  kNot,
  kNegate,
  kAnd,  // two or more operands
  kOr,
  kChoose,  // condition ? this : that
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kList,  // elements
  kMap,   // key, value, key, value …
  // Macros: the list or map, then what is computed for each element. index: of their variable.
  kAll,
  kExists,
  kExistsOne,
  kFilter,
  kTransform,        // map(variable, value)
  kFilterTransform,  // map(variable, condition, value)
};

struct Node {
  Op op;
  Function function;  // of kCall
  uint32_t offset;    // in the source
  uint32_t first;     // of its operands, in Code::operands
  uint32_t count;     // of its operands
  uint32_t index;
};

inline constexpr size_t kMaxLocals = 8;  // macros within macros

struct Code {
  std::string source;
  std::vector<Node> nodes;
  std::vector<uint32_t> operands;  // indices of nodes
  uint32_t root = 0;
  std::vector<Value> constants;
  std::deque<std::string> texts;  // a deque, so that views of them stay
  std::vector<Regex> regexes;
  std::vector<std::string> unknown;
  size_t variable_count = 0;
  Kind result = Kind::kError;  // kError: known only with an event
};

}  // namespace cel
