// Topics of subscriptions that are patterns. Pure; any thread; linear in topic times pattern.
#pragma once

#include <string_view>

namespace components::pubsub::in_memory {

/// Whether it holds a `*` or `#`.
bool IsPattern(std::string_view topic);

/// Words are separated by '.' or '/': `*` is one word, `#` any number of words, and a `*` at the
/// end of the last word stands for any rest.
bool Matches(std::string_view pattern, std::string_view topic);

}  // namespace components::pubsub::in_memory
