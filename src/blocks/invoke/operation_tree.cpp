#include "blocks/invoke/operation_tree.hpp"

#include "base/strings.hpp"

namespace blocks::invoke {

bool GlobMatches(std::string_view pattern, std::string_view text) {
  constexpr std::size_t kNoStar = std::string_view::npos;
  std::size_t at = 0;
  std::size_t star = kNoStar;
  std::size_t after = 0;  // where the text goes on once the last star has taken its part
  for (std::size_t i = 0; i < text.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      after = i;
    } else if (at < pattern.size() && pattern[at] == text[i]) {
      ++at;
      ++i;
    } else if (star != kNoStar) {
      at = star + 1;
      i = ++after;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

void OperationTree::Add(std::string_view operation, uint32_t number) {
  uint32_t node = 0;
  for (const std::string_view segment : base::SplitView(operation.substr(1), '/')) {
    uint32_t next = kNone;
    for (const uint32_t child : nodes_[node].children) {
      if (nodes_[child].segment == segment) next = child;
    }
    if (next == kNone) {
      next = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back({std::string(segment), kNone, {}});
      nodes_[node].children.push_back(next);
    }
    node = next;
  }
  if (nodes_[node].number == kNone) nodes_[node].number = number;
}

const OperationTree::Node* OperationTree::Child(const Node& node, std::string_view segment,
                                                bool last) const {
  for (const uint32_t index : node.children) {
    const Node& child = nodes_[index];
    if (child.segment == segment) return &child;
    if (child.segment == "*") {
      // A star alone is for the last segment only: in the middle of a path it matches nothing.
      if (last) return &child;
      continue;
    }
    if (GlobMatches(child.segment, segment)) return &child;
  }
  return nullptr;
}

uint32_t OperationTree::Find(std::string_view path) const {
  const Node* node = &nodes_.front();
  std::string_view rest = path.substr(1);
  while (true) {
    const std::size_t slash = rest.find('/');
    const bool last = slash == std::string_view::npos;
    node = Child(*node, rest.substr(0, slash), last);
    if (!node) return kNone;
    if (node->number != kNone) {
      // The first entry on the way decides, except for a star that is not at its end.
      if (last || node->segment != "*") return node->number;
    } else if (last) {
      // "/op/*" is for "/op" too.
      node = Child(*node, "*", true);
      return node ? node->number : kNone;
    }
    if (last) return kNone;
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace blocks::invoke
