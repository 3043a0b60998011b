#include "grpc/status.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/base64.hpp"
#include "base/hex.hpp"
#include "base/strings.hpp"

namespace grpc {

std::string_view CodeName(Code code) {
  static constexpr std::array<std::string_view, 17> kNames = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : "Unknown";
}

Code CodeOfKind(base::Kind kind) {
  using base::Kind;
  switch (kind) {
    case Kind::kInternal:
      return Code::kInternal;
    case Kind::kInvalidArgument:
      return Code::kInvalidArgument;
    case Kind::kNotFound:
      return Code::kNotFound;
    case Kind::kConflict:
      return Code::kAborted;
    case Kind::kInvalidEtag:
      return Code::kInvalidArgument;
    case Kind::kAlreadyExists:
      return Code::kAlreadyExists;
    case Kind::kTimeout:
      return Code::kDeadlineExceeded;
    case Kind::kCanceled:
      return Code::kCancelled;
    case Kind::kUnavailable:
    case Kind::kUnreachable:
      return Code::kUnavailable;
    case Kind::kUnauthenticated:
      return Code::kUnauthenticated;
    case Kind::kPermissionDenied:
      return Code::kPermissionDenied;
    case Kind::kExhausted:
      return Code::kResourceExhausted;
    case Kind::kUnimplemented:
      return Code::kUnimplemented;
    case Kind::kPreconditionFailed:
      return Code::kFailedPrecondition;
    case Kind::kTooLarge:
      return Code::kResourceExhausted;
    case Kind::kProtocol:
      return Code::kInternal;
  }
  return Code::kUnknown;
}

base::Kind KindOfCode(Code code) {
  using base::Kind;
  switch (code) {
    case Code::kCancelled:
      return Kind::kCanceled;
    case Code::kInvalidArgument:
      return Kind::kInvalidArgument;
    case Code::kDeadlineExceeded:
      return Kind::kTimeout;
    case Code::kNotFound:
      return Kind::kNotFound;
    case Code::kAlreadyExists:
      return Kind::kAlreadyExists;
    case Code::kPermissionDenied:
      return Kind::kPermissionDenied;
    case Code::kResourceExhausted:
      return Kind::kExhausted;
    case Code::kFailedPrecondition:
      return Kind::kPreconditionFailed;
    case Code::kAborted:
      return Kind::kConflict;
    case Code::kOutOfRange:
      return Kind::kInvalidArgument;
    case Code::kUnimplemented:
      return Kind::kUnimplemented;
    case Code::kUnavailable:
      return Kind::kUnavailable;
    case Code::kUnauthenticated:
      return Kind::kUnauthenticated;
    default:
      return Kind::kInternal;
  }
}

Code CodeOfHttpStatus(int status) {
  switch (status) {
    case 400:
      return Code::kInternal;
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 404:
      return Code::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code::kUnavailable;
    default:
      return Code::kUnknown;
  }
}

std::string EncodeMessage(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
      out += c;
    } else {
      base::AppendPercentEncoded(out, c);
    }
  }
  return out;
}

std::string DecodeMessage(std::string_view encoded) {
  std::string out;
  out.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    // A bad escape is kept as it is: the message is for people.
    if (encoded[i] == '%' && i + 2 < encoded.size() && base::HexValue(encoded[i + 1]) >= 0 &&
        base::HexValue(encoded[i + 2]) >= 0) {
      out +=
          static_cast<char>(base::HexValue(encoded[i + 1]) * 16 + base::HexValue(encoded[i + 2]));
      i += 2;
    } else {
      out += encoded[i];
    }
  }
  return out;
}

std::optional<std::string> DecodeBinary(std::string_view value) {
  // Both forms are legal on the wire.
  if (auto raw = base::Base64DecodeRaw(value)) return raw;
  return base::Base64Decode(value);
}

void AppendStatus(const Status& status, http::Headers& trailers) {
  std::array<char, 12> digits;
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<int>(status.code))
          .ptr;
  trailers.Add("grpc-status", std::string_view(digits.data(), end));
  if (!status.message.empty()) trailers.Add("grpc-message", EncodeMessage(status.message));
  if (!status.details.empty()) {
    trailers.Add("grpc-status-details-bin", base::Base64EncodeRaw(status.details));
  }
}

bool ParseStatus(const http::Headers& trailers, Status& status) {
  const auto code = trailers.Get("grpc-status");
  if (!code) return false;
  int number = 2;
  const auto [end, error] = std::from_chars(code->data(), code->data() + code->size(), number);
  if (error != std::errc() || end != code->data() + code->size() || number < 0) number = 2;
  status.code = static_cast<Code>(number);
  if (const auto message = trailers.Get("grpc-message")) status.message = DecodeMessage(*message);
  if (const auto details = trailers.Get("grpc-status-details-bin")) {
    status.details = DecodeBinary(*details).value_or("");
  }
  return true;
}

base::Error ToError(const Status& status) {
  return base::Error(KindOfCode(status.code), RpcErrorText(status.code, status.message))
      .WithRemote({static_cast<int>(status.code), status.message, status.details});
}

std::string RpcErrorText(Code code, std::string_view message) {
  std::string text = "rpc error: code = ";
  text += CodeName(code);
  text += " desc = ";
  text += message;
  return text;
}

bool ParseTimeout(std::string_view text, std::chrono::nanoseconds& timeout) {
  if (text.size() < 2 || text.size() > 9) return false;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, value);
  if (error != std::errc() || end != text.data() + text.size() - 1 || value < 0) return false;
  // Eight digits of hours are more than nanoseconds can count.
  constexpr int64_t kMostHours = 2'000'000;
  switch (text.back()) {
    case 'H':
      timeout = std::chrono::hours(std::min(value, kMostHours));
      break;
    case 'M':
      timeout = std::chrono::minutes(value);
      break;
    case 'S':
      timeout = std::chrono::seconds(value);
      break;
    case 'm':
      timeout = std::chrono::milliseconds(value);
      break;
    case 'u':
      timeout = std::chrono::microseconds(value);
      break;
    case 'n':
      timeout = std::chrono::nanoseconds(value);
      break;
    default:
      return false;
  }
  return true;
}

std::string FormatTimeout(std::chrono::nanoseconds timeout) {
  const int64_t nanos = timeout.count() > 0 ? timeout.count() : 1;
  struct Unit {
    int64_t size;
    char letter;
  };
  static constexpr std::array<Unit, 6> kUnits = {{{1, 'n'},
                                                  {1'000, 'u'},
                                                  {1'000'000, 'm'},
                                                  {1'000'000'000, 'S'},
                                                  {60'000'000'000, 'M'},
                                                  {3'600'000'000'000, 'H'}}};
  for (const Unit& unit : kUnits) {
    const int64_t value = (nanos + unit.size - 1) / unit.size;
    if (value <= 99'999'999) return std::to_string(value) + unit.letter;
  }
  return "99999999H";
}

}  // namespace grpc
