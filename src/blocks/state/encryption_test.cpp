#include "blocks/state/encryption.hpp"

#include <gtest/gtest.h>

#include "base/base64.hpp"

namespace blocks::state {
namespace {

constexpr std::string_view kHex16 = "000102030405060708090a0b0c0d0e0f";
constexpr std::string_view kHex32 =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

EncryptionKey Key(std::string_view name, std::string_view hex) {
  return Encryption::ParseKey("primaryEncryptionKey", name, hex).value();
}

TEST(Encryption, StoredFormIsNonceCiphertextTagAndKeyName) {
  const Encryption encryption(Key("mykey", kHex32), std::nullopt);
  const std::string stored = encryption.Encrypt("hello").value();
  ASSERT_TRUE(stored.ends_with("||mykey")) << stored;
  const auto sealed = base::Base64Decode(std::string_view(stored).substr(0, stored.size() - 7));
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->size(), 12u + 5u + 16u);
  EXPECT_EQ(encryption.Decrypt(stored).value(), "hello");
  EXPECT_NE(encryption.Encrypt("hello").value(), stored);  // a fresh nonce
}

TEST(Encryption, ReadsAKnownValue) {
  // AES-128-GCM of "attack at dawn", key 00..0f, nonce of twelve zero bytes.
  const Encryption encryption(Key("k", kHex16), std::nullopt);
  EXPECT_EQ(
      encryption.Decrypt("AAAAAAAAAAAAAAAAKKLzMvrwhu2XqR4JF+9kI7R5RXyowHknSZVkDB0H||k").value(),
      "attack at dawn");
}

TEST(Encryption, AllKeySizes) {
  for (std::size_t digits : {32, 48, 64}) {
    const Encryption encryption(Key("k", std::string(digits, 'a')), std::nullopt);
    EXPECT_EQ(encryption.Decrypt(encryption.Encrypt("x").value()).value(), "x");
  }
}

TEST(Encryption, TheSecondaryKeyStillReads) {
  const Encryption old(Key("old", kHex16), std::nullopt);
  const Encryption rotated(Key("new", kHex32), Key("old", kHex16));
  EXPECT_EQ(rotated.Decrypt(old.Encrypt("x").value()).value(), "x");
  EXPECT_TRUE(rotated.Encrypt("x")->ends_with("||new"));
}

TEST(Encryption, TwoKeysOfOneSecret) {
  const Encryption old(Key("both", kHex16), std::nullopt);
  const Encryption rotated(Key("both", kHex32), Key("both", kHex16));
  EXPECT_EQ(rotated.Decrypt(old.Encrypt("x").value()).value(), "x");
  EXPECT_EQ(rotated.Decrypt(rotated.Encrypt("y").value()).value(), "y");
  const Encryption other(Key("both", std::string(32, 'c')), std::nullopt);
  EXPECT_FALSE(rotated.Decrypt(other.Encrypt("z").value()));
}

TEST(Encryption, AnyBytesAndNone) {
  const Encryption encryption(Key("a||b", kHex32), std::nullopt);
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (const std::string& plain : {std::string(), all, std::string(1 << 20, 'x')}) {
    const auto stored = encryption.Encrypt(plain);
    ASSERT_TRUE(stored);
    EXPECT_FALSE(stored->find(plain.substr(0, 32)) == 0 && !plain.empty());
  }
  const Encryption named(Key("k", kHex32), std::nullopt);
  EXPECT_EQ(named.Decrypt(named.Encrypt("").value()).value(), "");
  EXPECT_EQ(named.Decrypt(named.Encrypt(all).value()).value(), all);
}

TEST(Encryption, WhatCannotBeReadIsExplained) {
  const Encryption encryption(Key("k", kHex32), std::nullopt);
  std::string changed = encryption.Encrypt("hello").value();
  changed[20] = changed[20] == 'A' ? 'B' : 'A';
  const std::pair<std::string, const char*> cases[] = {{"plain", "not encrypted"},
                                                       {"abcd||other", "\"other\" is not known"},
                                                       {"abcd||k", "damaged"},
                                                       {"****||k", "damaged"},
                                                       {changed, "was changed"}};
  for (const auto& [stored, message] : cases) {
    const auto plain = encryption.Decrypt(stored);
    ASSERT_FALSE(plain) << stored;
    EXPECT_NE(plain.error().message.find(message), std::string::npos) << plain.error().message;
  }
}

TEST(Encryption, WrongKeysAreRefusedWithoutBeingShown) {
  for (const char* hex : {"", "abc", "zz0102030405060708090a0b0c0d0e0f", "0011"}) {
    const auto key = Encryption::ParseKey("primaryEncryptionKey", "s", hex);
    ASSERT_FALSE(key);
    EXPECT_NE(key.error().message.find("primaryEncryptionKey"), std::string::npos);
    EXPECT_EQ(key.error().message.find("zz01"), std::string::npos);
  }
}

}  // namespace
}  // namespace blocks::state
