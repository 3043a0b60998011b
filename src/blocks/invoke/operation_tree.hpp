// The operations of one access policy as a tree of path segments: which entry a method belongs to.
// Built once, then immutable; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace blocks::invoke {

class OperationTree {
 public:
  /// Adds an operation with the caller's number for it; `operation` begins with a slash. The first
  /// of two with the same text wins.
  void Add(std::string_view operation, uint32_t number);

  static constexpr uint32_t kNone = UINT32_MAX;
  /// The number of the operation that `path`, which begins with a slash, belongs to. An operation
  /// covers all paths below it; "*" stands for one last segment or none, "**" for all that
  /// follows, a star within a segment for any text.
  uint32_t Find(std::string_view path) const;

 private:
  struct Node {
    std::string segment;
    uint32_t number = kNone;
    std::vector<uint32_t> children;  // in the order in which they were written
  };
  const Node* Child(const Node& node, std::string_view segment, bool last) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);  // the first is the root
};

/// Whether `text` is `pattern` with each star replaced by any text, also by none.
bool GlobMatches(std::string_view pattern, std::string_view text);

}  // namespace blocks::invoke
