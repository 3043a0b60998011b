#include "components/kafka/headers.hpp"

#include <re2/re2.h>

#include "base/strings.hpp"

namespace components::kafka {

HeaderRules::~HeaderRules() = default;

base::Result<std::shared_ptr<const HeaderRules>> HeaderRules::Make(bool escape,
                                                                   const std::string& exclude) {
  auto rules = std::make_shared<HeaderRules>();
  rules->escape_ = escape;
  if (!exclude.empty()) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    rules->exclude_ = std::make_unique<re2::RE2>(exclude, options);
    if (!rules->exclude_->ok()) {
      return base::Fail(base::Kind::kInvalidArgument,
                        base::StrCat("is no regular expression: ", rules->exclude_->error()));
    }
  }
  return rules;
}

bool HeaderRules::Excluded(std::string_view name) const {
  return exclude_ && re2::RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), *exclude_);
}

void HeaderRules::Add(contracts::Metadata& metadata, std::string_view name,
                      std::string_view value) const {
  metadata.Set(name, escape_ ? base::PercentEncodeQuery(value) : std::string(value));
}

const std::string* KeyOf(const contracts::Metadata& metadata) {
  if (const std::string* key = metadata.FindIgnoreCase("partitionKey")) return key;
  return metadata.FindIgnoreCase("__key");
}

base::Result<int32_t> PartitionOf(const contracts::Metadata& metadata) {
  const std::string* text = metadata.FindIgnoreCase("partitionNumber");
  if (!text) return -1;
  const auto number = base::ParseInt<int32_t>(*text);
  if (number && *number >= 0) return *number;
  return base::Fail(base::Kind::kInvalidArgument,
                    "partitionNumber in the metadata is not the number of a partition");
}

}  // namespace components::kafka
