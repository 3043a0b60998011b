// The few cryptographic functions that others need, so that only this folder sees OpenSSL. Any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace net {

/// The 32 bytes of SHA-256.
std::string Sha256(std::string_view data);

inline constexpr std::size_t kAesGcmNonce = 12;
inline constexpr std::size_t kAesGcmTag = 16;

/// AES-GCM with a key of 16, 24 or 32 bytes and a fresh random nonce: nonce, ciphertext, tag. None
/// if the key has another size or the text is 2 GiB or more.
std::optional<std::string> AesGcmSeal(std::string_view key, std::string_view plain);
/// Undoes AesGcmSeal. None if the text or the key was changed.
std::optional<std::string> AesGcmOpen(std::string_view key, std::string_view sealed);

/// Overwrites a secret before its memory is given back.
void Cleanse(std::string& secret);

}  // namespace net
