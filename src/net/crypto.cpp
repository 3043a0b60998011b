#include "net/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <climits>
#include <memory>

#include "base/random.hpp"

namespace net {
namespace {

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const EVP_CIPHER* CipherFor(std::string_view key) {
  switch (key.size()) {
    case 16:
      return EVP_aes_128_gcm();
    case 24:
      return EVP_aes_192_gcm();
    case 32:
      return EVP_aes_256_gcm();
    default:
      return nullptr;
  }
}

const unsigned char* Bytes(const char* text) {
  return reinterpret_cast<const unsigned char*>(text);
}
unsigned char* Bytes(char* text) {
  return reinterpret_cast<unsigned char*>(text);
}

}  // namespace

std::string Sha256(std::string_view data) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(Bytes(data.data()), data.size(), Bytes(digest.data()));
  return digest;
}

std::optional<std::string> AesGcmSeal(std::string_view key, std::string_view plain) {
  const EVP_CIPHER* cipher = CipherFor(key);
  const CipherContext context(EVP_CIPHER_CTX_new());
  if (!cipher || !context || plain.size() > INT_MAX) return std::nullopt;
  std::string sealed(kAesGcmNonce + plain.size() + kAesGcmTag, '\0');
  base::FillRandom({Bytes(sealed.data()), kAesGcmNonce});
  int written = 0, last = 0;
  unsigned char* out = Bytes(sealed.data()) + kAesGcmNonce;
  const bool fine =
      EVP_EncryptInit_ex(context.get(), cipher, nullptr, Bytes(key.data()), Bytes(sealed.data())) ==
          1 &&
      EVP_EncryptUpdate(context.get(), out, &written, Bytes(plain.data()),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), out + written, &last) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kAesGcmTag, out + plain.size()) == 1;
  if (!fine) return std::nullopt;
  return sealed;
}

std::optional<std::string> AesGcmOpen(std::string_view key, std::string_view sealed) {
  const EVP_CIPHER* cipher = CipherFor(key);
  const CipherContext context(EVP_CIPHER_CTX_new());
  if (!cipher || !context || sealed.size() < kAesGcmNonce + kAesGcmTag) return std::nullopt;
  const std::size_t size = sealed.size() - kAesGcmNonce - kAesGcmTag;
  if (size > INT_MAX) return std::nullopt;
  std::string plain(size, '\0');
  std::string tag(sealed.substr(sealed.size() - kAesGcmTag));
  int written = 0, last = 0;
  const bool fine =
      EVP_DecryptInit_ex(context.get(), cipher, nullptr, Bytes(key.data()), Bytes(sealed.data())) ==
          1 &&
      EVP_DecryptUpdate(context.get(), Bytes(plain.data()), &written,
                        Bytes(sealed.data()) + kAesGcmNonce, static_cast<int>(size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kAesGcmTag, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), Bytes(plain.data()) + written, &last) == 1;
  if (!fine) return std::nullopt;
  return plain;
}

void Cleanse(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
}

}  // namespace net
