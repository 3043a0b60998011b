// gRPC framing and metadata: whatever bytes arrive, the parser ends with messages or an error.
#include <cstdint>
#include <cstdlib>

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
  std::chrono::nanoseconds timeout;
  if (grpc::ParseTimeout(text, timeout) && timeout.count() < 0) std::abort();
  return 0;
}
