// The functions of CEL's standard library, by name, and which operands each function and operator
// takes. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "cel/value.hpp"

namespace cel {

enum class Function : uint8_t {
  kSize,
  kContains,
  kStartsWith,
  kEndsWith,
  kMatches,
  kInt,
  kUint,
  kDouble,
  kString,
  kBytes,
  kBool,
  kDyn,
  kType,
  kTimestamp,
  kDuration,
  kGetFullYear,
  kGetMonth,
  kGetDate,
  kGetDayOfMonth,
  kGetDayOfWeek,
  kGetDayOfYear,
  kGetHours,
  kGetMinutes,
  kGetSeconds,
  kGetMilliseconds,
};

std::string_view FunctionName(Function function);
std::optional<Function> FindFunction(std::string_view name);

/// One combination of operand kinds. Kind::kError stands for any.
struct Overload {
  Kind operands[2];
  uint8_t count;
  Kind result;
};

/// How a function is called: `size(x)`, `x.size()`, or either.
enum class Style : uint8_t { kGlobal, kMethod, kBoth };
Style StyleOf(Function function);
std::span<const Overload> OverloadsOf(Function function);

/// Overloads of an arithmetic or ordering operator: "+", "<" and so on.
std::span<const Overload> OverloadsOf(std::string_view operation);

}  // namespace cel
