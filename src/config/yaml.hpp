// YAML files as documents that remember where they stand, so that every error can name file and
// line. What a document means is read through yaml_fields.hpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace config {

/// A place in a file; line counts from 1.
struct Source {
  std::string file;
  int line = 0;
  std::string ToString() const { return file + ":" + std::to_string(line); }
};

struct Document {
  std::string file;
  int first_line = 1;
  std::string text;
};

/// Larger documents are refused before they are parsed.
inline constexpr size_t kMaxDocumentSize = size_t{4} << 20;

/// The documents of a file's text: they are separated by lines that start with "---". Documents of
/// nothing but white space and comments are left out.
std::vector<Document> SplitDocuments(const std::string& file, std::string_view text);

/// The same for a file on disk.
base::Result<std::vector<Document>> LoadDocuments(const std::string& file);

/// The paths of the .yaml and .yml files directly inside `directory`, sorted by their bytes. Links
/// are followed (a mounted ConfigMap is made of them). Whatever is no folder is listed, also if it
/// cannot be read: to be unreadable is not to be deleted. Fails when the directory cannot be read.
base::Result<std::vector<std::string>> ListYamlFiles(const std::string& directory);

}  // namespace config
