#include "telemetry/status_label.hpp"

#include <array>
#include <cstddef>

namespace telemetry {
namespace {

constexpr int kStatuses = 1000;

constexpr auto kDigits = [] {
  std::array<std::array<char, 3>, kStatuses> digits{};
  for (int i = 0; i < kStatuses; ++i) {
    digits[i] = {static_cast<char>('0' + i / 100), static_cast<char>('0' + i / 10 % 10),
                 static_cast<char>('0' + i % 10)};
  }
  return digits;
}();

}  // namespace

std::string_view HttpStatusLabel(int status) {
  if (status < 0 || status >= kStatuses) status = 0;
  const size_t zeros = status >= 100 ? 0 : status >= 10 ? 1 : 2;
  return {kDigits[status].data() + zeros, 3 - zeros};
}

std::string_view GrpcStatusLabel(int code) {
  static constexpr std::array<std::string_view, 17> kNames = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  return code >= 0 && code < static_cast<int>(kNames.size()) ? kNames[code] : kNames[2];
}

}  // namespace telemetry
