#include "cel/work.hpp"

#include <new>

#include "base/strings.hpp"

namespace cel {
namespace {

constexpr std::string_view kNoOverload = "no such overload: ";

}  // namespace

std::string Fault::Text() const {
  if (operand_count == 0) return base::StrCat(what, name);
  const auto operand = [&](size_t i) { return KindName(operands[i]); };
  const bool is_operator = name.find_first_of("+-*/%<>=![?&|") != name.npos || name == "in";
  if (is_operator && operand_count == 1) return base::StrCat(what, name, operand(0));
  if (is_operator && name == "[]") return base::StrCat(what, operand(0), '[', operand(1), ']');
  if (is_operator) return base::StrCat(what, operand(0), ' ', name, ' ', operand(1));
  std::string out = base::StrCat(what, name, '(');
  for (size_t i = 0; i < operand_count; ++i) base::StrAppend(out, i > 0 ? ", " : "", operand(i));
  return out + ')';
}

template <class T>
T* Work::Allocate(size_t count) {
  if (!ChargeText(count * sizeof(T))) return nullptr;
  return static_cast<T*>(memory_.allocate(count * sizeof(T), alignof(T)));
}

char* Work::Text(size_t bytes) {
  return Allocate<char>(bytes);
}

Value* Work::Values(size_t count) {
  return Allocate<Value>(count);
}

MapEntry* Work::Entries(size_t count) {
  return Allocate<MapEntry>(count);
}

Fault* Work::NewFault(std::string_view what, std::string_view name) {
  // Not refused for want of steps: what ends an evaluation is a fault itself.
  steps_ -= static_cast<int64_t>(sizeof(Fault) / 16);
  void* place = memory_.allocate(sizeof(Fault), alignof(Fault));
  return new (place) Fault{.offset = offset_, .what = what, .name = name};
}

Value Work::Fail(std::string_view what, std::string_view name) {
  return Value::Error(NewFault(what, name));
}

Value Work::NoOverload(std::string_view name, std::initializer_list<Value> operands) {
  Fault* fault = NewFault(kNoOverload, name);
  for (const Value& operand : operands) fault->operands[fault->operand_count++] = operand.kind();
  return Value::Error(fault);
}

Value Work::Exhausted() {
  return Fail("the evaluation needs more steps than an expression may use");
}

}  // namespace cel
