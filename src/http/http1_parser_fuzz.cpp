// Any bytes, cut anywhere: no crash, and the cuts do not change what is understood. The first byte
// chooses request (even) or response, and how the rest is cut.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/http1_chunked.hpp"
#include "http/http1_parser.hpp"

namespace {

constexpr std::size_t kMaxHead = 1024;

// Everything that was understood, as one text.
std::string Understand(std::string_view input, bool response, std::size_t step) {
  http::RequestHead request;
  http::ResponseHead answer;
  http::HeadParser parser;
  http::ChunkDecoder decoder;
  std::string out;
  std::size_t begin = 0;  // first byte not consumed
  std::size_t end = 0;    // bytes that have arrived
  const auto arrive = [&] {
    if (end == input.size()) return false;
    end = std::min(input.size(), end + step);
    return true;
  };
  for (int messages = 0; messages < 8; ++messages) {
    if (response) {
      parser.StartResponse(answer, kMaxHead);
    } else {
      parser.StartRequest(request, kMaxHead);
    }
    http::ParseState state;
    for (;;) {
      std::size_t consumed = 0;
      state = parser.Feed(input.substr(begin, end - begin), consumed);
      if (consumed > end - begin) std::abort();
      begin += consumed;
      if (state != http::ParseState::kMore) break;
      if (!arrive()) return out + "<more>";
    }
    if (state == http::ParseState::kError) {
      // Which fault is met first may depend on the cuts: too long, or wrong farther on.
      if (const int status = parser.fault().status;
          status < 400 && status != http::ParseFault::kNotHttp) {
        std::abort();
      }
      return out + "<refused>";
    }
    const http::Headers& headers = response ? answer.headers : request.headers;
    out += response ? std::to_string(answer.status)
                    : request.method + " " + request.target + " " + request.authority;
    for (const auto field : headers) {
      if (field.name.empty() ||
          field.value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
        std::abort();
      }
      out.append("|").append(field.name).append("=").append(field.value);
    }
    out += "\n";
    const http::Framing& framing = parser.framing();
    if (framing.length && framing.chunked) std::abort();
    uint64_t left = framing.length.value_or(0);
    while (left > 0) {
      if (begin == end && !arrive()) return out + "<cut>";
      const auto take = static_cast<std::size_t>(std::min<uint64_t>(left, end - begin));
      out += input.substr(begin, take);
      begin += take;
      left -= take;
    }
    if (!framing.chunked) continue;
    decoder.Start(kMaxHead);
    http::Headers trailers;
    for (bool done = false; !done;) {
      std::size_t consumed = 0;
      std::string_view data;
      const auto step_result =
          decoder.Next(input.substr(begin, end - begin), consumed, data, trailers);
      if (consumed > end - begin || data.size() > consumed) std::abort();
      begin += consumed;
      switch (step_result) {
        case http::ChunkDecoder::State::kData:
          out += data;
          break;
        case http::ChunkDecoder::State::kEnd:
          done = true;
          break;
        case http::ChunkDecoder::State::kError:
          return out + "<bad chunk>";
        case http::ChunkDecoder::State::kMore:
          if (!arrive()) return out + "<cut chunk>";
          break;
      }
    }
    for (const auto field : trailers) out.append(field.name).append("=").append(field.value);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool response = data[0] % 2 != 0;
  const std::string whole = Understand(input, response, input.size() + 1);
  const std::string pieces = Understand(input, response, 1 + data[0] / 2);
  if (whole != pieces) std::abort();
  return 0;
}
