#include "base/quantity.hpp"

#include <array>
#include <optional>

#include "base/strings.hpp"

namespace base {
namespace {

struct Suffix {
  std::string_view name;
  int binary;   // power of two
  int decimal;  // power of ten
};
constexpr std::array<Suffix, 16> kSuffixes{{{"", 0, 0},
                                            {"Ki", 10, 0},
                                            {"Mi", 20, 0},
                                            {"Gi", 30, 0},
                                            {"Ti", 40, 0},
                                            {"Pi", 50, 0},
                                            {"Ei", 60, 0},
                                            {"n", 0, -9},
                                            {"u", 0, -6},
                                            {"m", 0, -3},
                                            {"k", 0, 3},
                                            {"M", 0, 6},
                                            {"G", 0, 9},
                                            {"T", 0, 12},
                                            {"P", 0, 15},
                                            {"E", 0, 18}}};

std::unexpected<Error> Bad(std::string_view text, std::string_view why) {
  return Fail(Kind::kInvalidArgument, StrCat("invalid quantity ", Quote(text), ": ", why,
                                             "; write it like 4Mi, 512Ki or 1048576"));
}

std::optional<Suffix> FindSuffix(std::string_view text) {
  for (const Suffix& suffix : kSuffixes) {
    if (suffix.name == text) return suffix;
  }
  // "E" alone is exa, "E3" an exponent.
  if (text.size() > 1 && (text.front() == 'e' || text.front() == 'E')) {
    if (auto exponent = ParseInt<int>(text.substr(1));
        exponent && *exponent >= -30 && *exponent <= 30) {
      return Suffix{text, 0, *exponent};
    }
  }
  return std::nullopt;
}

}  // namespace

Result<int64_t> ParseQuantity(std::string_view text) {
  const std::string_view whole = text;
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  constexpr auto kLimit = static_cast<unsigned __int128>(1) << 63;
  unsigned __int128 value = 0;
  int scale = 0;  // the value is `value` * 10^scale
  bool digits = false, point = false;
  while (!text.empty() && (IsDigit(text.front()) || (text.front() == '.' && !point))) {
    if (text.front() == '.') {
      point = true;
    } else {
      digits = true;
      if (value > kLimit * 1'000'000) return Bad(whole, "too many digits");
      value = value * 10 + static_cast<unsigned>(text.front() - '0');
      if (point) --scale;
    }
    text.remove_prefix(1);
  }
  if (!digits) return Bad(whole, "no number");
  const auto suffix = FindSuffix(text);
  if (!suffix) return Bad(whole, StrCat("unknown suffix ", Quote(text)));
  scale += suffix->decimal;
  for (int i = 0; i < suffix->binary; ++i) {
    // Halving the scale's factors first would lose nothing, but 2^60 * 2^83 still fits 128 bits
    // only when checked step by step.
    if (value > (static_cast<unsigned __int128>(1) << 126)) return Bad(whole, "too large");
    value *= 2;
  }
  for (; scale < 0; ++scale) {
    if (value % 10 != 0) return Bad(whole, "not a whole number");
    value /= 10;
  }
  for (; scale > 0 && value != 0; --scale) {
    if (value > kLimit) return Bad(whole, "too large");
    value *= 10;
  }
  if (value > kLimit - (negative ? 0 : 1)) return Bad(whole, "too large");
  const auto magnitude = static_cast<uint64_t>(value);
  return static_cast<int64_t>(negative ? -magnitude : magnitude);
}

}  // namespace base
