// Base64 of RFC 4648: the standard and the URL alphabet, with and without padding. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace base {

std::string Base64Encode(std::string_view bytes);        // standard, padded
std::string Base64EncodeRaw(std::string_view bytes);     // standard, no padding
std::string Base64UrlEncode(std::string_view bytes);     // URL, padded
std::string Base64UrlEncodeRaw(std::string_view bytes);  // URL, no padding

/// Strict decoding: none on a foreign character, white space, missing or wrong padding, or bits set
/// after the last byte.
std::optional<std::string> Base64Decode(std::string_view text);
std::optional<std::string> Base64DecodeRaw(std::string_view text);
std::optional<std::string> Base64UrlDecode(std::string_view text);
std::optional<std::string> Base64UrlDecodeRaw(std::string_view text);

}  // namespace base
