#include "base/go_json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "base/json_scan.hpp"
#include "base/utf8.hpp"

namespace base {
namespace {

using internal::kBackslash;
using internal::kControl;
using internal::kHigh;
using internal::kHtml;
using internal::kPlain;
using internal::kQuote;
using internal::kStringTable;
using internal::RawString;
using internal::Scanner;

constexpr char kHex[] = "0123456789abcdef";

void AppendUnicodeEscape(std::string& out, uint32_t rune) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[rune >> shift & 15];
}

void AppendAsciiEscape(std::string& out, char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: AppendUnicodeEscape(out, static_cast<uint8_t>(c));
  }
}

// Appends one decoded character in the form it has inside an encoded string.
void AppendEncodedRune(std::string& out, uint32_t rune, bool escape_html) {
  if (rune < 0x80) {
    const char c = static_cast<char>(rune);
    const uint8_t what = kStringTable.of[rune];
    if (what == kPlain || (what == kHtml && !escape_html)) {
      out += c;
    } else {
      AppendAsciiEscape(out, c);
    }
  } else if (rune == 0x2028 || rune == 0x2029) {
    AppendUnicodeEscape(out, rune);
  } else {
    AppendUtf8(out, rune);
  }
}

uint32_t Hex4(const char* p) {
  return static_cast<uint32_t>(HexValue(p[0]) << 12 | HexValue(p[1]) << 8 | HexValue(p[2]) << 4 |
                               HexValue(p[3]));
}

// The character of the escape that starts at raw[i], which is a backslash; moves i past it. The text
// has been checked. A surrogate without its partner is U+FFFD.
uint32_t DecodeEscape(std::string_view raw, size_t& i) {
  const char c = raw[i + 1];
  i += 2;
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': break;
    default: return static_cast<uint8_t>(c);
  }
  const uint32_t rune = Hex4(raw.data() + i);
  i += 4;
  if (rune < 0xd800 || rune > 0xdfff) return rune;
  if (rune <= 0xdbff && raw.substr(i).starts_with("\\u")) {
    const uint32_t low = Hex4(raw.data() + i + 2);
    if (low >= 0xdc00 && low <= 0xdfff) {
      i += 6;
      return 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
    }
  }
  return kReplacementRune;
}

// Calls `plain(view)` for runs that need nothing and `rune(uint32_t)` for each other character.
template <class Plain, class Rune>
void WalkString(std::string_view raw, Plain plain, Rune rune) {
  size_t i = 0;
  while (i < raw.size()) {
    const size_t start = i;
    while (i < raw.size() && kStringTable.of[static_cast<uint8_t>(raw[i])] == kPlain) ++i;
    if (i > start) plain(raw.substr(start, i - start));
    if (i == raw.size()) return;
    if (raw[i] == '\\') {
      rune(DecodeEscape(raw, i));
    } else if (static_cast<uint8_t>(raw[i]) < 0x80) {
      rune(static_cast<uint8_t>(raw[i++]));
    } else {
      rune(DecodeUtf8(raw, i).rune);
    }
  }
}

// True when float64 holds the number and prints it in just these characters, so that most numbers
// need no conversion: at most 15 significant digits, no exponent, no zero at the end of a fraction.
bool NumberIsCanonical(std::string_view text) {
  if (text.size() > 16) return false;
  if (text.front() == '-') text.remove_prefix(1);
  const size_t point = text.find_first_not_of("0123456789");
  if (point == std::string_view::npos) return text.size() <= 15;
  if (text[point] != '.') return false;
  const std::string_view fraction = text.substr(point + 1);
  return fraction.find_first_not_of("0123456789") == std::string_view::npos &&
         fraction.back() != '0' && (text.front() != '0' || fraction.front() != '0');
}

// An object's member in the text written so far; the key is in Scratch::keys.
struct Member {
  size_t key_begin, key_size;
  size_t begin, end;
};
struct OpenObject {
  size_t begin;         // of its '{' in the text
  size_t first_member;  // index into Scratch::members
  size_t keys_size;     // of Scratch::keys when it was opened
  bool sorted;
};
struct Span {
  size_t begin, end;
};
// A finished object whose members must come in another order than they were written.
struct Reorder {
  size_t begin, end;  // of '{' and of '}'
  size_t first_span, span_count;
};
struct Scratch {
  std::string keys;
  std::vector<Member> members;
  std::vector<OpenObject> open;
  std::vector<Span> spans;
  std::vector<Reorder> reorders;
  std::vector<Span> work;

  void Clear() {
    // One huge document must not pin its scratch memory to the thread for ever.
    if (members.capacity() + spans.capacity() + reorders.capacity() + work.capacity() +
            keys.capacity() > size_t{1} << 16) {
      *this = Scratch();
      return;
    }
    keys.clear();
    members.clear();
    open.clear();
    spans.clear();
    reorders.clear();
    work.clear();
  }
};
thread_local Scratch scratch;

// Writes the text in the order of the input and notes which objects need another order, so that each
// byte is moved at most once afterwards however deep the nesting.
class Reencoder {
 public:
  Reencoder(std::string& out, Scratch& s, bool escape_html)
      : out_(out), s_(s), escape_html_(escape_html) {}

  void BeginObject() {
    s_.open.push_back({out_.size(), s_.members.size(), s_.keys.size(), true});
    out_ += '{';
  }
  void EndObject() {
    OpenObject& object = s_.open.back();
    if (s_.members.size() > object.first_member) s_.members.back().end = out_.size();
    if (!object.sorted) Sort(object);
    s_.members.resize(object.first_member);
    s_.keys.resize(object.keys_size);
    s_.open.pop_back();
    out_ += '}';
  }
  void BeginArray() {
    // Arrays share the stack so that a comma knows what it separates.
    s_.open.push_back({kArray, s_.members.size(), s_.keys.size(), true});
    out_ += '[';
  }
  void EndArray() {
    s_.open.pop_back();
    out_ += ']';
  }
  void Comma() {
    if (s_.open.back().begin != kArray) s_.members.back().end = out_.size();
    out_ += ',';
  }
  void Colon() { out_ += ':'; }

  void Key(const RawString& raw) {
    OpenObject& object = s_.open.back();
    const size_t key_begin = s_.keys.size();
    if (raw.plain) {
      s_.keys += raw.content;
    } else {
      WalkString(
          raw.content, [&](std::string_view run) { s_.keys += run; },
          [&](uint32_t rune) { AppendUtf8(s_.keys, rune); });
    }
    const size_t key_size = s_.keys.size() - key_begin;
    if (s_.members.size() > object.first_member && object.sorted) {
      const std::string_view keys = s_.keys;
      object.sorted = KeyOf(keys, s_.members.back()) < keys.substr(key_begin, key_size);
    }
    s_.members.push_back({key_begin, key_size, out_.size(), 0});
    String(raw);
  }

  void String(const RawString& raw) {
    out_ += '"';
    if (raw.plain) {
      out_ += raw.content;
    } else {
      WalkString(
          raw.content, [&](std::string_view run) { out_ += run; },
          [&](uint32_t rune) { AppendEncodedRune(out_, rune, escape_html_); });
    }
    out_ += '"';
  }

  void Number(std::string_view text) {
    if (NumberIsCanonical(text)) {
      out_ += text;
      return;
    }
    double value = 0;
    auto [ptr, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec == std::errc::result_out_of_range) {
      // Too small is zero or a subnormal, too large is an error; only strtod tells them apart.
      value = std::strtod(std::string(text).c_str(), nullptr);
      if (std::isinf(value)) {
        if (range_error_.empty()) range_error_ = text;
        return;
      }
    }
    AppendGoFloat(out_, value);
  }
  void Literal(std::string_view word) { out_ += word; }

  /// The first number that is no float64, or empty. A syntax error anywhere counts before it.
  std::string_view range_error() const { return range_error_; }

 private:
  static constexpr size_t kArray = static_cast<size_t>(-1);

  static std::string_view KeyOf(std::string_view keys, const Member& member) {
    return keys.substr(member.key_begin, member.key_size);
  }

  void Sort(const OpenObject& object) {
    const std::string_view keys = s_.keys;
    const auto first = s_.members.begin() + static_cast<ptrdiff_t>(object.first_member);
    std::sort(first, s_.members.end(), [&](const Member& a, const Member& b) {
      const int order = KeyOf(keys, a).compare(KeyOf(keys, b));
      return order != 0 ? order < 0 : a.begin < b.begin;
    });
    const size_t first_span = s_.spans.size();
    for (auto it = first; it != s_.members.end(); ++it) {
      const bool shadowed = it + 1 != s_.members.end() && KeyOf(keys, *it) == KeyOf(keys, it[1]);
      if (!shadowed) s_.spans.push_back({it->begin, it->end});
    }
    s_.reorders.push_back({object.begin, out_.size(), first_span, s_.spans.size() - first_span});
  }

  std::string& out_;
  Scratch& s_;
  const bool escape_html_;
  std::string_view range_error_;
};

// Copies `text` with every noted object's members in their sorted order.
std::string ApplyReorders(std::string_view text, Scratch& s) {
  std::sort(s.reorders.begin(), s.reorders.end(),
            [](const Reorder& a, const Reorder& b) { return a.begin < b.begin; });
  std::string out;
  out.reserve(text.size());
  // Work is a stack of spans still to be copied; an empty span stands for a comma.
  s.work.push_back({0, text.size()});
  while (!s.work.empty()) {
    const Span span = s.work.back();
    s.work.pop_back();
    if (span.begin == span.end) {
      out += ',';
      continue;
    }
    const auto next = std::lower_bound(
        s.reorders.begin(), s.reorders.end(), span.begin,
        [](const Reorder& reorder, size_t begin) { return reorder.begin < begin; });
    if (next == s.reorders.end() || next->begin >= span.end) {
      out += text.substr(span.begin, span.end - span.begin);
      continue;
    }
    out += text.substr(span.begin, next->begin + 1 - span.begin);
    s.work.push_back({next->end, span.end});
    for (size_t i = next->span_count; i > 0; --i) {
      s.work.push_back(s.spans[next->first_span + i - 1]);
      if (i > 1) s.work.push_back({0, 0});
    }
  }
  return out;
}

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
      AppendUnicodeEscape(out_, html ? static_cast<uint32_t>(c) : raw[i + 2] == '\xa8' ? 0x2028 : 0x2029);
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

Result<std::string> ReencodeLikeGo(std::string_view json, GoJsonOptions options) {
  Scratch& s = scratch;
  s.Clear();
  std::string out;
  out.reserve(json.size());
  Reencoder handler(out, s, options.escape_html);
  RETURN_IF_ERROR(Scanner<Reencoder>(json, handler).Run(kMaxJsonDepth));
  if (!handler.range_error().empty()) {
    return Fail(Kind::kInvalidArgument, StrCat("json: cannot unmarshal number ", handler.range_error(),
                                               " into Go value of type float64"));
  }
  if (!s.reorders.empty()) return ApplyReorders(out, s);
  return out;
}

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
