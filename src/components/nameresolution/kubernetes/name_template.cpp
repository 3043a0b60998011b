#include "components/nameresolution/kubernetes/name_template.hpp"

#include "base/strings.hpp"

namespace components::nameresolution::kubernetes {
namespace {

std::string_view TrimRight(std::string_view text) {
  while (!text.empty() && base::IsSpace(text.back())) text.remove_suffix(1);
  return text;
}
std::string_view TrimLeft(std::string_view text) {
  while (!text.empty() && base::IsSpace(text.front())) text.remove_prefix(1);
  return text;
}

}  // namespace

base::Result<NameTemplate::Part> NameTemplate::ParseAction(std::string_view action) {
  if (action == ".ID") return Part::kId;
  if (action == ".Namespace") return Part::kNamespace;
  if (action == ".Port") return Part::kPort;
  if (action.starts_with("/*") && action.ends_with("*/") && action.size() >= 4) return Part::kText;
  return base::Fail(base::Kind::kInvalidArgument,
                    base::StrCat("the template action {{", action,
                                 "}} is not supported: use {{.ID}}, {{.Namespace}} and {{.Port}}"));
}

base::Result<NameTemplate> NameTemplate::Parse(std::string_view text) {
  NameTemplate result;
  bool trim_next = false;
  while (true) {
    const std::size_t open = text.find("{{");
    std::string_view plain = text.substr(0, open);
    if (trim_next) plain = TrimLeft(plain);
    trim_next = false;
    if (open == std::string_view::npos) {
      if (!plain.empty()) result.pieces_.push_back({Part::kText, std::string(plain)});
      return result;
    }
    text.remove_prefix(open + 2);
    const std::size_t close = text.find("}}");
    if (close == std::string_view::npos) {
      return base::Fail(base::Kind::kInvalidArgument,
                        "the template has an action without end: close it with }}");
    }
    std::string_view action = text.substr(0, close);
    text.remove_prefix(close + 2);
    // A minus counts as a trim marker only with white space next to it.
    if (action.size() >= 2 && action[0] == '-' && base::IsSpace(action[1])) {
      plain = TrimRight(plain);
      action.remove_prefix(1);
    }
    if (action.size() >= 2 && action.back() == '-' && base::IsSpace(action[action.size() - 2])) {
      trim_next = true;
      action.remove_suffix(1);
    }
    if (!plain.empty()) result.pieces_.push_back({Part::kText, std::string(plain)});
    ASSIGN_OR_RETURN(const Part part, ParseAction(base::Trim(action)));
    if (part != Part::kText) result.pieces_.push_back({part, ""});
  }
}

std::string NameTemplate::Fill(std::string_view id, std::string_view app_namespace,
                               uint16_t port) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    switch (piece.part) {
      case Part::kText:
        out += piece.text;
        break;
      case Part::kId:
        out += id;
        break;
      case Part::kNamespace:
        out += app_namespace;
        break;
      case Part::kPort:
        base::StrAppend(out, port);
        break;
    }
  }
  return out;
}

}  // namespace components::nameresolution::kubernetes
