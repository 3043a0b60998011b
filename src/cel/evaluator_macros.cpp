#include "cel/evaluator.hpp"

namespace cel {

Value Evaluator::EvalMacro(const Node& node) {
  const Value range = EvalOperand(node, 0);
  if (range.is_error()) return range;
  if (!range.is(Kind::kList) && !range.is(Kind::kMap)) {
    work_.SetOffset(node.offset);
    return work_.Fail("a macro goes over a list or a map, not over ", KindName(range.kind()));
  }
  switch (node.op) {
    case Op::kAll:
      return EvalQuantifier(node, range, false);
    case Op::kExists:
      return EvalQuantifier(node, range, true);
    case Op::kExistsOne:
      return EvalExistsOne(node, range);
    default:
      return EvalTransform(node, range);
  }
}

Value Evaluator::EvalQuantifier(const Node& node, const Value& range, bool absorbing) {
  Value first_error;
  for (size_t i = 0; i < range.size(); ++i) {
    locals_[node.index] = ElementOf(range, i);
    Value value = EvalOperand(node, 1);
    if (work_.exhausted()) return work_.Exhausted();
    if (value.is(Kind::kBool)) {
      if (value.as_bool() == absorbing) return value;
      continue;
    }
    if (first_error.is_error()) continue;
    if (!value.is_error()) {
      work_.SetOffset(node.offset);
      value = work_.Fail("a macro's condition is no bool but ", KindName(value.kind()));
    }
    first_error = value;
  }
  return first_error.is_error() ? first_error : Value::Bool(!absorbing);
}

Value Evaluator::EvalExistsOne(const Node& node, const Value& range) {
  size_t count = 0;
  for (size_t i = 0; i < range.size(); ++i) {
    locals_[node.index] = ElementOf(range, i);
    const Value value = EvalOperand(node, 1);
    if (value.is_error()) return value;
    if (!value.is(Kind::kBool)) {
      work_.SetOffset(node.offset);
      return work_.Fail("a macro's condition is no bool but ", KindName(value.kind()));
    }
    if (value.as_bool()) ++count;
  }
  return Value::Bool(count == 1);
}

Value Evaluator::EvalTransform(const Node& node, const Value& range) {
  Value* items = work_.Values(range.size());
  if (items == nullptr) return work_.Exhausted();
  const bool conditional = node.op != Op::kTransform;
  size_t size = 0;
  for (size_t i = 0; i < range.size(); ++i) {
    const Value element = ElementOf(range, i);
    locals_[node.index] = element;
    if (conditional) {
      const Value wanted = EvalOperand(node, 1);
      if (wanted.is_error()) return wanted;
      if (!wanted.is(Kind::kBool)) {
        work_.SetOffset(node.offset);
        return work_.Fail("a macro's condition is no bool but ", KindName(wanted.kind()));
      }
      if (!wanted.as_bool()) continue;
    }
    Value value = element;
    if (node.op != Op::kFilter) value = EvalOperand(node, node.count - 1);
    if (value.is_error()) return value;
    items[size++] = value;
  }
  return Value::List(items, size);
}

}  // namespace cel
