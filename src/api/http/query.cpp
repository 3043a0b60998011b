#include "api/http/query.hpp"

#include "base/strings.hpp"

namespace api {
namespace {

// Calls `use(key, value)` for each pair, both decoded, until it returns true.
template <class Use>
void ForEachPair(std::string_view query, const Use& use) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    if (pair.empty() || pair.find(';') != std::string_view::npos) continue;
    const std::size_t equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    auto key = base::PercentDecodeQuery(pair.substr(0, equals));
    auto decoded = base::PercentDecodeQuery(value);
    if (!key || !decoded) continue;
    if (use(*key, *std::move(decoded))) return;
  }
}

}  // namespace

std::optional<std::string> QueryValue(std::string_view query, std::string_view key) {
  std::optional<std::string> out;
  ForEachPair(query, [&](const std::string& name, std::string value) {
    if (name != key) return false;
    out = std::move(value);
    return true;
  });
  return out;
}

std::vector<std::string> QueryValues(std::string_view query, std::string_view key) {
  std::vector<std::string> out;
  ForEachPair(query, [&](const std::string& name, std::string value) {
    if (name == key) out.push_back(std::move(value));
    return false;
  });
  return out;
}

contracts::Metadata QueryMetadata(std::string_view query) {
  static constexpr std::string_view kPrefix = "metadata.";
  contracts::Metadata out;
  if (query.empty()) return out;
  ForEachPair(query, [&](const std::string& name, std::string value) {
    if (!name.starts_with(kPrefix)) return false;
    const std::string_view key = std::string_view(name).substr(kPrefix.size());
    if (!out.Find(key)) out.Set(key, std::move(value));
    return false;
  });
  return out;
}

std::string CanonicalFieldName(std::string_view name) {
  std::string out(name);
  bool upper = true;
  for (char& c : out) {
    c = upper ? base::UpperChar(c) : base::LowerChar(c);
    upper = c == '-';
  }
  return out;
}

}  // namespace api
