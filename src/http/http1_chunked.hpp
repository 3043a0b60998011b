// Decoder of chunked bodies, strict and incremental (private to http/).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/headers.hpp"
#include "http/http1_parser.hpp"

namespace http {

class ChunkDecoder {
 public:
  enum class State : unsigned char { kData, kMore, kEnd, kError };

  /// `max_trailer_bytes` bounds the trailers; chunk extensions have a fixed bound.
  void Start(std::size_t max_trailer_bytes);

  /// Takes framing and at most one run of data from the start of `input`. `consumed` counts framing
  /// and data; on kData the data are the last `data.size()` of them. Bytes that are not consumed
  /// must be given again, with more behind them. `trailers` is filled by the time of kEnd.
  State Next(std::string_view input, std::size_t& consumed, std::string_view& data,
             Headers& trailers);
  /// After kError: what is wrong, in words.
  std::string_view fault() const { return fault_; }

 private:
  enum class Stage : unsigned char {
    kSize,       // hexadecimal digits
    kExtension,  // after ';'
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailers,
    kEnd,
    kError,
  };
  State Fail(std::string_view fault) {
    fault_ = fault;
    stage_ = Stage::kError;
    return State::kError;
  }
  State Trailers(std::string_view input, std::size_t& consumed, Headers& trailers);

  Stage stage_ = Stage::kSize;
  unsigned digits_ = 0;
  uint64_t left_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_left_ = 0;
  std::size_t trailer_fields_left_ = 0;
  std::string_view fault_;
};

}  // namespace http
