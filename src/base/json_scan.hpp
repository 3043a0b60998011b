// The JSON grammar as Go's decoder checks it, as a template over what to do with each token.
// Private to base/go_json.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/strings.hpp"

namespace base::internal {

// What a byte means inside a string literal.
enum StringByte : uint8_t { kPlain = 0, kQuote, kBackslash, kControl, kHtml, kHigh };

struct StringTable {
  uint8_t of[256];
  constexpr StringTable() : of() {
    for (int i = 0; i < 256; ++i) {
      of[i] = i < 0x20 ? kControl : i >= 0x80 ? kHigh : kPlain;
    }
    of['"'] = kQuote;
    of['\\'] = kBackslash;
    of['<'] = of['>'] = of['&'] = kHtml;
  }
};
inline constexpr StringTable kStringTable;

// The byte `c` as Go quotes it in syntax errors.
inline std::string QuoteByte(char c) {
  if (c == '\'') return "'\\''";
  if (c == '"') return "'\"'";
  const auto byte = static_cast<unsigned char>(c);
  // Go prints a byte from 0x80 on as the Latin-1 character of that number, except that the ones up
  // to 0xa0 and the soft hyphen are not printable.
  if (byte >= 0x80) {
    static constexpr char kHex[] = "0123456789abcdef";
    if (byte <= 0xa0 || byte == 0xad) {
      return StrCat("'\\u00", kHex[byte >> 4], kHex[byte & 15], "'");
    }
    return StrCat("'", static_cast<char>(0xc0 | byte >> 6), static_cast<char>(0x80 | (byte & 63)),
                  "'");
  }
  switch (c) {
    case '\a':
      return "'\\a'";
    case '\b':
      return "'\\b'";
    case '\f':
      return "'\\f'";
    case '\v':
      return "'\\v'";
    default:
      break;
  }
  std::string quoted = Quote(std::string_view(&c, 1));
  quoted.front() = quoted.back() = '\'';
  return quoted;
}

// A string literal's content between the quotes, and whether every byte of it is kPlain.
struct RawString {
  std::string_view content;
  bool plain;       // nothing but kPlain bytes
  bool has_escape;  // at least one backslash
};

// Handler: BeginObject() EndObject() BeginArray() EndArray() Key(RawString) String(RawString)
// Number(string_view) Literal(string_view) Comma() Colon().
template <class Handler>
class Scanner {
 public:
  Scanner(std::string_view text, Handler& handler)
      : p_(text.data()), end_(text.data() + text.size()), handler_(handler) {}

  Status Run(size_t max_depth) {
    // One byte per open container: '{' or '['. An explicit stack, because the text is hostile.
    std::string open;
    for (;;) {
      // A value is due here.
      SkipSpace();
      if (p_ == end_) return Truncated();
      switch (const char c = *p_) {
        case '{':
          ++p_;
          if (open.size() >= max_depth) return TooDeep();
          open += '{';
          handler_.BeginObject();
          SkipSpace();
          if (p_ == end_) return Truncated();
          if (*p_ != '}') {
            RETURN_IF_ERROR(KeyAndColon());
            continue;
          }
          break;
        case '[':
          ++p_;
          if (open.size() >= max_depth) return TooDeep();
          open += '[';
          handler_.BeginArray();
          SkipSpace();
          if (p_ == end_) return Truncated();
          if (*p_ != ']') continue;
          break;
        case '"': {
          RawString raw;
          RETURN_IF_ERROR(ScanString(raw));
          handler_.String(raw);
          break;
        }
        case 't':
          RETURN_IF_ERROR(ScanLiteral("true"));
          break;
        case 'f':
          RETURN_IF_ERROR(ScanLiteral("false"));
          break;
        case 'n':
          RETURN_IF_ERROR(ScanLiteral("null"));
          break;
        default:
          if (c != '-' && !IsDigit(c)) return Bad("looking for beginning of value");
          RETURN_IF_ERROR(ScanNumber());
      }
      // A value has ended, or a container has just been opened and is empty: close what closes
      // here.
      for (;;) {
        SkipSpace();
        if (open.empty()) {
          if (p_ != end_) return Bad("after top-level value");
          return {};
        }
        if (p_ == end_) return Truncated();
        const bool object = open.back() == '{';
        if (*p_ == (object ? '}' : ']')) {
          ++p_;
          open.pop_back();
          object ? handler_.EndObject() : handler_.EndArray();
          continue;
        }
        if (*p_ != ',') return Bad(object ? "after object key:value pair" : "after array element");
        ++p_;
        handler_.Comma();
        if (object) {
          SkipSpace();
          if (p_ == end_) return Truncated();
          RETURN_IF_ERROR(KeyAndColon());
        }
        break;
      }
    }
  }

 private:
  void SkipSpace() {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r')) ++p_;
  }
  std::unexpected<Error> Truncated() {
    return Fail(Kind::kInvalidArgument, "unexpected end of JSON input");
  }
  std::unexpected<Error> TooDeep() { return Fail(Kind::kInvalidArgument, "exceeded max depth"); }
  std::unexpected<Error> Bad(std::string_view where) {
    // Go's decoder takes the end of the text for a space, which shows inside a token.
    const char c = p_ == end_ ? ' ' : *p_;
    return Fail(Kind::kInvalidArgument, StrCat("invalid character ", QuoteByte(c), " ", where));
  }

  Status KeyAndColon() {
    if (*p_ != '"') return Bad("looking for beginning of object key string");
    RawString raw;
    RETURN_IF_ERROR(ScanString(raw));
    handler_.Key(raw);
    SkipSpace();
    if (p_ == end_) return Truncated();
    if (*p_ != ':') return Bad("after object key");
    ++p_;
    handler_.Colon();
    return {};
  }

  Status ScanString(RawString& raw) {
    const char* start = ++p_;
    raw.plain = true;
    raw.has_escape = false;
    for (;;) {
      while (p_ != end_ && kStringTable.of[static_cast<uint8_t>(*p_)] == kPlain) ++p_;
      if (p_ == end_) return Truncated();
      switch (kStringTable.of[static_cast<uint8_t>(*p_)]) {
        case kQuote:
          raw.content = std::string_view(start, static_cast<size_t>(p_ - start));
          ++p_;
          return {};
        case kControl:
          return Bad("in string literal");
        case kBackslash:
          raw.plain = false;
          raw.has_escape = true;
          ++p_;
          if (p_ == end_) return Bad("in string escape code");
          if (*p_ == 'u') {
            ++p_;
            for (int i = 0; i < 4; ++i, ++p_) {
              if (p_ == end_ || HexValue(*p_) < 0) {
                return Bad("in \\u hexadecimal character escape");
              }
            }
          } else if (std::string_view("bfnrt\\/\"").find(*p_) != std::string_view::npos) {
            ++p_;
          } else {
            return Bad("in string escape code");
          }
          break;
        default:
          raw.plain = false;
          ++p_;
      }
    }
  }

  Status ScanLiteral(std::string_view word) {
    for (size_t i = 1; i < word.size(); ++i) {
      ++p_;
      if (p_ == end_ || *p_ != word[i]) {
        return Bad(StrCat("in literal ", word, " (expecting '", word[i], "')"));
      }
    }
    ++p_;
    handler_.Literal(word);
    return {};
  }

  Status ScanNumber() {
    const char* start = p_;
    if (*p_ == '-') {
      ++p_;
      if (p_ == end_ || !IsDigit(*p_)) return Bad("in numeric literal");
    }
    if (*p_ == '0') {
      ++p_;
    } else {
      while (p_ != end_ && IsDigit(*p_)) ++p_;
    }
    if (p_ != end_ && *p_ == '.') {
      ++p_;
      if (p_ == end_ || !IsDigit(*p_)) return Bad("after decimal point in numeric literal");
      while (p_ != end_ && IsDigit(*p_)) ++p_;
    }
    if (p_ != end_ && (*p_ == 'e' || *p_ == 'E')) {
      ++p_;
      if (p_ != end_ && (*p_ == '+' || *p_ == '-')) ++p_;
      if (p_ == end_ || !IsDigit(*p_)) return Bad("in exponent of numeric literal");
      while (p_ != end_ && IsDigit(*p_)) ++p_;
    }
    handler_.Number(std::string_view(start, static_cast<size_t>(p_ - start)));
    return {};
  }

  const char* p_;
  const char* end_;
  Handler& handler_;
};

}  // namespace base::internal
