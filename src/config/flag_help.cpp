// The two readable forms of the flag table.
#include "base/strings.hpp"
#include "config/flag_table.hpp"

namespace config {
namespace {

using base::StrAppend;
using base::StrCat;

std::string Notes(const Flag& flag) {
  std::string out;
  if (!flag.deprecated.empty()) StrAppend(out, " Deprecated: ", flag.deprecated, ".");
  if (!flag.later.empty()) StrAppend(out, " No effect yet.");
  return out;
}

// `text` in lines of at most `width`, each after the first indented.
std::string Wrap(std::string_view text, size_t width, size_t indent) {
  std::string out;
  size_t column = 0;
  for (std::string_view word : base::SplitView(text, ' ')) {
    if (column > 0 && column + 1 + word.size() > width) {
      out += '\n';
      out.append(indent, ' ');
      column = 0;
    }
    if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

template <class F>
void ForEachInGroup(FlagGroup group, F f) {
  for (const Flag& flag : FlagTable()) {
    if (flag.group == group && !flag.hidden) f(flag);
  }
}

}  // namespace

std::string FlagsHelp() {
  constexpr size_t kColumn = 44;
  std::string out =
      "daprd: a Dapr runtime that one or many applications share.\n\n"
      "  daprd --app-id ID [flags]        one application\n"
      "  daprd --apps-path DIR [flags]    many applications\n\n"
      "TIME is written like 30s, 1h15m or 300ms, SIZE like 4Mi or 1048576. A LIST is separated by\n"
      "commas, and its flag may be repeated. A switch is turned off by --name=false.\n";
  for (int g = 0; g < static_cast<int>(FlagGroup::kCount); ++g) {
    const auto group = static_cast<FlagGroup>(g);
    StrAppend(out, "\n", FlagGroupTitle(group), "\n");
    ForEachInGroup(group, [&](const Flag& flag) {
      std::string left = StrCat("  --", flag.name);
      if (!flag.value.empty()) StrAppend(left, " ", flag.value);
      std::string right = StrCat(flag.help, Notes(flag));
      if (!flag.default_text.empty() && flag.default_text != "false") {
        StrAppend(right, " [", flag.default_text, "]");
      }
      if (!flag.env.empty()) StrAppend(right, " [env ", flag.env, "]");
      if (left.size() + 2 > kColumn) {
        StrAppend(out, left, "\n");
        left.clear();
      }
      left.resize(kColumn, ' ');
      StrAppend(out, left, Wrap(right, 100 - kColumn, kColumn), "\n");
    });
  }
  out += "\nOther\n";
  std::string left = "  -h, --help";
  left.resize(kColumn, ' ');
  StrAppend(out, left, "Print this page and exit.\n");
  return out;
}

std::string FlagsMarkdown() {
  std::string out = "# Flags\n";
  for (int g = 0; g < static_cast<int>(FlagGroup::kCount); ++g) {
    const auto group = static_cast<FlagGroup>(g);
    StrAppend(out, "\n## ", FlagGroupTitle(group),
              "\n\n| flag | default | meaning |\n| --- | --- | --- |\n");
    ForEachInGroup(group, [&](const Flag& flag) {
      StrAppend(out, "| `--", flag.name, flag.value.empty() ? "" : " ", flag.value, "` | ");
      if (!flag.default_text.empty()) StrAppend(out, "`", flag.default_text, "`");
      StrAppend(out, " | ", flag.help, Notes(flag));
      if (!flag.env.empty()) StrAppend(out, " Environment: `", flag.env, "`.");
      StrAppend(out, " |\n");
    });
  }
  return out;
}

}  // namespace config
