// zstd as librdkafka uses it works without the parts that are left out.
#include <gtest/gtest.h>
#include <zstd.h>

#include <memory>
#include <random>
#include <string>

namespace components::kafka {
namespace {

constexpr int kDefaultOfLibrdkafka = 3;

std::string Text(std::size_t length, unsigned letters) {
  std::mt19937 random(static_cast<unsigned>(length));
  std::string out(length, '\0');
  for (char& c : out) c = static_cast<char>('a' + random() % letters);
  return out;
}

std::string Compress(const std::string& text) {
  const std::unique_ptr<ZSTD_CStream, decltype(&ZSTD_freeCStream)> stream(ZSTD_createCStream(),
                                                                          ZSTD_freeCStream);
  EXPECT_FALSE(ZSTD_isError(ZSTD_initCStream(stream.get(), kDefaultOfLibrdkafka)));
  std::string out(ZSTD_compressBound(text.size()), '\0');
  ZSTD_inBuffer from{text.data(), text.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  EXPECT_FALSE(ZSTD_isError(ZSTD_compressStream(stream.get(), &to, &from)));
  EXPECT_EQ(from.pos, text.size());
  EXPECT_EQ(ZSTD_endStream(stream.get(), &to), 0U);
  out.resize(to.pos);
  return out;
}

TEST(UnusedParts, ZstdCompressesEveryLengthAtTheDefaultLevel) {
  for (std::size_t length = 1; length <= std::size_t{4} << 20; length = length * 3 + 1) {
    for (const unsigned letters : {1U, 3U, 26U}) {
      const std::string text = Text(length, letters);
      const std::string small = Compress(text);
      std::string back(length, '\0');
      ASSERT_EQ(ZSTD_decompress(back.data(), back.size(), small.data(), small.size()), length);
      EXPECT_EQ(back, text) << length << " of " << letters;
      if (length > 1000) EXPECT_LT(small.size(), length);
    }
  }
}

}  // namespace
}  // namespace components::kafka
