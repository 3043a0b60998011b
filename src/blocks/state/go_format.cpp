#include "blocks/state/go_format.hpp"

#include <charconv>
#include <utility>
#include <vector>

#include "base/strings.hpp"
#include "contracts/json_cursor.hpp"

namespace blocks::state {

namespace {

// The fewest digits that read back the same, with an exponent below 1e-4 and from 1e6 on.
void AppendFloat(std::string& out, std::string_view number) {
  double value = 0;
  std::from_chars(number.data(), number.data() + number.size(), value);
  char buffer[400];
  auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view scientific(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t mark = scientific.find('e');
  const int exponent = base::ParseInt<int>(scientific.substr(mark + 1)).value_or(0);
  if (exponent < -4 || exponent >= 6) {
    out += scientific;
    return;
  }
  end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  out.append(buffer, static_cast<std::size_t>(end - buffer));
}

}  // namespace

std::string FormatLikeGo(std::string_view json) {
  std::string out;
  contracts::JsonCursor cursor(json);
  // One entry per open container: its kind and whether it has had a member. Not recursive, because
  // callers choose the depth.
  struct Open {
    bool object;
    bool first = true;
  };
  std::vector<Open> open;
  while (true) {
    switch (cursor.Peek()) {
      case '{':
        cursor.Enter();
        open.push_back({true});
        out += "map[";
        break;
      case '[':
        cursor.Enter();
        open.push_back({false});
        out += '[';
        break;
      case '"':
        out += cursor.String();
        break;
      case 'n':
        cursor.Skip();
        out += "<nil>";
        break;
      case 't':
      case 'f':
        out += cursor.Skip();
        break;
      case '\0':
        return out;
      default:
        AppendFloat(out, cursor.Skip());
    }
    while (!open.empty() && !cursor.More()) {
      open.pop_back();
      out += ']';
    }
    if (open.empty()) return out;
    if (!std::exchange(open.back().first, false)) out += ' ';
    if (open.back().object) {
      out += cursor.Key();
      out += ':';
    }
  }
}

}  // namespace blocks::state
