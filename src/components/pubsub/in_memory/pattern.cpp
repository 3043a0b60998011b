#include "components/pubsub/in_memory/pattern.hpp"

namespace components::pubsub::in_memory {

namespace {

// The word at the front of `text`; takes it and its separator away. `last` tells that there is no
// other after it.
std::string_view TakeWord(std::string_view& text, bool& last) {
  const std::size_t end = text.find_first_of("./");
  last = end == std::string_view::npos;
  const std::string_view word = text.substr(0, end);
  text = last ? std::string_view() : text.substr(end + 1);
  return word;
}

// A position in a text of words; `ended` once the last one is taken.
struct Words {
  std::string_view rest;
  bool ended = false;
  std::string_view Take() { return TakeWord(rest, ended); }
};

}  // namespace

bool IsPattern(std::string_view topic) {
  return topic.find_first_of("*#") != std::string_view::npos;
}

bool Matches(std::string_view pattern, std::string_view topic) {
  Words left{pattern};
  Words right{topic};
  // Where to go on if it does not fit: after the last `#`, which then takes one word more. Earlier
  // ones need not be tried again, because what follows them has fitted at its first place.
  bool has_hash = false;
  Words after_hash;
  Words from;
  while (true) {
    if (left.ended && right.ended) return true;
    bool fits = false;
    if (!left.ended) {
      Words next = left;
      const std::string_view word = next.Take();
      if (word == "#") {
        if (next.ended) return true;
        has_hash = true;
        after_hash = next;
        from = right;
        left = next;
        continue;
      }
      if (next.ended && word.size() > 1 && word.ends_with('*') && !right.ended &&
          right.rest.starts_with(word.substr(0, word.size() - 1))) {
        return true;
      }
      if (!right.ended) {
        Words taken = right;
        const std::string_view text = taken.Take();
        if (word == "*" || word == text) {
          left = next;
          right = taken;
          fits = true;
        }
      }
    }
    if (fits) continue;
    if (!has_hash || from.ended) return false;
    from.Take();
    right = from;
    left = after_hash;
  }
}

}  // namespace components::pubsub::in_memory
