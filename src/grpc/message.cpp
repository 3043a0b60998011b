#include "grpc/message.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstring>

namespace grpc {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's way to say "gzip wrapper"

void AppendPrefix(bool compressed, std::size_t size, std::string& out) {
  const auto length = static_cast<uint32_t>(size);
  const char prefix[5] = {static_cast<char>(compressed), static_cast<char>(length >> 24),
                          static_cast<char>(length >> 16), static_cast<char>(length >> 8),
                          static_cast<char>(length)};
  out.append(prefix, sizeof prefix);
}

}  // namespace

void AppendFrame(std::string_view message, bool gzip, std::string& out) {
  if (!gzip) {
    AppendPrefix(false, message.size(), out);
    out += message;
    return;
  }
  const std::string packed = Gzip(message);
  AppendPrefix(true, packed.size(), out);
  out += packed;
}

std::string Gzip(std::string_view data) {
  z_stream z{};
  deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, data.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

base::Result<std::string> Gunzip(std::string_view data, std::size_t limit) {
  z_stream z{};
  if (inflateInit2(&z, kGzipWindow) != Z_OK) {
    return base::Fail(base::Kind::kInternal, "grpc: cannot set up the gzip decompressor");
  }
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  z.avail_in = static_cast<uInt>(data.size());
  std::string out;
  int state = Z_OK;
  while (state == Z_OK) {
    const std::size_t have = out.size();
    if (have > limit) break;
    // One byte past the limit tells "too large" from "just fits".
    out.resize(std::min(limit + 1, std::max<std::size_t>(have * 2, 4096)));
    if (out.size() == have) break;
    z.next_out = reinterpret_cast<Bytef*>(out.data() + have);
    z.avail_out = static_cast<uInt>(out.size() - have);
    state = inflate(&z, Z_NO_FLUSH);
    out.resize(z.total_out);
    if (state == Z_BUF_ERROR) break;
  }
  const bool complete = state == Z_STREAM_END;
  inflateEnd(&z);
  if (out.size() > limit) {
    return base::Fail(base::Kind::kTooLarge,
                      "grpc: received message after decompression larger than max (" +
                          std::to_string(out.size()) + " vs. " + std::to_string(limit) + ")");
  }
  if (!complete) {
    return base::Fail(base::Kind::kInternal, "grpc: failed to decompress the received message");
  }
  return out;
}

base::Result<std::optional<std::string>> FrameParser::Next(std::string_view& data) {
  if (header_size_ < sizeof header_) {
    const std::size_t take = std::min(sizeof header_ - header_size_, data.size());
    std::memcpy(header_ + header_size_, data.data(), take);
    header_size_ = static_cast<uint8_t>(header_size_ + take);
    data.remove_prefix(take);
    if (header_size_ < sizeof header_) return std::nullopt;
    const auto* bytes = reinterpret_cast<const unsigned char*>(header_);
    if (bytes[0] > 1) {
      return base::Fail(base::Kind::kInternal,
                        "grpc: received unexpected payload format " + std::to_string(bytes[0]));
    }
    if (bytes[0] == 1 && !gzip_) {
      return base::Fail(
          base::Kind::kUnimplemented,
          "grpc: a message is compressed but no supported grpc-encoding was declared");
    }
    expected_ = static_cast<uint32_t>(bytes[1]) << 24 | static_cast<uint32_t>(bytes[2]) << 16 |
                static_cast<uint32_t>(bytes[3]) << 8 | bytes[4];
    if (expected_ > max_message_) {
      return base::Fail(base::Kind::kTooLarge, "grpc: received message larger than max (" +
                                                   std::to_string(expected_) + " vs. " +
                                                   std::to_string(max_message_) + ")");
    }
  }
  const std::size_t take = std::min<std::size_t>(expected_ - message_.size(), data.size());
  // Grows with what comes and not with what was announced, but never past it.
  if (const std::size_t needed = message_.size() + take; needed > message_.capacity()) {
    message_.reserve(std::min<std::size_t>(expected_, 2 * needed));
  }
  message_.append(data.data(), take);
  data.remove_prefix(take);
  if (message_.size() < expected_) return std::nullopt;
  const bool compressed = header_[0] == 1;
  header_size_ = 0;
  std::string message = std::move(message_);
  message_.clear();
  if (!compressed) return std::optional(std::move(message));
  auto plain = Gunzip(message, max_message_);
  if (!plain) return std::unexpected(std::move(plain).error());
  return std::optional(std::move(*plain));
}

async::Task<base::Result<std::optional<std::string>>> MessageReader::Next(
    const async::Context& context) {
  while (true) {
    if (!chunk_.empty() || !parser_.at_boundary()) {
      auto message = parser_.Next(chunk_);
      if (!message) co_return std::unexpected(std::move(message).error());
      if (*message) co_return std::move(*message);
    }
    auto chunk = co_await http::NextChunk(body_, context);
    if (!chunk) co_return std::unexpected(std::move(chunk).error());
    if (!*chunk) {
      if (parser_.at_boundary()) co_return std::nullopt;
      co_return base::Fail(base::Kind::kInternal, "grpc: the stream ended inside a message");
    }
    chunk_ = **chunk;
  }
}

}  // namespace grpc
