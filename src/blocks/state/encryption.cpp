#include "blocks/state/encryption.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>

#include "base/base64.hpp"
#include "base/hex.hpp"
#include "base/random.hpp"
#include "base/strings.hpp"
#include "blocks/state/keys.hpp"

namespace blocks::state {

using base::Kind;

namespace {

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const EVP_CIPHER* CipherOf(const EncryptionKey& key) {
  switch (key.bytes.size()) {
    case 16:
      return EVP_aes_128_gcm();
    case 24:
      return EVP_aes_192_gcm();
    default:
      return EVP_aes_256_gcm();
  }
}

const unsigned char* Bytes(const char* text) {
  return reinterpret_cast<const unsigned char*>(text);
}
unsigned char* Bytes(char* text) {
  return reinterpret_cast<unsigned char*>(text);
}

}  // namespace

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
  OPENSSL_cleanse(primary_.bytes.data(), primary_.bytes.size());
  if (secondary_) OPENSSL_cleanse(secondary_->bytes.data(), secondary_->bytes.size());
}

const EncryptionKey* Encryption::Find(std::string_view name) const {
  if (name == primary_.name) return &primary_;
  if (secondary_ && name == secondary_->name) return &*secondary_;
  return nullptr;
}

base::Result<std::string> Encryption::Encrypt(std::string_view plain) const {
  std::string sealed(kNonce + plain.size() + kTag, '\0');
  base::FillRandom({Bytes(sealed.data()), kNonce});
  const CipherContext context(EVP_CIPHER_CTX_new());
  int written = 0, last = 0;
  unsigned char* out = Bytes(sealed.data()) + kNonce;
  const bool fine =
      context && plain.size() <= INT32_MAX &&
      EVP_EncryptInit_ex(context.get(), CipherOf(primary_), nullptr, Bytes(primary_.bytes.data()),
                         Bytes(sealed.data())) == 1 &&
      EVP_EncryptUpdate(context.get(), out, &written, Bytes(plain.data()),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), out + written, &last) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTag, out + plain.size()) == 1;
  if (!fine) return base::Fail(Kind::kInternal, "the value cannot be encrypted");
  return base::StrCat(base::Base64Encode(sealed), kKeySeparator, primary_.name);
}

base::Result<std::string> Encryption::Decrypt(std::string_view stored) const {
  const std::size_t at = stored.rfind(kKeySeparator);
  if (at == std::string_view::npos) {
    return base::Fail(Kind::kInternal,
                      "could not decrypt data for state store: the value is not encrypted; it was "
                      "written before encryption was switched on");
  }
  const std::string_view name = stored.substr(at + kKeySeparator.size());
  const EncryptionKey* key = Find(name);
  if (!key) {
    return base::Fail(
        Kind::kInternal,
        base::StrCat("could not decrypt data for state store: encryption key ", base::Quote(name),
                     " is not known; give it as secondaryEncryptionKey"));
  }
  const std::optional<std::string> sealed = base::Base64Decode(stored.substr(0, at));
  if (!sealed || sealed->size() < kNonce + kTag) {
    return base::Fail(Kind::kInternal,
                      "could not decrypt data for state store: the value is damaged");
  }
  const std::size_t size = sealed->size() - kNonce - kTag;
  std::string plain(size, '\0');
  std::string tag = sealed->substr(sealed->size() - kTag);
  const CipherContext context(EVP_CIPHER_CTX_new());
  int written = 0, last = 0;
  const bool fine =
      context && size <= INT32_MAX &&
      EVP_DecryptInit_ex(context.get(), CipherOf(*key), nullptr, Bytes(key->bytes.data()),
                         Bytes(sealed->data())) == 1 &&
      EVP_DecryptUpdate(context.get(), Bytes(plain.data()), &written,
                        Bytes(sealed->data()) + kNonce, static_cast<int>(size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), Bytes(plain.data()) + written, &last) == 1;
  if (!fine) {
    return base::Fail(Kind::kInternal,
                      "could not decrypt data for state store: the value or its key was changed");
  }
  return plain;
}

}  // namespace blocks::state
