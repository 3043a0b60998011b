// JsonCursor: walks over JSON text that base::CheckJson has accepted, without copying it. It trusts
// the text: on anything else the result is arbitrary, though it never leaves the text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace contracts {

class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : text_(text) { SkipSpace(); }

  /// First character of the value at hand: { [ " t f n - or a digit; '\0' at the end.
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  /// Enters the object or array at hand.
  void Enter() {
    Advance();
    SkipSpace();
  }
  /// True if the container has another member; leaves the container and returns false otherwise.
  /// Skips the comma. Call before every member.
  bool More();
  /// The key of the member at hand, unescaped, with its colon skipped.
  std::string Key();

  /// The text of the value at hand; steps over it.
  std::string_view Skip();
  /// The unescaped string at hand; steps over it.
  std::string String();

 private:
  void Advance() {
    if (at_ < text_.size()) ++at_;
  }
  void SkipSpace();
  void SkipString();

  std::string_view text_;
  std::size_t at_ = 0;
};

/// "object", "array", "string", "number", "bool" or "null": how Go's decoder names the value that
/// starts with this character.
std::string_view JsonKindName(char first);

}  // namespace contracts
