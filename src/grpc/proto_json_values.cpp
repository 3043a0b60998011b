#include "grpc/proto_json_values.hpp"

#include <bit>
#include <charconv>
#include <cmath>

#include "base/base64.hpp"
#include "base/go_json.hpp"
#include "base/strings.hpp"

namespace grpc::proto_json {
namespace {

using wire::Reader;
using wire::Type;

bool IsUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x80) continue;
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - i < static_cast<std::size_t>(more))
      return false;
    uint32_t code = lead & (0x3f >> more);
    for (int k = 0; k < more; ++k) {
      const auto byte = static_cast<unsigned char>(text[i++]);
      if ((byte & 0xc0) != 0x80) return false;
      code = code << 6 | (byte & 0x3f);
    }
    if (more == 2 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) return false;
    if (more == 3 && (code < 0x10000 || code > 0x10ffff)) return false;
  }
  return true;
}

int64_t Unzigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1));
}

// Sign-extended, which is how signed types are compared and printed.
int64_t SignedOf(FieldType type, uint64_t number) {
  switch (type) {
    case FieldType::kInt32:
    case FieldType::kSfixed32:
    case FieldType::kEnum:
      return static_cast<int32_t>(number);
    case FieldType::kSint32:
      return static_cast<int32_t>(Unzigzag(number & UINT32_MAX));
    case FieldType::kSint64:
      return Unzigzag(number);
    default:
      return static_cast<int64_t>(number);
  }
}

uint64_t UnsignedOf(FieldType type, uint64_t number) {
  const bool narrow = type == FieldType::kUint32 || type == FieldType::kFixed32;
  return narrow ? static_cast<uint32_t>(number) : number;
}

bool IsUnsigned(FieldType type) {
  return type == FieldType::kUint32 || type == FieldType::kFixed32 || type == FieldType::kUint64 ||
         type == FieldType::kFixed64;
}

void AppendDigits(uint64_t value, int width, std::string& out) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  for (auto size = end - digits; size < width; ++size) out += '0';
  out.append(digits, end);
}

// ".123", ".123456" or ".123456789", or nothing.
void AppendFraction(uint32_t nanos, std::string& out) {
  if (nanos == 0) return;
  out += '.';
  if (nanos % 1'000'000 == 0) return AppendDigits(nanos / 1'000'000, 3, out);
  if (nanos % 1'000 == 0) return AppendDigits(nanos / 1'000, 6, out);
  AppendDigits(nanos, 9, out);
}

// Timestamp and Duration are both `int64 seconds = 1; int32 nanos = 2`.
bool ReadTime(std::string_view message, int64_t& seconds, int32_t& nanos) {
  seconds = 0;
  nanos = 0;
  Reader in(message);
  while (in.Next()) {
    if (in.Is(1, Type::kVarint)) seconds = static_cast<int64_t>(in.number());
    if (in.Is(2, Type::kVarint)) nanos = static_cast<int32_t>(in.number());
  }
  return in.ok();
}

constexpr int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr int64_t kLastSecond = 253'402'300'799;   // 9999-12-31T23:59:59Z
constexpr int64_t kMaxDurationSeconds = 315'576'000'000;
constexpr int32_t kMaxNanos = 999'999'999;

}  // namespace

wire::Type WireTypeOf(FieldType type) {
  switch (type) {
    case FieldType::kDouble:
    case FieldType::kFixed64:
    case FieldType::kSfixed64:
      return Type::kFixed64;
    case FieldType::kFloat:
    case FieldType::kFixed32:
    case FieldType::kSfixed32:
      return Type::kFixed32;
    case FieldType::kString:
    case FieldType::kBytes:
    case FieldType::kMessage:
    case FieldType::kGroup:
      return Type::kBytes;
    default:
      return Type::kVarint;
  }
}

bool IsPackable(FieldType type) {
  return WireTypeOf(type) != Type::kBytes;
}

bool IsDefault(FieldType type, const Scalar& value) {
  switch (WireTypeOf(type)) {
    case Type::kBytes:
      return value.bytes.empty();
    case Type::kVarint:
      if (type == FieldType::kBool) return value.number == 0;
      return IsUnsigned(type) ? UnsignedOf(type, value.number) == 0
                              : SignedOf(type, value.number) == 0;
    default:
      return value.number == 0;  // -0.0 has a bit set and is printed
  }
}

bool AppendText(std::string_view text, std::string& out) {
  if (!IsUtf8(text)) return false;
  base::AppendJsonString(out, text, false);
  return true;
}

void AppendDouble(double value, std::string& out) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
  } else {
    base::AppendGoFloat(out, value);
  }
}

bool AppendScalar(FieldType type, const EnumInfo* enumeration, const Scalar& value,
                  std::string& out) {
  switch (type) {
    case FieldType::kString:
      return AppendText(value.bytes, out);
    case FieldType::kBytes:
      base::StrAppend(out, "\"", base::Base64Encode(value.bytes), "\"");
      break;
    case FieldType::kBool:
      out += value.number != 0 ? "true" : "false";
      break;
    case FieldType::kDouble:
      AppendDouble(std::bit_cast<double>(value.number), out);
      break;
    case FieldType::kFloat: {
      const float narrow = std::bit_cast<float>(static_cast<uint32_t>(value.number));
      double wide = narrow;
      if (std::isfinite(narrow)) {
        // The double with the fewest digits that is still this float.
        char digits[32];
        const auto end = std::to_chars(digits, digits + sizeof digits, narrow).ptr;
        std::from_chars(digits, end, wide);
      }
      AppendDouble(wide, out);
      break;
    }
    case FieldType::kEnum: {
      const auto number = static_cast<int32_t>(value.number);
      if (enumeration && enumeration->full_name == "google.protobuf.NullValue") {
        out += "null";
        break;
      }
      const std::string_view name = enumeration ? enumeration->NameOf(number) : std::string_view();
      if (name.empty()) {
        base::StrAppend(out, number);
      } else {
        base::StrAppend(out, "\"", name, "\"");
      }
      break;
    }
    case FieldType::kUint32:
    case FieldType::kFixed32:
      base::StrAppend(out, UnsignedOf(type, value.number));
      break;
    case FieldType::kUint64:
    case FieldType::kFixed64:
      base::StrAppend(out, "\"", value.number, "\"");
      break;
    case FieldType::kInt32:
    case FieldType::kSfixed32:
    case FieldType::kSint32:
      base::StrAppend(out, SignedOf(type, value.number));
      break;
    case FieldType::kInt64:
    case FieldType::kSfixed64:
    case FieldType::kSint64:
      base::StrAppend(out, "\"", SignedOf(type, value.number), "\"");
      break;
    case FieldType::kMessage:
    case FieldType::kGroup:
      return false;
  }
  return true;
}

bool AppendMapKey(FieldType type, const Scalar& value, std::string& out) {
  if (type == FieldType::kString) return AppendText(value.bytes, out);
  const std::size_t start = out.size();
  if (!AppendScalar(type, nullptr, value, out)) return false;
  if (out[start] == '"') return true;
  out.insert(start, 1, '"');
  out += '"';
  return true;
}

bool IsKeyLess(FieldType type, const Scalar& a, const Scalar& b) {
  if (type == FieldType::kString) return a.bytes < b.bytes;
  if (type == FieldType::kBool) return (a.number != 0) < (b.number != 0);
  if (IsUnsigned(type)) return UnsignedOf(type, a.number) < UnsignedOf(type, b.number);
  return SignedOf(type, a.number) < SignedOf(type, b.number);
}

bool AppendTimestamp(std::string_view message, std::string& out) {
  int64_t seconds;
  int32_t nanos;
  if (!ReadTime(message, seconds, nanos) || seconds < kFirstSecond || seconds > kLastSecond ||
      nanos < 0 || nanos > kMaxNanos) {
    return false;
  }
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto of_day = static_cast<uint64_t>((time - day).count());
  out += '"';
  AppendDigits(static_cast<uint64_t>(static_cast<int>(date.year())), 4, out);
  out += '-';
  AppendDigits(static_cast<unsigned>(date.month()), 2, out);
  out += '-';
  AppendDigits(static_cast<unsigned>(date.day()), 2, out);
  out += 'T';
  AppendDigits(of_day / 3600, 2, out);
  out += ':';
  AppendDigits(of_day / 60 % 60, 2, out);
  out += ':';
  AppendDigits(of_day % 60, 2, out);
  AppendFraction(static_cast<uint32_t>(nanos), out);
  out += "Z\"";
  return true;
}

bool AppendDuration(std::string_view message, std::string& out) {
  int64_t seconds;
  int32_t nanos;
  if (!ReadTime(message, seconds, nanos) || seconds < -kMaxDurationSeconds ||
      seconds > kMaxDurationSeconds || nanos < -kMaxNanos || nanos > kMaxNanos ||
      (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) {
    return false;
  }
  out += seconds < 0 || nanos < 0 ? "\"-" : "\"";
  AppendDigits(static_cast<uint64_t>(std::abs(seconds)), 1, out);
  AppendFraction(static_cast<uint32_t>(std::abs(nanos)), out);
  out += "s\"";
  return true;
}

}  // namespace grpc::proto_json
