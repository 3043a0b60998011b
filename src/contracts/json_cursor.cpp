#include "contracts/json_cursor.hpp"

#include <algorithm>
#include <cstdint>

#include "base/strings.hpp"
#include "base/utf8.hpp"

namespace contracts {

namespace {

bool IsJsonSpace(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

uint32_t FourHex(std::string_view digits) {
  uint32_t value = 0;
  for (char c : digits.substr(0, 4)) value = value << 4 | static_cast<uint32_t>(base::HexValue(c));
  return value;
}

// The \uXXXX escape whose digits start at `at`; moves `at` to its last digit. A lone surrogate is
// the replacement character, as in Go.
uint32_t UnicodeEscape(std::string_view text, std::size_t& at) {
  uint32_t code = FourHex(text.substr(at));
  at += 3;
  if (code < 0xd800 || code > 0xdfff) return code;
  if (code < 0xdc00 && text.substr(at + 1, 2) == "\\u") {
    const uint32_t low = FourHex(text.substr(at + 3));
    if (low >= 0xdc00 && low <= 0xdfff) {
      at += 6;
      return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
  }
  return base::kReplacementRune;
}

std::string Unescape(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\' || i + 1 >= raw.size()) {
      // Bytes that are no UTF-8 become the replacement character, as in Go.
      base::AppendUtf8(out, base::DecodeUtf8(raw, i).rune);
      --i;
      continue;
    }
    switch (raw[++i]) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'u':
        if (i + 4 >= raw.size()) return out;
        base::AppendUtf8(out, UnicodeEscape(raw, ++i));
        break;
      default:
        out += raw[i];
    }
  }
  return out;
}

}  // namespace

void JsonCursor::SkipSpace() {
  while (at_ < text_.size() && IsJsonSpace(text_[at_])) ++at_;
}

void JsonCursor::SkipString() {
  Advance();
  while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
  if (at_ > text_.size()) at_ = text_.size();
  Advance();
}

bool JsonCursor::More() {
  SkipSpace();
  if (Peek() == ',') {
    Advance();
    SkipSpace();
  }
  if (Peek() == '}' || Peek() == ']' || Peek() == '\0') {
    Advance();
    SkipSpace();
    return false;
  }
  return true;
}

std::string JsonCursor::Key() {
  std::string key = String();
  SkipSpace();
  Advance();  // the colon
  SkipSpace();
  return key;
}

std::string_view JsonCursor::Skip() {
  const std::size_t start = at_;
  std::size_t depth = 0;
  do {
    switch (Peek()) {
      case '"':
        SkipString();
        break;
      case '{':
      case '[':
        ++depth;
        Advance();
        break;
      case '}':
      case ']':
        if (depth > 0) --depth;
        Advance();
        break;
      case ',':
      case ':':
      case ' ':
      case '\n':
      case '\t':
      case '\r':
        Advance();
        break;
      default:
        while (at_ < text_.size() && !IsJsonSpace(text_[at_]) &&
               std::string_view(",:{}[]\"").find(text_[at_]) == std::string_view::npos) {
          ++at_;
        }
    }
  } while (depth > 0 && at_ < text_.size());
  const std::string_view value = text_.substr(start, at_ - start);
  SkipSpace();
  return value;
}

std::string JsonCursor::String() {
  std::string_view raw = Skip();
  if (raw.size() < 2) return {};
  raw = raw.substr(1, raw.size() - 2);
  const auto plain = [](char c) { return c != '\\' && static_cast<unsigned char>(c) < 0x80; };
  if (std::ranges::all_of(raw, plain)) return std::string(raw);
  return Unescape(raw);
}

std::string_view JsonKindName(char first) {
  switch (first) {
    case '{':
      return "object";
    case '[':
      return "array";
    case '"':
      return "string";
    case 't':
    case 'f':
      return "bool";
    case 'n':
      return "null";
    default:
      return "number";
  }
}

}  // namespace contracts
