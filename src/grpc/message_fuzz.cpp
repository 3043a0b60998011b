// gRPC framing and metadata (status trailers, "-bin" values, timeouts): whatever bytes arrive, the
// parsers end with a value or an error, and what was encoded here is read back as it was.
#include <cstdint>
#include <cstdlib>

#include "base/base64.hpp"
#include "grpc/message.hpp"
#include "grpc/status.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool gzip = (data[0] & 1) != 0;
  const std::size_t step = 1 + (data[0] >> 1);
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);

  grpc::FrameParser parser(4096, gzip);
  for (std::size_t at = 0; at < text.size(); at += step) {
    std::string_view piece = text.substr(at, step);
    while (true) {
      auto message = parser.Next(piece);
      if (!message) return 0;
      if (*message && (*message)->size() > 4096) std::abort();
      if (piece.empty() && !*message) break;
    }
  }

  http::Headers trailers;
  trailers.Add("grpc-status", text.substr(0, 3));
  trailers.Add("grpc-message", text);
  trailers.Add("grpc-status-details-bin", text);
  grpc::Status status;
  grpc::ParseStatus(trailers, status);
  if (grpc::DecodeMessage(grpc::EncodeMessage(text)) != text) std::abort();

  const auto bytes = grpc::DecodeBinary(text);
  if (bytes && bytes->size() > text.size() / 4 * 3 + 2) std::abort();
  for (const std::string& value : {base::Base64Encode(text), base::Base64EncodeRaw(text)}) {
    if (grpc::DecodeBinary(value) != text) std::abort();
  }

  std::chrono::nanoseconds timeout;
  if (grpc::ParseTimeout(text, timeout)) {
    if (timeout.count() < 0) std::abort();
    std::chrono::nanoseconds again;
    if (!grpc::ParseTimeout(grpc::FormatTimeout(timeout), again)) std::abort();
  }
  return 0;
}
