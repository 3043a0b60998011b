#include "base/go_json.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/json_scan.hpp"
#include "base/json_string.hpp"

namespace base {
namespace {

using internal::AppendEncodedRune;
using internal::AppendUnicodeEscape;
using internal::kPlain;
using internal::kStringTable;
using internal::RawString;
using internal::Scanner;

class Compacter {
 public:
  Compacter(std::string& out, bool escape_html) : out_(out), escape_html_(escape_html) {}
  void BeginObject() { out_ += '{'; }
  void EndObject() { out_ += '}'; }
  void BeginArray() { out_ += '['; }
  void EndArray() { out_ += ']'; }
  void Comma() { out_ += ','; }
  void Colon() { out_ += ':'; }
  void Key(const RawString& raw) { String(raw); }
  void String(const RawString& raw) {
    out_ += '"';
    if (raw.plain || !escape_html_) {
      out_ += raw.content;
    } else {
      Escape(raw.content);
    }
    out_ += '"';
  }
  void Number(std::string_view text) { out_ += text; }
  void Literal(std::string_view word) { out_ += word; }

 private:
  void Escape(std::string_view raw) {
    size_t done = 0;
    for (size_t i = 0; i < raw.size(); ++i) {
      const char c = raw[i];
      const bool html = c == '<' || c == '>' || c == '&';
      const bool separator = c == '\xe2' && i + 2 < raw.size() && raw[i + 1] == '\x80' &&
                             (raw[i + 2] == '\xa8' || raw[i + 2] == '\xa9');
      if (!html && !separator) continue;
      out_ += raw.substr(done, i - done);
      AppendUnicodeEscape(out_, html                   ? static_cast<uint32_t>(c)
                                : raw[i + 2] == '\xa8' ? 0x2028
                                                       : 0x2029);
      if (separator) i += 2;
      done = i + 1;
    }
    out_ += raw.substr(done);
  }

  std::string& out_;
  const bool escape_html_;
};

struct Checker {
  void BeginObject() {}
  void EndObject() {}
  void BeginArray() {}
  void EndArray() {}
  void Comma() {}
  void Colon() {}
  void Key(const RawString&) {}
  void String(const RawString&) {}
  void Number(std::string_view) {}
  void Literal(std::string_view) {}
};

}  // namespace

Result<std::string> CompactLikeGo(std::string_view json, bool escape_html) {
  std::string out;
  out.reserve(json.size());
  Compacter handler(out, escape_html);
  RETURN_IF_ERROR(Scanner<Compacter>(json, handler).Run(kMaxJsonDepth));
  return out;
}

Status CheckJson(std::string_view json) {
  Checker handler;
  return Scanner<Checker>(json, handler).Run(kMaxJsonDepth);
}

void AppendJsonString(std::string& out, std::string_view text, bool escape_html) {
  out += '"';
  size_t i = 0;
  while (i < text.size()) {
    const size_t start = i;
    while (i < text.size() && kStringTable.of[static_cast<uint8_t>(text[i])] == kPlain) ++i;
    out += text.substr(start, i - start);
    if (i == text.size()) break;
    if (static_cast<uint8_t>(text[i]) < 0x80) {
      AppendEncodedRune(out, static_cast<uint8_t>(text[i++]), escape_html);
      continue;
    }
    const Rune decoded = DecodeUtf8(text, i);
    if (decoded.valid) {
      AppendEncodedRune(out, decoded.rune, escape_html);
    } else {
      out += "\\ufffd";
    }
  }
  out += '"';
}

void AppendGoFloat(std::string& out, double value) {
  if (value == 0) {
    out += std::signbit(value) ? "-0" : "0";
    return;
  }
  // to_chars gives the shortest digits only in its scientific form: d.ddde±XX.
  char buffer[40];
  const char* end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  const size_t e = text.find('e');
  const int exponent = std::atoi(std::string(text.substr(e + 1)).c_str());
  std::string_view mantissa = text.substr(0, e);
  if (exponent < -6 || exponent >= 21) {
    StrAppend(out, mantissa, exponent < 0 ? "e-" : "e+", std::abs(exponent));
    return;
  }
  if (mantissa.front() == '-') {
    out += '-';
    mantissa.remove_prefix(1);
  }
  std::string digits(1, mantissa.front());
  if (mantissa.size() > 2) digits += mantissa.substr(2);
  if (exponent < 0) {
    out += "0.";
    out.append(static_cast<size_t>(-exponent - 1), '0');
    out += digits;
    return;
  }
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) {
    out += digits;
    out.append(whole - digits.size(), '0');
  } else {
    StrAppend(out, std::string_view(digits).substr(0, whole), ".",
              std::string_view(digits).substr(whole));
  }
}

}  // namespace base
