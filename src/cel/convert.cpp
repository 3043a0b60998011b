#include "cel/convert.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/duration.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "cel/instant.hpp"

namespace cel {
namespace {

Value Mismatch(Work& work, Function to, const Value& value) {
  return work.NoOverload(FunctionName(to), {value});
}

Value Unreadable(Work& work, Function to) {
  return work.Fail("text that cannot be converted to ", FunctionName(to));
}

Value OutOfRange(Work& work, Function to) {
  return work.Fail("out of range of ", FunctionName(to));
}

// Longer text is no number, and is not worth reading.
constexpr size_t kLongestNumber = 1024;

Value ToInt(Work& work, const Value& value) {
  switch (value.kind()) {
    case Kind::kInt:
      return value;
    case Kind::kUint:
      if (value.as_uint() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return OutOfRange(work, Function::kInt);
      }
      return Value::Int(static_cast<int64_t>(value.as_uint()));
    case Kind::kDouble: {
      const double number = value.as_double();
      // Written so that NaN fails too.
      if (!(number > -0x1p63 && number < 0x1p63)) return OutOfRange(work, Function::kInt);
      return Value::Int(static_cast<int64_t>(number));
    }
    case Kind::kString: {
      const auto number = value.size() <= kLongestNumber ? base::ParseInt(value.as_text())
                                                         : std::optional<int64_t>();
      return number ? Value::Int(*number) : Unreadable(work, Function::kInt);
    }
    case Kind::kTimestamp:
      return Value::Int(value.as_time().seconds);
    case Kind::kDuration:
      return Value::Int(value.as_duration());
    default:
      return Mismatch(work, Function::kInt, value);
  }
}

Value ToUint(Work& work, const Value& value) {
  switch (value.kind()) {
    case Kind::kUint:
      return value;
    case Kind::kInt:
      if (value.as_int() < 0) return OutOfRange(work, Function::kUint);
      return Value::Uint(static_cast<uint64_t>(value.as_int()));
    case Kind::kDouble: {
      const double number = value.as_double();
      if (!(number >= 0 && number < 0x1p64)) return OutOfRange(work, Function::kUint);
      return Value::Uint(static_cast<uint64_t>(number));
    }
    case Kind::kString: {
      const auto number = value.size() <= kLongestNumber ? base::ParseUint(value.as_text())
                                                         : std::optional<uint64_t>();
      return number ? Value::Uint(*number) : Unreadable(work, Function::kUint);
    }
    default:
      return Mismatch(work, Function::kUint, value);
  }
}

Value TextToDouble(Work& work, std::string_view text) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || digits.size() > kLongestNumber || digits[0] == '-') {
    return Unreadable(work, Function::kDouble);
  }
  double number = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  // from_chars also reads "nan(text)", which is not a number anywhere else.
  if (stop != end || error != std::errc() || digits.back() == ')') {
    return Unreadable(work, Function::kDouble);
  }
  return Value::Double(negative ? -number : number);
}

Value ToDouble(Work& work, const Value& value) {
  switch (value.kind()) {
    case Kind::kDouble:
      return value;
    case Kind::kInt:
      return Value::Double(static_cast<double>(value.as_int()));
    case Kind::kUint:
      return Value::Double(static_cast<double>(value.as_uint()));
    case Kind::kString:
      return TextToDouble(work, value.as_text());
    default:
      return Mismatch(work, Function::kDouble, value);
  }
}

Value Keep(Work& work, std::string_view text) {
  char* copy = work.Text(text.size());
  if (copy == nullptr) return work.Exhausted();
  std::memcpy(copy, text.data(), text.size());
  return Value::String({copy, text.size()});
}

Value ToString(Work& work, const Value& value) {
  // Writing a number costs more than the step of the call.
  if (!work.Charge(8)) return work.Exhausted();
  switch (value.kind()) {
    case Kind::kString:
      return value;
    case Kind::kBool:
      return Value::String(value.as_bool() ? "true" : "false");
    case Kind::kInt:
      return Keep(work, std::to_string(value.as_int()));
    case Kind::kUint:
      return Keep(work, std::to_string(value.as_uint()));
    case Kind::kDouble:
      return Keep(work, FormatDouble(value.as_double()));
    case Kind::kBytes:
      if (!work.ChargeText(value.size())) return work.Exhausted();
      if (!base::IsValidUtf8(value.as_text())) return work.Fail("bytes that are not UTF-8");
      return Value::String(value.as_text());
    case Kind::kTimestamp:
      return Keep(work, FormatTimestamp(value.as_time()));
    case Kind::kDuration:
      return Keep(work, FormatSeconds(value.as_duration()));
    default:
      return Mismatch(work, Function::kString, value);
  }
}

Value ToBool(Work& work, const Value& value) {
  if (value.is(Kind::kBool)) return value;
  if (!value.is(Kind::kString)) return Mismatch(work, Function::kBool, value);
  const std::string_view text = value.as_text();
  for (const std::string_view word : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == word) return Value::Bool(true);
  }
  for (const std::string_view word : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == word) return Value::Bool(false);
  }
  return Unreadable(work, Function::kBool);
}

Value ToTimestamp(Work& work, const Value& value) {
  if (value.is(Kind::kTimestamp)) return value;
  if (value.is(Kind::kInt)) {
    const auto time = TimestampOf(value.as_int());
    return time ? Value::Time(*time) : OutOfRange(work, Function::kTimestamp);
  }
  if (!value.is(Kind::kString)) return Mismatch(work, Function::kTimestamp, value);
  const auto time = value.size() <= kLongestNumber ? ParseTimestamp(value.as_text()) : std::nullopt;
  return time ? Value::Time(*time) : Unreadable(work, Function::kTimestamp);
}

Value ToDuration(Work& work, const Value& value) {
  if (value.is(Kind::kDuration)) return value;
  if (value.is(Kind::kInt)) return Value::Duration(value.as_int());
  if (!value.is(Kind::kString)) return Mismatch(work, Function::kDuration, value);
  if (value.size() > kLongestNumber) return Unreadable(work, Function::kDuration);
  const auto duration = base::ParseDuration(value.as_text());
  return duration ? Value::Duration(duration->count()) : Unreadable(work, Function::kDuration);
}

}  // namespace

std::string FormatDouble(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Inf" : "+Inf";
  // The shortest digits, with an exponent from a million on and below a ten-thousandth.
  const double size = std::fabs(value);
  const bool exponent = size != 0 && (size < 1e-4 || size >= 1e6);
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value,
                    exponent ? std::chars_format::scientific : std::chars_format::fixed);
  return {buffer, end.ptr};
}

Value Size(Work& work, const Value& value) {
  switch (value.kind()) {
    case Kind::kString: {
      if (!work.ChargeText(value.size())) return work.Exhausted();
      int64_t count = 0;
      for (size_t i = 0; i < value.size(); ++count) base::DecodeUtf8(value.as_text(), i);
      return Value::Int(count);
    }
    case Kind::kBytes:
    case Kind::kList:
    case Kind::kMap:
      return Value::Int(static_cast<int64_t>(value.size()));
    default:
      return Mismatch(work, Function::kSize, value);
  }
}

Value Convert(Work& work, Function function, const Value& value) {
  // Reading text costs more than the step of the call; too long text is not read.
  if (value.is(Kind::kString) && !work.Charge(8 + std::min(value.size(), kLongestNumber) / 4)) {
    return work.Exhausted();
  }
  switch (function) {
    case Function::kInt:
      return ToInt(work, value);
    case Function::kUint:
      return ToUint(work, value);
    case Function::kDouble:
      return ToDouble(work, value);
    case Function::kString:
      return ToString(work, value);
    case Function::kBytes:
      if (value.is(Kind::kBytes)) return value;
      if (!value.is(Kind::kString)) return Mismatch(work, function, value);
      return Value::Bytes(value.as_text());
    case Function::kBool:
      return ToBool(work, value);
    case Function::kType:
      return Value::Type(value.kind());
    case Function::kTimestamp:
      return ToTimestamp(work, value);
    case Function::kDuration:
      return ToDuration(work, value);
    default:
      return value;  // dyn()
  }
}

}  // namespace cel
