// The operators + - * / % and unary minus. Integers do not wrap: what overflows is an error. Any
// thread.
#pragma once

#include "cel/value.hpp"
#include "cel/work.hpp"

namespace cel {

/// Sums of numbers of one type, of durations, of a timestamp and a duration; concatenation of
/// strings, bytes and lists.
Value Add(Work& work, const Value& a, const Value& b);
/// Differences of numbers of one type, durations, timestamps, and of a timestamp and a duration.
Value Subtract(Work& work, const Value& a, const Value& b);
Value Multiply(Work& work, const Value& a, const Value& b);
Value Divide(Work& work, const Value& a, const Value& b);
Value Modulo(Work& work, const Value& a, const Value& b);
Value Negate(Work& work, const Value& a);

}  // namespace cel
