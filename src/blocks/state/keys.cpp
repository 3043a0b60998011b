#include "blocks/state/keys.hpp"

#include "base/strings.hpp"
#include "blocks/state/errors.hpp"

namespace blocks::state {

base::Result<KeyPrefix> KeyPrefix::Make(std::string_view strategy, std::string_view store_name,
                                        std::string_view app_id, std::string_view app_namespace) {
  const std::string lower = base::ToLower(strategy);
  KeyPrefix prefix;
  if (lower == "none") return prefix;
  if (lower.find(kKeySeparator) != std::string::npos) {
    return std::unexpected(InvalidKey(store_name, lower));
  }
  if (lower.empty() || lower == "appid") {
    prefix.text_ = app_id;
  } else if (lower == "name") {
    prefix.text_ = store_name;
  } else if (lower == "namespace") {
    prefix.text_ =
        app_namespace.empty() ? std::string(app_id) : base::StrCat(app_namespace, ".", app_id);
  } else {
    prefix.text_ = lower;
  }
  prefix.text_ += kKeySeparator;
  return prefix;
}

base::Result<std::string> KeyPrefix::Add(std::string_view key, std::string_view store_name) const {
  if (key.find(kKeySeparator) != std::string_view::npos) {
    return std::unexpected(InvalidKey(store_name, key));
  }
  std::string stored;
  stored.reserve(text_.size() + key.size());
  stored.append(text_).append(key);
  return stored;
}

std::string_view KeyPrefix::Strip(std::string_view stored_key) {
  const std::size_t at = stored_key.find(kKeySeparator);
  return at == std::string_view::npos ? stored_key : stored_key.substr(at + kKeySeparator.size());
}

}  // namespace blocks::state
