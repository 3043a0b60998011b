// Walks checked code for one set of variables. One use, one thread, on the stack of
// Program::Evaluate.
#pragma once

#include <array>
#include <memory_resource>
#include <span>

#include "cel/code.hpp"
#include "cel/value.hpp"
#include "cel/work.hpp"

namespace cel {

class Evaluator {
 public:
  /// All must outlive the Evaluator.
  Evaluator(const Code& code, std::span<const Value> variables, std::pmr::memory_resource& memory,
            uint64_t steps)
      : code_(code), variables_(variables), work_(memory, steps) {}

  /// The value, or an error. Once the steps are used up it is an error whatever the code does with
  /// errors.
  Value Run();
  bool exhausted() const { return work_.exhausted(); }

 private:
  Value Eval(uint32_t index);
  Value EvalUnary(const Node& node);
  Value EvalBinary(const Node& node);
  Value EvalCall(const Node& node);
  Value EvalPart(const Node& node, const Value& time, const Value* zone);
  /// && and ||: `absorbing` (false, true) decides whatever the other operands are, errors included.
  Value EvalLogic(const Node& node, bool absorbing);
  Value EvalChoice(const Node& node);
  Value EvalList(const Node& node);
  Value EvalMap(const Node& node);

  // evaluator_macros.cpp
  Value EvalQuantifier(const Node& node, const Value& range, bool absorbing);
  Value EvalExistsOne(const Node& node, const Value& range);
  Value EvalTransform(const Node& node, const Value& range);
  Value EvalMacro(const Node& node);

  Value EvalOperand(const Node& node, uint32_t i) { return Eval(code_.operands[node.first + i]); }
  static Value ElementOf(const Value& range, size_t i) {
    return range.is(Kind::kList) ? range.Item(i) : range.Key(i);
  }

  const Code& code_;
  std::span<const Value> variables_;
  Work work_;
  std::array<Value, kMaxLocals> locals_;
};

}  // namespace cel
