// Encryption of values at rest: AES-GCM with a key of the component's secrets. A stored value is
// base64(nonce + ciphertext + tag), the separator, and the name of its key, so that a second key
// can still read what it wrote before the keys were rotated. Immutable; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace blocks::state {

/// One of a component's metadata fields primaryEncryptionKey and secondaryEncryptionKey.
struct EncryptionKey {
  std::string name;   // of the secret the key came from
  std::string bytes;  // 16, 24 or 32
};

class Encryption {
 public:
  /// `hex` is the field's value. Fails with kInvalidArgument; the text never holds the key.
  static base::Result<EncryptionKey> ParseKey(std::string_view field, std::string_view secret_name,
                                              std::string_view hex);

  Encryption(EncryptionKey primary, std::optional<EncryptionKey> secondary);
  ~Encryption();
  Encryption(Encryption&&) = default;
  Encryption& operator=(Encryption&&) = default;

  /// The stored form of `plain`, under the primary key.
  base::Result<std::string> Encrypt(std::string_view plain) const;
  /// With the key that the value names; both are tried when they come from one secret. Fails if the
  /// value was not encrypted, its key is not known, or it was changed.
  base::Result<std::string> Decrypt(std::string_view stored) const;

 private:
  EncryptionKey primary_;
  std::optional<EncryptionKey> secondary_;
};

}  // namespace blocks::state
