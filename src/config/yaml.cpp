#include "config/yaml.hpp"

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "base/strings.hpp"

namespace config {

namespace {

bool HasContent(std::string_view text) {
  for (std::string_view line : base::SplitView(text, '\n')) {
    line = base::Trim(line);
    if (!line.empty() && line.front() != '#') return true;
  }
  return false;
}

}  // namespace

std::vector<Document> SplitDocuments(const std::string& file, std::string_view text) {
  std::vector<Document> documents;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Document current{file, 1, ""};
  int line_number = 0;
  auto finish = [&] {
    if (HasContent(current.text)) documents.push_back(std::move(current));
    current = Document{file, line_number + 1, ""};
  };
  while (!text.empty()) {
    ++line_number;
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with("---")) {
      finish();
      continue;
    }
    current.text += line;
    current.text += '\n';
  }
  finish();
  return documents;
}

base::Result<std::vector<Document>> LoadDocuments(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(file));
  return SplitDocuments(file, text);
}

base::Result<std::vector<std::string>> ListYamlFiles(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::directory_iterator it(directory, error);
  if (error) {
    return base::Fail(error == std::errc::no_such_file_or_directory ? base::Kind::kNotFound
                                                                    : base::Kind::kInternal,
                      base::StrCat("cannot read directory ", directory, ": ", error.message()));
  }
  std::vector<std::string> names;
  for (; it != fs::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.ends_with(".yaml") && !name.ends_with(".yml")) continue;
    // What cannot be looked at is there all the same, such as a link that leads nowhere for now.
    std::error_code why;
    const fs::file_type type = fs::status(it->path(), why).type();
    if (type == fs::file_type::directory) continue;
    if (type == fs::file_type::not_found &&
        fs::symlink_status(it->path(), why).type() == fs::file_type::not_found) {
      continue;
    }
    names.push_back(name);
  }
  if (error) {
    return base::Fail(base::Kind::kInternal,
                      base::StrCat("cannot read directory ", directory, ": ", error.message()));
  }
  std::sort(names.begin(), names.end());
  for (std::string& name : names) name = (fs::path(directory) / name).string();
  return names;
}

}  // namespace config
