// ReencodeLikeGo: one pass over the text, and a second one only where keys come out of order.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "base/go_json.hpp"
#include "base/json_scan.hpp"
#include "base/json_string.hpp"

namespace base {
namespace {

using internal::AppendEncodedRune;
using internal::RawString;
using internal::Scanner;
using internal::WalkString;

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
            keys.capacity() >
        size_t{1} << 16) {
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

// Writes the text in the order of the input and notes which objects need another order, so that
// each byte is moved at most once afterwards however deep the nesting.
class Reencoder {
 public:
  Reencoder(std::string& out, Scratch& s, GoJsonOptions options)
      : out_(out), s_(s), escape_html_(options.escape_html), exact_(options.exact_numbers) {}

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
    if (exact_ || NumberIsCanonical(text)) {
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
  const bool exact_;
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

}  // namespace

Result<std::string> ReencodeLikeGo(std::string_view json, GoJsonOptions options) {
  Scratch& s = scratch;
  s.Clear();
  std::string out;
  out.reserve(json.size());
  Reencoder handler(out, s, options);
  RETURN_IF_ERROR(Scanner<Reencoder>(json, handler).Run(kMaxJsonDepth));
  if (!handler.range_error().empty()) {
    return Fail(Kind::kInvalidArgument,
                StrCat("json: cannot unmarshal number ", handler.range_error(),
                       " into Go value of type float64"));
  }
  if (!s.reorders.empty()) return ApplyReorders(out, s);
  return out;
}

}  // namespace base
