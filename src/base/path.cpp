#include "base/path.hpp"

#include "base/strings.hpp"

namespace base {

std::string CleanPath(std::string_view path) {
  if (path.empty()) return ".";
  const bool rooted = path.front() == '/';
  std::string out = rooted ? "/" : "";
  // Everything of `out` below this length may not be removed by "..".
  size_t floor = out.size();
  size_t i = 0;
  while (i < path.size()) {
    if (path[i] == '/') {
      ++i;
      continue;
    }
    size_t end = path.find('/', i);
    if (end == std::string_view::npos) end = path.size();
    const std::string_view segment = path.substr(i, end - i);
    i = end;
    if (segment == ".") continue;
    if (segment == "..") {
      if (out.size() > floor) {
        size_t cut = out.rfind('/');
        if (cut == std::string::npos || cut < floor) cut = floor;
        out.resize(cut);
        continue;
      }
      if (rooted) continue;
      if (!out.empty()) out += '/';
      out += "..";
      floor = out.size();
      continue;
    }
    if (!out.empty() && out != "/") out += '/';
    out += segment;
  }
  return out.empty() ? "." : out;
}

Result<std::string> NormalizeMethod(std::string_view method) {
  bool clean = true;
  for (size_t i = 0; i < method.size(); ++i) {
    const char c = method[i];
    if (c == '#' || c == '?' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return Fail(Kind::kInvalidArgument,
                  StrCat("method contains forbidden character: ", Quote(method)));
    }
    // Only an empty or dot-led segment, or a trailing slash, gives the slow path something to do.
    if (c == '/' ? i + 1 == method.size() || method[i + 1] == '/'
                 : c == '.' && (i == 0 || method[i - 1] == '/')) {
      clean = false;
    }
  }
  if (clean) return std::string(method);
  std::string out = CleanPath(method);
  // Above the root there is nothing: the app would be asked for the path without these steps too.
  while (out == ".." || out.starts_with("../")) out.erase(0, out.size() == 2 ? 2 : 3);
  if (out == ".") out.clear();
  return out;
}

}  // namespace base
