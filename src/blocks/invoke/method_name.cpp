#include "blocks/invoke/method_name.hpp"

#include <algorithm>
#include <vector>

#include "base/hex.hpp"
#include "base/strings.hpp"

namespace blocks::invoke {
namespace {

// Escapes undone; what is no escape stays, as lenient servers have it.
std::string Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? base::HexValue(text[i + 1]) : -1;
    const int low = high >= 0 ? base::HexValue(text[i + 2]) : -1;
    if (low < 0) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string Escape(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '%' && c != '?' && c != '#') {
      out += c;
    } else {
      base::AppendPercentEncoded(out, c);
    }
  }
  return out;
}

std::string_view WithoutEndSlash(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

}  // namespace

std::string CleanPath(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const std::string_view segment : base::SplitView(path, '/')) {
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      kept.push_back(segment);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string out = base::Join(kept, "/");
  if (path.starts_with('/')) out.insert(out.begin(), '/');
  return out;
}

base::Result<MethodName> NormalizeMethod(std::string_view method, bool http) {
  for (std::size_t i = 0; i < method.size(); ++i) {
    const auto byte = static_cast<unsigned char>(method[i]);
    if (byte == '#' || byte == '?' || byte == 0) {
      return base::Fail(base::Kind::kInvalidArgument,
                        base::StrCat("invalid method: method contains forbidden character: ",
                                     base::Quote(method)));
    }
    if (byte < 0x20 || byte == 0x7f) {
      return base::Fail(base::Kind::kInvalidArgument,
                        base::StrCat("invalid method: method contains control character at "
                                     "position ",
                                     i, ": ", base::Quote(method)));
    }
  }
  MethodName out;
  out.shown = CleanPath(method);
  const bool escaped = http && method.find('%') != std::string_view::npos;
  const std::string plain = escaped ? Unescape(method) : std::string(method);
  out.matched = escaped ? CleanPath(plain) : out.shown;
  // Escapes of other characters than slashes do not move the borders of segments.
  const bool moved = out.matched != WithoutEndSlash(plain) ||
                     (escaped && std::count(plain.begin(), plain.end(), '/') !=
                                     std::count(method.begin(), method.end(), '/'));
  if (out.matched.starts_with('/')) out.matched.erase(0, 1);
  // The slash in front belongs to the request line and is written there.
  if (http ? moved || method.starts_with('/') : moved) {
    out.rewritten = http ? Escape(out.matched) : out.shown;
  }
  return out;
}

}  // namespace blocks::invoke
