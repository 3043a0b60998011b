// The fields of an HTTP/1.1 head: their lines, and what they say about the body and the connection.
#include "base/strings.hpp"
#include "http/http1_chars.hpp"
#include "http/http1_parser.hpp"

namespace http {
namespace {

std::string_view From(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

FieldParser::Line FieldParser::Next(std::string_view input, std::size_t& consumed,
                                    HeaderView& field, ParseFault& fault) {
  const char* const begin = input.data();
  const char* const end = begin + input.size();
  const auto fail = [&fault] {
    fault = {400, {}};
    return Line::kError;
  };
  if (begin == end) return Line::kMore;
  if (*begin == '\r') {
    if (end - begin < 2) return Line::kMore;
    if (begin[1] != '\n') return fail();
    consumed = 2;
    return Line::kEnd;
  }
  const char* at = begin;
  while (at != end && IsChar(*at, kTokenChar)) ++at;
  if (at == end) return Line::kMore;
  // Also catches folded lines and white space before the colon.
  if (*at != ':' || at == begin) return fail();
  field.name = From(begin, at);
  ++at;
  while (at != end && (*at == ' ' || *at == '\t')) ++at;
  const char* const value = at;
  at = FindControl(at, end);
  if (at == end) return Line::kMore;
  if (*at != '\r') return fail();
  if (at + 1 == end) return Line::kMore;
  if (at[1] != '\n') return fail();
  consumed = static_cast<std::size_t>(at + 2 - begin);
  const char* last = at;
  while (last != value && (last[-1] == ' ' || last[-1] == '\t')) --last;
  field.value = From(value, last);
  return Line::kField;
}

bool HeadParser::Field(const HeaderView& field) {
  // The length tells most names from those that matter here.
  switch (field.name.size()) {
    case 4:
      if (request_ && NameEquals(field.name, "host")) {
        if (has_host_) return Fail(400, "too many Host headers");
        has_host_ = true;
        if (!AllChars(field.value, kHostChar)) return Fail(400, "malformed Host header");
        if (!absolute_) request_->authority.assign(field.value);
        return true;
      }
      break;
    case 6:
      if (request_ && NameEquals(field.name, "expect")) {
        (base::EqualsIgnoreCase(field.value, "100-continue") ? framing_.expect_continue
                                                             : framing_.expect_unknown) = true;
        return true;
      }
      break;
    case 7:
      if (NameEquals(field.name, "upgrade")) framing_.upgrade = true;
      break;
    case 10:
      if (NameEquals(field.name, "connection")) Connection(field.value);
      break;
    case 14:
      if (NameEquals(field.name, "content-length")) {
        // Trailing white space is trimmed off the value, but no honest sender adds it to a number.
        const char after = field.value.data()[field.value.size()];
        if (request_ && after != '\r') return Fail(400);
        const bool again = framing_.length.has_value();
        if (!ContentLength(field.value)) return false;
        if (again) return true;
      }
      break;
    case 17:
      if (NameEquals(field.name, "transfer-encoding")) return TransferEncoding(field.value);
      break;
    default:
      break;
  }
  headers_->Add(field.name, field.value);
  return true;
}

bool HeadParser::ContentLength(std::string_view value) {
  constexpr uint64_t kMost = UINT64_MAX / 4;
  const auto length = base::ParseUint<uint64_t>(value);
  // from_chars takes digits only, so signs, lists and white space end here.
  if (!length || *length > kMost)
    return Fail(request_ ? 400 : 502, request_ ? "" : "bad Content-Length");
  if (framing_.length && (request_ || *framing_.length != *length)) {
    return Fail(request_ ? 400 : 502, request_ ? "" : "conflicting Content-Length fields");
  }
  framing_.length = *length;
  return true;
}

bool HeadParser::TransferEncoding(std::string_view value) {
  if (transfer_encoding_ || framing_.minor == 0 || !base::EqualsIgnoreCase(value, "chunked")) {
    return Fail(request_ ? 400 : 502, request_ ? "" : "unsupported Transfer-Encoding");
  }
  transfer_encoding_ = framing_.chunked = true;
  return true;
}

void HeadParser::Connection(std::string_view value) {
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    const std::string_view option = base::Trim(value.substr(0, comma));
    if (base::EqualsIgnoreCase(option, "close")) framing_.close = true;
    if (base::EqualsIgnoreCase(option, "keep-alive")) framing_.keep_alive = true;
    if (comma == std::string_view::npos) break;
    value.remove_prefix(comma + 1);
  }
}

bool HeadParser::Complete() {
  if (request_) {
    if (framing_.length && framing_.chunked) return Fail(400);
    if (!has_host_ && framing_.minor >= 1) return Fail(400, "missing required Host header");
    if (framing_.minor == 0) framing_.expect_continue = false;
    return true;
  }
  if (framing_.length && framing_.chunked) {
    // The coding wins, but who sends both may not be trusted with another message.
    framing_.length.reset();
    headers_->Remove("content-length");
    framing_.close = true;
  }
  return true;
}

}  // namespace http
