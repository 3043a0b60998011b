// Command-line arguments to RawFlags, as pflag reads them.
#include <algorithm>
#include <array>
#include <type_traits>

#include "base/duration.hpp"
#include "base/strings.hpp"
#include "config/flag_table.hpp"

namespace config {
namespace {

using base::Quote;
using base::StrCat;

// Each Set returns an empty text, or why the value is wrong.
std::string Set(std::string_view text, std::string& out) {
  out = text;
  return "";
}

std::string Set(std::string_view text, bool& out) {
  constexpr std::array<std::string_view, 6> kTrue{"1", "t", "T", "true", "TRUE", "True"};
  constexpr std::array<std::string_view, 6> kFalse{"0", "f", "F", "false", "FALSE", "False"};
  if (std::find(kTrue.begin(), kTrue.end(), text) != kTrue.end()) {
    out = true;
  } else if (std::find(kFalse.begin(), kFalse.end(), text) != kFalse.end()) {
    out = false;
  } else {
    return StrCat("strconv.ParseBool: parsing ", Quote(text),
                  ": invalid syntax; use true or false");
  }
  return "";
}

template <class T>
std::string SetNumber(std::string_view text, T& out, std::string_view function) {
  std::optional<T> value;
  if constexpr (std::is_signed_v<T>) {
    value = base::ParseInt<T>(text);
  } else {
    value = base::ParseUint<T>(text);
  }
  if (value) {
    out = *value;
    return "";
  }
  std::string_view digits = text;
  if (!digits.empty() && digits.front() == '-' && std::is_signed_v<T>) digits.remove_prefix(1);
  const bool number = !digits.empty() && std::all_of(digits.begin(), digits.end(), base::IsDigit);
  return StrCat("strconv.", function, ": parsing ", Quote(text), ": ",
                number ? "value out of range" : "invalid syntax; use a whole number");
}
std::string Set(std::string_view text, int64_t& out) {
  return SetNumber(text, out, "ParseInt");
}
std::string Set(std::string_view text, uint64_t& out) {
  return SetNumber(text, out, "ParseUint");
}

std::string Set(std::string_view text, std::chrono::nanoseconds& out) {
  auto value = base::ParseDuration(text);
  if (!value) return StrCat("time: ", value.error().message);
  out = *value;
  return "";
}

template <class T>
std::string Set(std::string_view text, std::optional<T>& out) {
  T value{};
  std::string error = Set(text, value);
  if (error.empty()) out = value;
  return error;
}

// One line of comma-separated values; a value may be in double quotes, with "" for a quote.
std::string Set(std::string_view text, std::vector<std::string>& out) {
  size_t i = 0;
  while (i <= text.size() && !text.empty()) {
    std::string field;
    if (i < text.size() && text[i] == '"') {
      for (++i;; ++i) {
        if (i >= text.size()) return "extraneous or missing \" in quoted-field";
        if (text[i] == '"') {
          if (i + 1 >= text.size() || text[i + 1] != '"') break;
          ++i;
        }
        field += text[i];
      }
      ++i;
      if (i < text.size() && text[i] != ',') return "extraneous or missing \" in quoted-field";
    } else {
      const size_t comma = std::min(text.find(',', i), text.size());
      field = text.substr(i, comma - i);
      i = comma;
    }
    if (!field.empty()) out.push_back(std::move(field));
    ++i;
  }
  return "";
}

bool IsBoolean(const Flag& flag) {
  return std::holds_alternative<bool RawFlags::*>(flag.target) ||
         std::holds_alternative<std::optional<bool> RawFlags::*>(flag.target);
}

}  // namespace

bool ParsedFlags::IsSet(std::string_view name) const {
  return std::any_of(set.begin(), set.end(), [&](const Flag* f) { return f->name == name; });
}

ParsedFlags ParseFlags(std::span<const std::string> args) {
  ParsedFlags out;
  for (size_t i = 0; i < args.size(); ++i) {
    std::string_view arg = args[i];
    if (arg.size() < 2 || arg.front() != '-') continue;
    if (arg == "--") break;
    if (arg == "-h") {
      out.help = true;
      return out;
    }
    if (arg[1] != '-' && arg.size() == 2) {
      out.error = StrCat("unknown shorthand flag: '", arg.substr(1), "' in ", arg);
      return out;
    }
    arg.remove_prefix(arg[1] == '-' ? 2 : 1);
    const size_t equals = arg.find('=');
    const std::string_view name = arg.substr(0, equals);
    if (name == "help") {
      out.help = true;
      return out;
    }
    if (name.empty() || name.front() == '-') {
      out.error = StrCat("bad flag syntax: ", args[i]);
      return out;
    }
    const Flag* flag = FindFlag(name);
    if (flag == nullptr) {
      out.error = StrCat("unknown flag: --", name);
      return out;
    }
    std::string_view value;
    if (equals != std::string_view::npos) {
      value = arg.substr(equals + 1);
    } else if (IsBoolean(*flag)) {
      value = "true";
    } else if (i + 1 < args.size()) {
      value = args[++i];
    } else {
      out.error = StrCat("flag needs an argument: --", name);
      return out;
    }
    const std::string error =
        std::visit([&](auto member) { return Set(value, out.values.*member); }, flag->target);
    if (!error.empty()) {
      out.error = StrCat("invalid argument ", Quote(value), " for \"--", name, "\" flag: ", error);
      return out;
    }
    if (!out.IsSet(name)) out.set.push_back(flag);
  }
  return out;
}

}  // namespace config
