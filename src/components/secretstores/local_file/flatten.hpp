// The secrets of a JSON document: nested members flattened to one name each. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "contracts/secret_store.hpp"

namespace components::secretstores::local_file {

/// One secret for each leaf, named by its path joined with `separator` (array members by index);
/// the secret has one key, its name. Fails with kInvalidArgument unless `json` is an object; the
/// text never holds content of the document.
base::Result<std::map<std::string, contracts::Secret>> FlattenSingle(std::string_view json,
                                                                     std::string_view separator);

/// One secret for each member of the document: an object's leaves become keys of the secret, a text
/// becomes a secret with its own name as key; other members are left out.
base::Result<std::map<std::string, contracts::Secret>> FlattenMulti(std::string_view json,
                                                                    std::string_view separator);

}  // namespace components::secretstores::local_file
