#include "telemetry/log_format.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/strings.hpp"
#include "base/time.hpp"
#include "base/utf8.hpp"

namespace telemetry {
namespace {

// A longer text is cut: a peer must not fill the queue with a few lines.
constexpr size_t kMaxTextBytes = 16 << 10;
constexpr std::string_view kCut = "...(cut)";

void AppendHex(std::string& out, uint32_t value, int digits) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += kHex[value >> shift & 0xF];
}

std::string_view Cut(std::string_view text) {
  if (text.size() <= kMaxTextBytes) return text;
  size_t size = kMaxTextBytes;
  while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xC0) == 0x80 &&
         kMaxTextBytes - size < 4) {
    --size;
  }
  return text.substr(0, size);
}

// As encoding/json does with HTML escaping on.
void AppendJsonChars(std::string& out, std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    const base::Rune c = base::DecodeUtf8(text, i);
    if (!c.valid) {
      out += "\\ufffd";
    } else if (c.rune == '"' || c.rune == '\\') {
      out += '\\';
      out += static_cast<char>(c.rune);
    } else if (c.rune < 0x20 || c.rune == '<' || c.rune == '>' || c.rune == '&' ||
               c.rune == 0x2028 || c.rune == 0x2029) {
      switch (c.rune) {
        case '\b':
          out += "\\b";
          break;
        case '\f':
          out += "\\f";
          break;
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        default:
          out += "\\u";
          AppendHex(out, c.rune, 4);
      }
    } else {
      out.append(text, start, i - start);
    }
  }
}

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  const std::string_view shown = Cut(text);
  AppendJsonChars(out, shown);
  if (shown.size() < text.size()) out += kCut;
  out += '"';
}

// Characters that Go's strconv.Quote escapes although they are valid: controls, separators and the
// invisible or direction-changing ones with which a terminal could be fooled.
bool IsPrintable(uint32_t c) {
  if (c < 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0xAD) return false;
  if (c < 0x600) return true;
  return !(c == 0x61C || c == 0x180E || c == 0x1680 || (c >= 0x2000 && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202F) || (c >= 0x205F && c <= 0x206F) || c == 0x3000 ||
           (c >= 0xE000 && c <= 0xF8FF) || c == 0xFEFF || (c >= 0xFFF0 && c <= 0xFFFB) ||
           (c & 0xFFFE) == 0xFFFE || c >= 0xE0000);
}

void AppendQuotedChars(std::string& out, std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    const base::Rune c = base::DecodeUtf8(text, i);
    if (!c.valid) {
      out += "\\x";
      AppendHex(out, static_cast<uint8_t>(text[start]), 2);
    } else if (c.rune == '"' || c.rune == '\\') {
      out += '\\';
      out += static_cast<char>(c.rune);
    } else if (IsPrintable(c.rune)) {
      out.append(text, start, i - start);
    } else {
      switch (c.rune) {
        case '\a':
          out += "\\a";
          break;
        case '\b':
          out += "\\b";
          break;
        case '\f':
          out += "\\f";
          break;
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        case '\v':
          out += "\\v";
          break;
        default:
          if (c.rune < 0x20 || c.rune == 0x7F) {
            out += "\\x";
            AppendHex(out, c.rune, 2);
          } else if (c.rune < 0x10000) {
            out += "\\u";
            AppendHex(out, c.rune, 4);
          } else {
            out += "\\U";
            AppendHex(out, c.rune, 8);
          }
      }
    }
  }
}

bool NeedsQuotes(std::string_view text) {
  return !std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::strchr("-._/@^+", c) != nullptr;
  }) || text.find('\0') != std::string_view::npos;
}

void AppendTextValue(std::string& out, std::string_view text) {
  if (!NeedsQuotes(text) && text.size() <= kMaxTextBytes) {
    out += text;
    return;
  }
  out += '"';
  const std::string_view shown = Cut(text);
  AppendQuotedChars(out, shown);
  if (shown.size() < text.size()) out += kCut;
  out += '"';
}

// A number or truth value as text; never asked for a text.
std::string PlainText(const LogField::Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return base::StrCat(*number);
  if (const auto* real = std::get_if<double>(&value)) return base::StrCat(*real);
  return std::get<bool>(value) ? "true" : "false";
}

struct Entry {
  std::string_view key;
  LogField::Value value;
};

// logrus moves a field that would hide one of its own under this prefix.
std::string_view Renamed(std::string_view key) {
  if (key == "time") return "fields.time";
  if (key == "level") return "fields.level";
  if (key == "msg") return "fields.msg";
  return key;
}

// Dapr's fields and the line's own, sorted by key. A later field of one key replaces the earlier.
std::vector<Entry> SortedEntries(const LogLine& line) {
  std::vector<Entry> entries;
  entries.reserve(line.fields.size() + 8);
  if (!line.app_id.empty()) entries.push_back({"app_id", line.app_id});
  entries.push_back({"instance", line.instance});
  entries.push_back({"scope", line.scope});
  entries.push_back({"type", std::string_view("log")});
  entries.push_back({"ver", line.version});
  for (const LogField& field : line.fields) {
    const std::string_view key = Renamed(field.key);
    auto found = std::ranges::find(entries, key, &Entry::key);
    if (found != entries.end()) {
      found->value = field.value;
    } else {
      entries.push_back({key, field.value});
    }
  }
  return entries;
}

}  // namespace

std::string_view LevelName(Level level) {
  static constexpr std::array<std::string_view, 5> kNames = {"debug", "info", "warning", "error",
                                                             "fatal"};
  return kNames[static_cast<size_t>(level)];
}

std::string FormatJson(const LogLine& line) {
  std::vector<Entry> entries = SortedEntries(line);
  const std::string time = base::FormatRfc3339NanoLocal(line.time);
  entries.push_back({"level", LevelName(line.level)});
  entries.push_back({"msg", line.msg});
  entries.push_back({"time", std::string_view(time)});
  std::ranges::sort(entries, {}, &Entry::key);
  std::string out;
  out.reserve(256 + line.msg.size());
  char separator = '{';
  for (const Entry& entry : entries) {
    out += separator;
    separator = ',';
    AppendJsonString(out, entry.key);
    out += ':';
    if (const auto* text = std::get_if<std::string_view>(&entry.value)) {
      AppendJsonString(out, *text);
    } else {
      const std::string plain = PlainText(entry.value);
      // JSON has no word for infinities and not-a-number.
      const bool finite = plain.find("inf") == std::string::npos && !plain.ends_with("nan");
      if (finite) {
        out += plain;
      } else {
        AppendJsonString(out, plain);
      }
    }
  }
  out += "}\n";
  return out;
}

std::string FormatText(const LogLine& line) {
  std::vector<Entry> entries = SortedEntries(line);
  std::ranges::sort(entries, {}, &Entry::key);
  std::string out;
  out.reserve(256 + line.msg.size());
  out.append("time=\"").append(base::FormatRfc3339NanoLocal(line.time)).append("\" level=");
  out.append(LevelName(line.level)).append(" msg=");
  AppendTextValue(out, line.msg);
  for (const Entry& entry : entries) {
    out += ' ';
    // Keys are ours, yet one with a blank in it would still forge a field.
    AppendTextValue(out, entry.key);
    out += '=';
    if (const auto* text = std::get_if<std::string_view>(&entry.value)) {
      AppendTextValue(out, *text);
    } else {
      out += PlainText(entry.value);
    }
  }
  out += '\n';
  return out;
}

}  // namespace telemetry
