// Comparison of tokens and other secrets. Any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace base {

/// True when both texts are equal. The time taken depends only on the length of `given`, so that a
/// caller cannot find a token byte by byte; give the untrusted text first.
inline bool ConstantTimeEquals(std::string_view given, std::string_view expected) {
  // An unequal length still walks the whole input, against itself, for equal timing.
  const bool same_size = given.size() == expected.size();
  const std::string_view other = same_size ? expected : given;
  volatile unsigned char difference = same_size ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    difference = static_cast<unsigned char>(
        difference | (static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(other[i])));
  }
  return difference == 0;
}

}  // namespace base
