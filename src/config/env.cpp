#include "config/env.hpp"

#include <cstdlib>

#include "base/strings.hpp"

namespace config {

std::optional<std::string> ProcessEnv::Lookup(const std::string& name) const {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

std::optional<std::string> MapEnv::Lookup(const std::string& name) const {
  const auto it = values_.find(name);
  if (it == values_.end()) return std::nullopt;
  return it->second;
}

namespace {

bool IsNameChar(char c) {
  return c == '_' || base::IsDigit(c) || (base::LowerChar(c) >= 'a' && base::LowerChar(c) <= 'z');
}
bool IsSpecial(char c) {
  return base::IsDigit(c) || std::string_view("*#$@!?-").find(c) != std::string_view::npos;
}

// The name that follows a '$' and how many characters it takes.
std::pair<std::string_view, size_t> ShellName(std::string_view text) {
  if (text.front() == '{') {
    if (text.size() > 2 && IsSpecial(text[1]) && text[2] == '}') return {text.substr(1, 1), 3};
    const size_t close = text.find('}');
    if (close == std::string_view::npos) return {{}, 1};
    return {text.substr(1, close - 1), close + 1};
  }
  if (IsSpecial(text.front())) return {text.substr(0, 1), 1};
  size_t length = 0;
  while (length < text.size() && IsNameChar(text[length])) ++length;
  return {text.substr(0, length), length};
}

}  // namespace

std::string ExpandEnv(std::string_view text, const Env& env) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const auto [name, length] = ShellName(text.substr(i + 1));
    if (!name.empty()) {
      out += env.Get(std::string(name));
    } else if (length == 0) {
      out += '$';
    }
    i += length;
  }
  return out;
}

}  // namespace config
