// Reading typed fields out of one YAML document. Private to config/: only its sources include
// yaml-cpp. Field names match as in Go's JSON decoder (exact, else ignoring case), scalars have the
// types of YAML 1.1 (yes and on are true), a string field takes any scalar, null is "not given".
//
// A Reader keeps the first error; after it every read is a no-op, so that callers check once.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "config/yaml.hpp"

namespace config {

class Fields;

class Reader {
 public:
  explicit Reader(const Document& document) : document_(document) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// Parses the text. Fails with file and line; also when the document is no mapping.
  base::Status Parse();
  /// The document's mapping; needs a successful Parse.
  Fields Root();
  /// The first error of any read, else success.
  base::Status status() const;

  /// Records `message` as the error at `line` (of the file) and field `path`, unless there is one.
  void SetError(int line, std::string_view path, std::string_view message);
  bool failed() const { return error_.has_value(); }
  int LineOf(const YAML::Node& node) const;
  const Document& document() const { return document_; }

  /// JSON text of any node; counts against the document's budget, because aliases multiply.
  std::string Json(const YAML::Node& node, const std::string& path, int depth = 0);

 private:
  const Document& document_;
  YAML::Node root_;
  std::optional<base::Error> error_;
  size_t json_nodes_ = 0;
};

/// A value of any type, kept as the text that components see.
struct Dynamic {
  std::string text;  // a string's characters; JSON text of anything else; "" for null
  std::string json;  // JSON text of the value; "" when absent or null
};

class Fields {
 public:
  Fields(Reader& reader, const YAML::Node& node, std::string path);

  // Each leaves `out` as it is when the field is not given.
  void Read(std::string_view name, std::string& out);
  void Read(std::string_view name, bool& out);
  void Read(std::string_view name, int64_t& out);
  void Read(std::string_view name, int32_t& out);
  void Read(std::string_view name, std::vector<std::string>& out);
  void Read(std::string_view name, std::vector<int64_t>& out);
  void Read(std::string_view name, std::map<std::string, std::string>& out);
  void Read(std::string_view name, Dynamic& out);
  template <class T>
  void Read(std::string_view name, std::optional<T>& out) {
    if (const YAML::Node* node = Find(name); node != nullptr && !Present(*node)) {
      out.reset();
    } else if (node != nullptr) {
      T value{};
      Read(name, value);
      out = std::move(value);
    }
  }

  /// Calls f(Fields&) on the mapping `name` when it is given.
  template <class F>
  bool Child(std::string_view name, F f) {
    const YAML::Node* node = Mapping(name);
    if (node == nullptr) return false;
    Fields child(reader_, *node, PathOf(name));
    f(child);
    return true;
  }
  /// Calls f(Fields&) on every mapping of the list `name`; true when the list is given.
  template <class F>
  bool Each(std::string_view name, F f) {
    const YAML::Node* node = List(name);
    if (node == nullptr) return false;
    size_t i = 0;
    for (const YAML::Node& item : *node) {
      if (reader_.failed()) return true;
      Fields child(reader_, item, PathOf(name) + "[" + std::to_string(i++) + "]");
      f(child);
    }
    return true;
  }
  /// Calls f(key, Fields&) on every entry of the mapping of mappings `name`.
  template <class F>
  void EachKey(std::string_view name, F f) {
    const YAML::Node* node = Mapping(name);
    if (node == nullptr) return;
    Fields entries(reader_, *node, PathOf(name));
    for (const auto& [key, value] : entries.entries_) {
      if (reader_.failed()) return;
      Fields child(reader_, value, PathOf(name) + "." + key);
      f(key, child);
    }
  }

  bool Has(std::string_view name) const {
    const YAML::Node* node = Find(name);
    return node != nullptr && Present(*node);
  }
  /// Records an error at field `name` of this mapping.
  void SetError(std::string_view name, std::string_view message);
  /// Records an error when a field has none of these names: for kinds that are only ours.
  void AllowOnly(std::initializer_list<std::string_view> names);

  int line() const { return line_; }
  Source source() const { return {reader_.document().file, line_}; }
  bool failed() const { return reader_.failed(); }

 private:
  static bool Present(const YAML::Node& node) { return node.IsDefined() && !IsNull(node); }
  static bool IsNull(const YAML::Node& node);
  const YAML::Node* Find(std::string_view name) const;
  const YAML::Node* Mapping(std::string_view name);
  const YAML::Node* List(std::string_view name);
  std::string PathOf(std::string_view name) const;
  void Wrong(std::string_view name, const YAML::Node& node, std::string_view expected);
  bool ReadScalar(std::string_view name, const YAML::Node& node, std::string& out);
  bool ReadInt(std::string_view name, const YAML::Node& node, int64_t& out);

  Reader& reader_;
  std::string path_;
  int line_ = 0;
  std::vector<std::pair<std::string, YAML::Node>> entries_;
};

}  // namespace config
