// The type of a YAML scalar by the rules of YAML 1.1 as Dapr's YAML library applies them. Private
// to config/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace config {

enum class ScalarType : uint8_t { kNull, kBool, kInt, kUint, kFloat, kString };

struct Scalar {
  ScalarType type = ScalarType::kString;
  bool boolean = false;
  int64_t integer = 0;
  uint64_t unsigned_integer = 0;
  double number = 0;
};

/// `plain` is false for quoted and block scalars, which are always strings.
Scalar ClassifyScalar(std::string_view text, bool plain);

/// The canonical text: "true", "83" for 0123, "1.1" for 1.10, the characters of a string, "" of
/// null.
std::string ScalarText(std::string_view text, const Scalar& scalar);
/// The JSON form; infinities and not-a-number become strings.
std::string ScalarJson(std::string_view text, const Scalar& scalar);

}  // namespace config
