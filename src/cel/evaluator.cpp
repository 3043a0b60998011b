#include "cel/evaluator.hpp"

#include <cstring>

#include "cel/arithmetic.hpp"
#include "cel/compare.hpp"
#include "cel/convert.hpp"
#include "cel/instant.hpp"

namespace cel {

Value Evaluator::Run() {
  const Value value = Eval(code_.root);
  return work_.exhausted() ? work_.Exhausted() : value;
}

Value Evaluator::Eval(uint32_t index) {
  const Node& node = code_.nodes[index];
  if (!work_.Charge(1)) {
    work_.SetOffset(node.offset);
    return work_.Exhausted();
  }
  switch (node.op) {
    case Op::kConstant:
      return code_.constants[node.index];
    case Op::kVariable:
      return variables_[node.index];
    case Op::kLocal:
      return locals_[node.index];
    case Op::kUnknown:
      work_.SetOffset(node.offset);
      return work_.Fail("no such variable: ", code_.texts[node.index]);
    case Op::kSelect:
    case Op::kHas:
    case Op::kMatch:
    case Op::kNot:
    case Op::kNegate:
      return EvalUnary(node);
    case Op::kCall:
      return EvalCall(node);
    case Op::kAnd:
      return EvalLogic(node, false);
    case Op::kOr:
      return EvalLogic(node, true);
    case Op::kChoose:
      return EvalChoice(node);
    case Op::kList:
      return EvalList(node);
    case Op::kMap:
      return EvalMap(node);
    case Op::kAll:
    case Op::kExists:
    case Op::kExistsOne:
    case Op::kFilter:
    case Op::kTransform:
    case Op::kFilterTransform:
      return EvalMacro(node);
    default:
      return EvalBinary(node);
  }
}

Value Evaluator::EvalUnary(const Node& node) {
  const Value operand = EvalOperand(node, 0);
  if (operand.is_error()) return operand;
  work_.SetOffset(node.offset);
  switch (node.op) {
    case Op::kSelect:
      return Select(work_, operand, code_.texts[node.index]);
    case Op::kHas:
      return Has(work_, operand, code_.texts[node.index]);
    case Op::kMatch:
      if (!operand.is(Kind::kString)) return work_.NoOverload("matches", {operand});
      return code_.regexes[node.index].Matches(work_, operand.as_text());
    case Op::kNot:
      if (!operand.is(Kind::kBool)) return work_.NoOverload("!", {operand});
      return Value::Bool(!operand.as_bool());
    default:
      return Negate(work_, operand);
  }
}

Value Evaluator::EvalBinary(const Node& node) {
  const Value left = EvalOperand(node, 0);
  if (left.is_error()) return left;
  const Value right = EvalOperand(node, 1);
  if (right.is_error()) return right;
  work_.SetOffset(node.offset);
  switch (node.op) {
    case Op::kEqual:
      return Equal(work_, left, right);
    case Op::kNotEqual: {
      const Value equal = Equal(work_, left, right);
      return equal.is_error() ? equal : Value::Bool(!equal.as_bool());
    }
    case Op::kLess:
      return Compare(work_, Relation::kLess, left, right);
    case Op::kLessEqual:
      return Compare(work_, Relation::kLessEqual, left, right);
    case Op::kGreater:
      return Compare(work_, Relation::kGreater, left, right);
    case Op::kGreaterEqual:
      return Compare(work_, Relation::kGreaterEqual, left, right);
    case Op::kIn:
      return In(work_, left, right);
    case Op::kIndex:
      return Index(work_, left, right);
    case Op::kAdd:
      return Add(work_, left, right);
    case Op::kSubtract:
      return Subtract(work_, left, right);
    case Op::kMultiply:
      return Multiply(work_, left, right);
    case Op::kDivide:
      return Divide(work_, left, right);
    default:
      return Modulo(work_, left, right);
  }
}

Value Evaluator::EvalCall(const Node& node) {
  const Value first = EvalOperand(node, 0);
  if (first.is_error()) return first;
  Value second;
  if (node.count == 2) {
    second = EvalOperand(node, 1);
    if (second.is_error()) return second;
  }
  work_.SetOffset(node.offset);
  switch (node.function) {
    case Function::kSize:
      return Size(work_, first);
    case Function::kContains:
    case Function::kStartsWith:
    case Function::kEndsWith:
    case Function::kMatches:
      break;
    default:
      if (node.function >= Function::kGetFullYear) {
        return EvalPart(node, first, node.count == 2 ? &second : nullptr);
      }
      return Convert(work_, node.function, first);
  }
  if (!first.is(Kind::kString) || !second.is(Kind::kString)) {
    return work_.NoOverload(FunctionName(node.function), {first, second});
  }
  const std::string_view text = first.as_text(), part = second.as_text();
  if (node.function == Function::kMatches) return MatchesDynamic(work_, text, part);
  if (!work_.ChargeText(node.function == Function::kContains ? text.size() : part.size())) {
    return work_.Exhausted();
  }
  if (node.function == Function::kStartsWith) return Value::Bool(text.starts_with(part));
  if (node.function == Function::kEndsWith) return Value::Bool(text.ends_with(part));
  // memmem is linear in both texts, whatever they are; string_view::find is not.
  if (part.empty()) return Value::Bool(true);
  if (part.size() > text.size()) return Value::Bool(false);
  return Value::Bool(::memmem(text.data(), text.size(), part.data(), part.size()) != nullptr);
}

Value Evaluator::EvalPart(const Node& node, const Value& time, const Value* zone) {
  if (zone != nullptr && !zone->is(Kind::kString)) {
    return work_.NoOverload(FunctionName(node.function), {time, *zone});
  }
  if (time.is(Kind::kDuration) && zone == nullptr) {
    const auto part = PartOf(node.function, time.as_duration());
    if (part) return Value::Int(*part);
  }
  if (!time.is(Kind::kTimestamp)) return work_.NoOverload(FunctionName(node.function), {time});
  const auto offset = zone == nullptr ? std::optional<int32_t>(0) : ParseZone(zone->as_text());
  if (!offset) return work_.Fail("a time zone is UTC or an offset like +02:00");
  return Value::Int(PartOf(node.function, time.as_time(), *offset));
}

Value Evaluator::EvalLogic(const Node& node, bool absorbing) {
  Value first_error;
  for (uint32_t i = 0; i < node.count; ++i) {
    Value value = EvalOperand(node, i);
    if (value.is(Kind::kBool)) {
      if (value.as_bool() == absorbing) return value;
      continue;
    }
    if (first_error.is_error()) continue;
    if (!value.is_error()) {
      work_.SetOffset(node.offset);
      value = work_.NoOverload(absorbing ? "||" : "&&", {value, Value::Bool(true)});
    }
    first_error = value;
  }
  return first_error.is_error() ? first_error : Value::Bool(!absorbing);
}

Value Evaluator::EvalChoice(const Node& node) {
  const Value condition = EvalOperand(node, 0);
  if (condition.is_error()) return condition;
  if (condition.is(Kind::kBool)) return EvalOperand(node, condition.as_bool() ? 1 : 2);
  work_.SetOffset(node.offset);
  return work_.Fail("the condition before '?' is no bool but ", KindName(condition.kind()));
}

Value Evaluator::EvalList(const Node& node) {
  Value* items = work_.Values(node.count);
  if (items == nullptr) return work_.Exhausted();
  for (uint32_t i = 0; i < node.count; ++i) {
    items[i] = EvalOperand(node, i);
    if (items[i].is_error()) return items[i];
  }
  return Value::List(items, node.count);
}

Value Evaluator::EvalMap(const Node& node) {
  MapEntry* entries = work_.Entries(node.count / 2);
  if (entries == nullptr) return work_.Exhausted();
  size_t size = 0;
  for (uint32_t i = 0; i < node.count; i += 2) {
    const Value key = EvalOperand(node, i);
    if (key.is_error()) return key;
    const Value value = EvalOperand(node, i + 1);
    if (value.is_error()) return value;
    work_.SetOffset(node.offset);
    const bool allowed =
        key.is(Kind::kString) || key.is(Kind::kInt) || key.is(Kind::kUint) || key.is(Kind::kBool);
    if (!allowed) return work_.Fail("a map's key cannot be ", KindName(key.kind()));
    // A key that comes again replaces its value.
    size_t place = 0;
    while (place < size) {
      const Value same = Equal(work_, entries[place].key, key);
      if (same.is_error()) return same;
      if (same.as_bool()) break;
      ++place;
    }
    entries[place] = {key, value};
    if (place == size) ++size;
  }
  return Value::Map(entries, size);
}

}  // namespace cel
