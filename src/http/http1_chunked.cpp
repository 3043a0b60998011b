#include "http/http1_chunked.hpp"

#include <algorithm>

#include "base/strings.hpp"

namespace http {
namespace {

// 15 digits stay below 2^60, so sums of sizes cannot overflow.
constexpr unsigned kMaxDigits = 15;
constexpr std::size_t kMaxExtensionBytes = 4096;

// Fields that would change how the message is framed or routed after the fact.
bool Forbidden(std::string_view name) {
  return NameEquals(name, "content-length") || NameEquals(name, "transfer-encoding") ||
         NameEquals(name, "host") || NameEquals(name, "trailer") || NameEquals(name, "connection");
}

}  // namespace

void ChunkDecoder::Start(std::size_t max_trailer_bytes) {
  stage_ = Stage::kSize;
  digits_ = 0;
  left_ = 0;
  extension_bytes_ = 0;
  trailer_bytes_left_ = max_trailer_bytes;
  trailer_fields_left_ = HeadParser::kMaxFields;
  fault_ = {};
}

ChunkDecoder::State ChunkDecoder::Next(std::string_view input, std::size_t& consumed,
                                       std::string_view& data, Headers& trailers) {
  consumed = 0;
  for (;;) {
    if (stage_ == Stage::kEnd) return State::kEnd;
    if (stage_ == Stage::kError) return State::kError;
    if (stage_ == Stage::kTrailers) {
      std::size_t taken = 0;
      const State state = Trailers(input.substr(consumed), taken, trailers);
      consumed += taken;
      return state;
    }
    if (consumed == input.size()) return State::kMore;
    if (stage_ == Stage::kData) {
      const auto size =
          static_cast<std::size_t>(std::min<uint64_t>(left_, input.size() - consumed));
      data = input.substr(consumed, size);
      consumed += size;
      left_ -= size;
      if (left_ == 0) stage_ = Stage::kDataCr;
      return State::kData;
    }
    const char c = input[consumed++];
    switch (stage_) {
      case Stage::kSize:
        if (const int value = base::HexValue(c); value >= 0) {
          if (++digits_ > kMaxDigits) return Fail("chunk size too large");
          left_ = left_ * 16 + static_cast<uint64_t>(value);
          break;
        }
        if (digits_ == 0) return Fail("chunk without a size");
        if (c == ';') {
          stage_ = Stage::kExtension;
        } else if (c == '\r') {
          stage_ = Stage::kSizeLf;
        } else {
          return Fail("malformed chunk size");
        }
        break;
      case Stage::kExtension:
        if (c == '\r') {
          stage_ = Stage::kSizeLf;
        } else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) {
          return Fail("malformed chunk extension");
        } else if (++extension_bytes_ > kMaxExtensionBytes) {
          return Fail("chunk extensions too long");
        }
        break;
      case Stage::kSizeLf:
        if (c != '\n') return Fail("bare CR in a chunk size line");
        stage_ = left_ == 0 ? Stage::kTrailers : Stage::kData;
        break;
      case Stage::kDataCr:
        if (c != '\r') return Fail("chunk longer than its size");
        stage_ = Stage::kDataLf;
        break;
      case Stage::kDataLf:
        if (c != '\n') return Fail("chunk longer than its size");
        stage_ = Stage::kSize;
        digits_ = 0;
        left_ = 0;
        break;
      default:
        return Fail("unreachable");
    }
  }
}

ChunkDecoder::State ChunkDecoder::Trailers(std::string_view input, std::size_t& consumed,
                                           Headers& trailers) {
  for (;;) {
    HeaderView field;
    ParseFault fault;
    std::size_t line = 0;
    const std::string_view rest = input.substr(consumed);
    switch (FieldParser::Next(rest, line, field, fault)) {
      case FieldParser::Line::kMore:
        if (rest.size() > trailer_bytes_left_) return Fail("trailers too large");
        return State::kMore;
      case FieldParser::Line::kError:
        return Fail("malformed trailer");
      case FieldParser::Line::kEnd:
        consumed += line;
        stage_ = Stage::kEnd;
        return State::kEnd;
      case FieldParser::Line::kField:
        if (line > trailer_bytes_left_ || trailer_fields_left_-- == 0) {
          return Fail("trailers too large");
        }
        if (Forbidden(field.name)) return Fail("a trailer may not change the framing");
        trailer_bytes_left_ -= line;
        consumed += line;
        trailers.Add(field.name, field.value);
        break;
    }
  }
}

}  // namespace http
