#include "blocks/state/encryption.hpp"

#include "base/base64.hpp"
#include "base/hex.hpp"
#include "base/strings.hpp"
#include "blocks/state/keys.hpp"
#include "net/crypto.hpp"

namespace blocks::state {

using base::Kind;

base::Result<EncryptionKey> Encryption::ParseKey(std::string_view field,
                                                 std::string_view secret_name,
                                                 std::string_view hex) {
  std::optional<std::string> bytes = base::HexDecode(hex);
  if (!bytes || (bytes->size() != 16 && bytes->size() != 24 && bytes->size() != 32)) {
    return base::Fail(Kind::kInvalidArgument,
                      base::StrCat("the metadata field ", field,
                                   " is no AES key: it must be 32, 48 or 64 hexadecimal digits"));
  }
  return EncryptionKey{std::string(secret_name), *std::move(bytes)};
}

Encryption::Encryption(EncryptionKey primary, std::optional<EncryptionKey> secondary)
    : primary_(std::move(primary)), secondary_(std::move(secondary)) {}

Encryption::~Encryption() {
  net::Cleanse(primary_.bytes);
  if (secondary_) net::Cleanse(secondary_->bytes);
}

base::Result<std::string> Encryption::Encrypt(std::string_view plain) const {
  const std::optional<std::string> sealed = net::AesGcmSeal(primary_.bytes, plain);
  if (!sealed) return base::Fail(Kind::kInternal, "the value cannot be encrypted");
  return base::StrCat(base::Base64Encode(*sealed), kKeySeparator, primary_.name);
}

base::Result<std::string> Encryption::Decrypt(std::string_view stored) const {
  const std::size_t at = stored.rfind(kKeySeparator);
  if (at == std::string_view::npos) {
    return base::Fail(Kind::kInternal,
                      "could not decrypt data for state store: the value is not encrypted; it was "
                      "written before encryption was switched on");
  }
  const std::string_view name = stored.substr(at + kKeySeparator.size());
  const bool first = name == primary_.name;
  const bool second = secondary_ && name == secondary_->name;
  if (!first && !second) {
    return base::Fail(
        Kind::kInternal,
        base::StrCat("could not decrypt data for state store: encryption key ", base::Quote(name),
                     " is not known; give it as secondaryEncryptionKey"));
  }
  const std::optional<std::string> sealed = base::Base64Decode(stored.substr(0, at));
  if (!sealed || sealed->size() < net::kAesGcmNonce + net::kAesGcmTag) {
    return base::Fail(Kind::kInternal,
                      "could not decrypt data for state store: the value is damaged");
  }
  std::optional<std::string> plain;
  if (first) plain = net::AesGcmOpen(primary_.bytes, *sealed);
  if (!plain && second) plain = net::AesGcmOpen(secondary_->bytes, *sealed);
  if (!plain) {
    return base::Fail(Kind::kInternal,
                      "could not decrypt data for state store: the value or its key was changed");
  }
  return *std::move(plain);
}

}  // namespace blocks::state
