#include "cel/arithmetic.hpp"

#include <cstring>
#include <limits>

#include "cel/instant.hpp"

namespace cel {
namespace {

constexpr std::string_view kIntOverflow = "int overflow";
constexpr std::string_view kUintOverflow = "uint overflow";
constexpr std::string_view kDurationOverflow = "duration out of range";

bool Both(const Value& a, const Value& b, Kind kind) {
  return a.is(kind) && b.is(kind);
}

Value Concatenate(Work& work, const Value& a, const Value& b) {
  const std::string_view left = a.as_text(), right = b.as_text();
  const size_t size = left.size() + right.size();
  if (size > std::numeric_limits<uint32_t>::max()) return work.Fail("text too long");
  char* text = work.Text(size);
  if (text == nullptr) return work.Exhausted();
  if (!left.empty()) std::memcpy(text, left.data(), left.size());
  if (!right.empty()) std::memcpy(text + left.size(), right.data(), right.size());
  return a.is(Kind::kString) ? Value::String({text, size}) : Value::Bytes({text, size});
}

Value ConcatenateLists(Work& work, const Value& a, const Value& b) {
  const size_t size = a.size() + b.size();
  Value* items = work.Values(size);
  if (items == nullptr) return work.Exhausted();
  for (size_t i = 0; i < a.size(); ++i) items[i] = a.Item(i);
  for (size_t i = 0; i < b.size(); ++i) items[a.size() + i] = b.Item(i);
  return Value::List(items, size);
}

Value Later(Work& work, const Value& time, int64_t nanos) {
  const auto sum = AddNanos(time.as_time(), nanos);
  return sum ? Value::Time(*sum) : work.Fail("timestamp out of range");
}

}  // namespace

Value Add(Work& work, const Value& a, const Value& b) {
  if (Both(a, b, Kind::kInt)) {
    int64_t sum = 0;
    if (__builtin_add_overflow(a.as_int(), b.as_int(), &sum)) return work.Fail(kIntOverflow);
    return Value::Int(sum);
  }
  if (Both(a, b, Kind::kUint)) {
    uint64_t sum = 0;
    if (__builtin_add_overflow(a.as_uint(), b.as_uint(), &sum)) return work.Fail(kUintOverflow);
    return Value::Uint(sum);
  }
  if (Both(a, b, Kind::kDouble)) return Value::Double(a.as_double() + b.as_double());
  if (Both(a, b, Kind::kString) || Both(a, b, Kind::kBytes)) return Concatenate(work, a, b);
  if (Both(a, b, Kind::kList)) return ConcatenateLists(work, a, b);
  if (Both(a, b, Kind::kDuration)) {
    int64_t sum = 0;
    if (__builtin_add_overflow(a.as_duration(), b.as_duration(), &sum)) {
      return work.Fail(kDurationOverflow);
    }
    return Value::Duration(sum);
  }
  if (a.is(Kind::kTimestamp) && b.is(Kind::kDuration)) return Later(work, a, b.as_duration());
  if (a.is(Kind::kDuration) && b.is(Kind::kTimestamp)) return Later(work, b, a.as_duration());
  return work.NoOverload("+", {a, b});
}

Value Subtract(Work& work, const Value& a, const Value& b) {
  if (Both(a, b, Kind::kInt)) {
    int64_t rest = 0;
    if (__builtin_sub_overflow(a.as_int(), b.as_int(), &rest)) return work.Fail(kIntOverflow);
    return Value::Int(rest);
  }
  if (Both(a, b, Kind::kUint)) {
    if (b.as_uint() > a.as_uint()) return work.Fail(kUintOverflow);
    return Value::Uint(a.as_uint() - b.as_uint());
  }
  if (Both(a, b, Kind::kDouble)) return Value::Double(a.as_double() - b.as_double());
  if (Both(a, b, Kind::kDuration)) {
    int64_t rest = 0;
    if (__builtin_sub_overflow(a.as_duration(), b.as_duration(), &rest)) {
      return work.Fail(kDurationOverflow);
    }
    return Value::Duration(rest);
  }
  if (Both(a, b, Kind::kTimestamp)) {
    const auto nanos = NanosBetween(a.as_time(), b.as_time());
    return nanos ? Value::Duration(*nanos) : work.Fail(kDurationOverflow);
  }
  if (a.is(Kind::kTimestamp) && b.is(Kind::kDuration)) {
    if (b.as_duration() == std::numeric_limits<int64_t>::min()) return work.Fail(kDurationOverflow);
    return Later(work, a, -b.as_duration());
  }
  return work.NoOverload("-", {a, b});
}

Value Multiply(Work& work, const Value& a, const Value& b) {
  if (Both(a, b, Kind::kInt)) {
    int64_t product = 0;
    if (__builtin_mul_overflow(a.as_int(), b.as_int(), &product)) return work.Fail(kIntOverflow);
    return Value::Int(product);
  }
  if (Both(a, b, Kind::kUint)) {
    uint64_t product = 0;
    if (__builtin_mul_overflow(a.as_uint(), b.as_uint(), &product)) return work.Fail(kUintOverflow);
    return Value::Uint(product);
  }
  if (Both(a, b, Kind::kDouble)) return Value::Double(a.as_double() * b.as_double());
  return work.NoOverload("*", {a, b});
}

Value Divide(Work& work, const Value& a, const Value& b) {
  if (Both(a, b, Kind::kInt)) {
    if (b.as_int() == 0) return work.Fail("division by zero");
    if (b.as_int() == -1 && a.as_int() == std::numeric_limits<int64_t>::min()) {
      return work.Fail(kIntOverflow);
    }
    return Value::Int(a.as_int() / b.as_int());
  }
  if (Both(a, b, Kind::kUint)) {
    if (b.as_uint() == 0) return work.Fail("division by zero");
    return Value::Uint(a.as_uint() / b.as_uint());
  }
  if (Both(a, b, Kind::kDouble)) {
    // By zero it gives an infinity or NaN, which sanitizers take for a mistake when the language
    // divides.
    const double divisor = b.as_double();
    if (divisor != 0) return Value::Double(a.as_double() / divisor);
    const bool nan = a.as_double() == 0 || a.as_double() != a.as_double();
    if (nan) return Value::Double(std::numeric_limits<double>::quiet_NaN());
    const bool negative = __builtin_signbit(a.as_double()) != __builtin_signbit(divisor);
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return Value::Double(negative ? -kInfinity : kInfinity);
  }
  return work.NoOverload("/", {a, b});
}

Value Modulo(Work& work, const Value& a, const Value& b) {
  if (Both(a, b, Kind::kInt)) {
    if (b.as_int() == 0) return work.Fail("modulus by zero");
    if (b.as_int() == -1 && a.as_int() == std::numeric_limits<int64_t>::min()) {
      return work.Fail(kIntOverflow);
    }
    return Value::Int(a.as_int() % b.as_int());
  }
  if (Both(a, b, Kind::kUint)) {
    if (b.as_uint() == 0) return work.Fail("modulus by zero");
    return Value::Uint(a.as_uint() % b.as_uint());
  }
  return work.NoOverload("%", {a, b});
}

Value Negate(Work& work, const Value& a) {
  if (a.is(Kind::kDouble)) return Value::Double(-a.as_double());
  if (!a.is(Kind::kInt)) return work.NoOverload("-", {a});
  if (a.as_int() == std::numeric_limits<int64_t>::min()) return work.Fail(kIntOverflow);
  return Value::Int(-a.as_int());
}

}  // namespace cel
