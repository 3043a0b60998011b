#include "control/placement/blake2b.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace control {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kBlock = 128;
constexpr std::array<uint64_t, 8> kStart = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
constexpr unsigned char kOrder[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                          {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                          {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                          {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                          {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                          {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                          {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                          {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                          {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                          {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};
constexpr unsigned char kMixed[8][4] = {{0, 4, 8, 12},  {1, 5, 9, 13},  {2, 6, 10, 14},
                                        {3, 7, 11, 15}, {0, 5, 10, 15}, {1, 6, 11, 12},
                                        {2, 7, 8, 13},  {3, 4, 9, 14}};

void Compress(std::array<uint64_t, 8>& state, const unsigned char* block, uint64_t count,
              bool last) {
  std::array<uint64_t, 16> words;
  std::memcpy(words.data(), block, kBlock);
  std::array<uint64_t, 16> v;
  for (std::size_t i = 0; i < 8; ++i) {
    v[i] = state[i];
    v[i + 8] = kStart[i];
  }
  v[12] ^= count;
  if (last) v[14] = ~v[14];
  for (std::size_t round = 0; round < 12; ++round) {
    const auto& order = kOrder[round % 10];
    for (std::size_t i = 0; i < 8; ++i) {
      uint64_t& a = v[kMixed[i][0]];
      uint64_t& b = v[kMixed[i][1]];
      uint64_t& c = v[kMixed[i][2]];
      uint64_t& d = v[kMixed[i][3]];
      a += b + words[order[2 * i]];
      d = std::rotr(d ^ a, 32);
      c += d;
      b = std::rotr(b ^ c, 24);
      a += b + words[order[2 * i + 1]];
      d = std::rotr(d ^ a, 16);
      c += d;
      b = std::rotr(b ^ c, 63);
    }
  }
  for (std::size_t i = 0; i < 8; ++i) state[i] ^= v[i] ^ v[i + 8];
}

}  // namespace

uint64_t Blake2bPrefix(std::string_view text) {
  std::array<uint64_t, 8> state = kStart;
  state[0] ^= 0x01010000 ^ 64;  // no key, 64 bytes of output
  uint64_t count = 0;
  std::array<unsigned char, kBlock> block;
  while (text.size() > kBlock) {
    std::memcpy(block.data(), text.data(), kBlock);
    count += kBlock;
    Compress(state, block.data(), count, false);
    text.remove_prefix(kBlock);
  }
  block = {};
  if (!text.empty()) std::memcpy(block.data(), text.data(), text.size());
  Compress(state, block.data(), count + text.size(), true);
  return state[0];
}

}  // namespace control
