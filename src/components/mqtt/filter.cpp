#include "components/mqtt/filter.hpp"

#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "components/mqtt/packet.hpp"

namespace components::mqtt {

using base::Kind;
using base::Quote;
using base::StrCat;

namespace {

constexpr std::string_view kShare = "$share/";

// What topics and filters have in common.
base::Status CheckText(std::string_view text) {
  if (text.empty()) return base::Fail(Kind::kInvalidArgument, "an MQTT topic must not be empty");
  if (text.size() > kMaxString) {
    return base::Fail(Kind::kInvalidArgument,
                      StrCat("an MQTT topic has at most ", kMaxString, " bytes"));
  }
  if (text.find('\0') != std::string_view::npos || !base::IsValidUtf8(text)) {
    return base::Fail(Kind::kInvalidArgument, "an MQTT topic must be UTF-8 without zero bytes");
  }
  return {};
}

// Takes the first level off `text`.
std::string_view TakeLevel(std::string_view& text, bool& last) {
  const std::size_t slash = text.find('/');
  last = slash == std::string_view::npos;
  const std::string_view level = text.substr(0, slash);
  text = last ? std::string_view() : text.substr(slash + 1);
  return level;
}

}  // namespace

base::Status CheckTopic(std::string_view topic) {
  RETURN_IF_ERROR(CheckText(topic));
  if (topic.find_first_of("+#") == std::string_view::npos) return {};
  return base::Fail(
      Kind::kInvalidArgument,
      StrCat(Quote(topic), " is no topic to publish to: + and # are for subscriptions only"));
}

base::Result<Filter> Filter::Parse(std::string_view text) {
  RETURN_IF_ERROR(CheckText(text));
  Filter filter{std::string(text)};
  std::string_view rest = text;
  if (text.starts_with(kShare)) {
    const std::size_t slash = text.find('/', kShare.size());
    const std::string_view group = text.substr(kShare.size(), slash - kShare.size());
    if (slash == std::string_view::npos || slash + 1 == text.size() || group.empty() ||
        group.find_first_of("+#") != std::string_view::npos) {
      return base::Fail(Kind::kInvalidArgument,
                        StrCat(Quote(text), " is not of the form $share/group/topic"));
    }
    filter.start_ = slash + 1;
    rest = text.substr(filter.start_);
  }
  for (bool last = false; !last;) {
    const std::string_view level = TakeLevel(rest, last);
    if (level.size() > 1 && level.find_first_of("+#") != std::string_view::npos) {
      return base::Fail(Kind::kInvalidArgument,
                        StrCat(Quote(text), ": + and # must be levels of their own"));
    }
    if (level == "#" && !last) {
      return base::Fail(Kind::kInvalidArgument, StrCat(Quote(text), ": # must be the last level"));
    }
  }
  return filter;
}

bool Filter::Matches(std::string_view topic) const {
  std::string_view filter = std::string_view(text_).substr(start_);
  // Topics of the server itself are not for those who ask for everything.
  if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) return false;
  bool filter_last = false;
  bool topic_last = false;
  while (true) {
    const std::string_view wanted = TakeLevel(filter, filter_last);
    if (wanted == "#") return true;
    const std::string_view level = TakeLevel(topic, topic_last);
    if (wanted != "+" && wanted != level) return false;
    // "a/#" stands for "a" too.
    if (topic_last) return filter_last || filter == "#";
    if (filter_last) return false;
  }
}

}  // namespace components::mqtt
