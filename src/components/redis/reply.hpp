// Reply: one answer of a Redis server, as a flat tree: an ordinary text, number or status costs no
// allocation beyond its text. Value type, movable; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace components::redis {

class Reply {
 public:
  enum class Type : uint8_t { kNil, kText, kStatus, kInteger, kArray, kError };

  /// One value inside a reply; valid as long as the reply stays where it is.
  class Value;

  Reply() = default;

  Type type() const { return root_.type; }
  bool is_nil() const { return root_.type == Type::kNil; }
  bool is_error() const { return root_.type == Type::kError; }
  bool is_array() const { return root_.type == Type::kArray; }
  /// Of texts, statuses and errors; "" of anything else.
  std::string_view text() const { return TextOf(root_); }
  /// Of integers; 0 of anything else.
  int64_t integer() const { return root_.type == Type::kInteger ? root_.number : 0; }
  /// Number of elements of an array; 0 of anything else.
  std::size_t size() const { return root_.type == Type::kArray ? root_.size : 0; }
  /// Element of an array; a nil beyond its end.
  Value operator[](std::size_t index) const;

 private:
  friend class ReplyReader;
  struct Node {
    Type type = Type::kNil;
    uint32_t size = 0;   // of the text, or elements
    int64_t number = 0;  // the integer; or where the text begins; or the first element
  };
  std::string_view TextOf(const Node& node) const {
    const bool text =
        node.type == Type::kText || node.type == Type::kStatus || node.type == Type::kError;
    return text ? std::string_view(text_).substr(static_cast<std::size_t>(node.number), node.size)
                : std::string_view();
  }

  Node root_;
  std::vector<Node> nodes_;  // all but the root; elements of an array stand side by side
  std::string text_;         // the texts of all nodes
};

class Reply::Value {
 public:
  Type type() const { return node_ ? node_->type : Type::kNil; }
  bool is_nil() const { return type() == Type::kNil; }
  bool is_error() const { return type() == Type::kError; }
  bool is_array() const { return type() == Type::kArray; }
  std::string_view text() const { return node_ ? reply_->TextOf(*node_) : std::string_view(); }
  int64_t integer() const { return type() == Type::kInteger ? node_->number : 0; }
  std::size_t size() const { return is_array() ? node_->size : 0; }
  Value operator[](std::size_t index) const {
    if (index >= size()) return {};
    return {reply_, &reply_->nodes_[static_cast<std::size_t>(node_->number) + index]};
  }

 private:
  friend class Reply;
  Value() = default;
  Value(const Reply* reply, const Node* node) : reply_(reply), node_(node) {}
  const Reply* reply_ = nullptr;
  const Node* node_ = nullptr;
};

inline Reply::Value Reply::operator[](std::size_t index) const {
  return Value(this, &root_)[index];
}

/// The program's error for an error text of the server ("WRONGTYPE Operation …"); what kind it is
/// follows from its first word.
base::Error ServerError(std::string_view text);

/// Why a command that the server refused may succeed when it is sent again, perhaps elsewhere.
enum class Refusal : uint8_t {
  kFinal,     // it will not
  kMoved,     // another node of the cluster has the slot
  kAsk,       // the same, for this one command
  kReadOnly,  // this is a replica: find the master
  kLater,     // loading, cluster in change …: after a pause
};
Refusal ClassifyRefusal(std::string_view error_text);

}  // namespace components::redis
