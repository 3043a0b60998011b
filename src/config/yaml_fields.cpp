#include "config/yaml_fields.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/go_json.hpp"
#include "base/strings.hpp"
#include "config/yaml_scalar.hpp"

namespace config {
namespace {

constexpr int kMaxDepth = 100;
constexpr size_t kMaxNodes = 200'000;
constexpr int kMaxMergeDepth = 4;
constexpr size_t kMaxMerged = 10'000;

bool IsPlain(const YAML::Node& node) {
  const std::string& tag = node.Tag();
  return tag != "!" && tag != "tag:yaml.org,2002:str";
}

Scalar Classify(const YAML::Node& node) {
  return ClassifyScalar(node.Scalar(), IsPlain(node));
}

std::string_view NameOf(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  if (!node.IsScalar()) return "nothing";
  switch (Classify(node).type) {
    case ScalarType::kNull:
      return "nothing";
    case ScalarType::kBool:
      return "a boolean";
    case ScalarType::kInt:
    case ScalarType::kUint:
      return "an integer";
    case ScalarType::kFloat:
      return "a number";
    case ScalarType::kString:
      break;
  }
  return "a string";
}

// Appends the entries of a mapping with "<<" merged in (own entries win, the last of equal keys
// wins). Merges nest only through aliases, which may be circular.
void Flatten(const YAML::Node& node, int depth,
             std::vector<std::pair<std::string, YAML::Node>>& out) {
  if (!node.IsMap() || depth > kMaxMergeDepth) return;
  // Inherited entries come first, so that the mapping's own are the later ones. Nodes are only ever
  // copied into place: assigning to a YAML::Node changes the document.
  for (const auto& entry : node) {
    if (!entry.first.IsScalar() || entry.first.Scalar() != "<<" || !IsPlain(entry.first)) continue;
    if (!entry.second.IsSequence()) {
      Flatten(entry.second, depth + 1, out);
      continue;
    }
    for (const YAML::Node& item : entry.second) {
      if (out.size() > kMaxMerged) return;
      Flatten(item, depth + 1, out);
    }
  }
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) continue;
    const std::string& key = entry.first.Scalar();
    if (key != "<<" || !IsPlain(entry.first)) out.emplace_back(key, entry.second);
  }
}

}  // namespace

base::Status Reader::Parse() {
  if (document_.text.size() > kMaxDocumentSize) {
    SetError(document_.first_line, "",
             base::StrCat("the document is larger than ", kMaxDocumentSize, " bytes"));
    return status();
  }
  try {
    root_.reset(YAML::Load(document_.text));
    if (!root_.IsMap()) SetError(document_.first_line, "", "expected a mapping of fields");
  } catch (const YAML::Exception& e) {
    const int line = e.mark.is_null() ? 0 : e.mark.line;
    SetError(document_.first_line + line, "", base::StrCat("invalid YAML: ", e.msg));
  } catch (const std::exception& e) {
    SetError(document_.first_line, "", base::StrCat("invalid YAML: ", e.what()));
  }
  return status();
}

Fields Reader::Root() {
  return Fields(*this, root_, "");
}

base::Status Reader::status() const {
  if (error_) return std::unexpected(*error_);
  return {};
}

void Reader::SetError(int line, std::string_view path, std::string_view message) {
  if (error_) return;
  std::string text = base::StrCat(document_.file, ":", line, ": ");
  if (!path.empty()) base::StrAppend(text, "field ", path, ": ");
  error_.emplace(base::Kind::kInvalidArgument, base::StrCat(text, message));
}

int Reader::LineOf(const YAML::Node& node) const {
  const YAML::Mark mark = node.Mark();
  return document_.first_line + (mark.is_null() ? 0 : mark.line);
}

std::string Reader::Json(const YAML::Node& node, const std::string& path, int depth) {
  if (depth > kMaxDepth || ++json_nodes_ > kMaxNodes) {
    SetError(LineOf(node), path, "nested too deeply or too large");
    return "null";
  }
  if (node.IsMap()) {
    std::vector<std::pair<std::string, YAML::Node>> entries;
    Flatten(node, 0, entries);
    std::map<std::string_view, const YAML::Node*> sorted;
    for (const auto& [key, value] : entries) sorted[key] = &value;
    std::string out = "{";
    for (const auto& [key, value] : sorted) {
      if (failed()) break;
      if (out.size() > 1) out += ',';
      base::AppendJsonString(out, key);
      out += ':';
      out += Json(*value, path, depth + 1);
    }
    return out += '}';
  }
  if (node.IsSequence()) {
    std::string out = "[";
    for (const YAML::Node& item : node) {
      if (failed()) break;
      if (out.size() > 1) out += ',';
      out += Json(item, path, depth + 1);
    }
    return out += ']';
  }
  if (!node.IsScalar()) return "null";
  if (json_nodes_ += node.Scalar().size() / 64; json_nodes_ > kMaxNodes) {
    SetError(LineOf(node), path, "too large");
    return "null";
  }
  return ScalarJson(node.Scalar(), Classify(node));
}

Fields::Fields(Reader& reader, const YAML::Node& node, std::string path)
    : reader_(reader), path_(std::move(path)) {
  if (reader.failed()) return;
  line_ = reader.LineOf(node);
  if (IsNull(node)) return;
  if (!node.IsMap()) {
    reader.SetError(line_, path_, base::StrCat("expected a mapping, found ", NameOf(node)));
    return;
  }
  Flatten(node, 0, entries_);
}

bool Fields::IsNull(const YAML::Node& node) {
  return node.IsNull() || (node.IsScalar() && Classify(node).type == ScalarType::kNull);
}

const YAML::Node* Fields::Find(std::string_view name) const {
  const YAML::Node* loose = nullptr;
  for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
    if (it->first == name) return &it->second;
    if (loose == nullptr && base::EqualsIgnoreCase(it->first, name)) loose = &it->second;
  }
  return loose;
}

std::string Fields::PathOf(std::string_view name) const {
  return path_.empty() ? std::string(name) : base::StrCat(path_, ".", name);
}

void Fields::SetError(std::string_view name, std::string_view message) {
  const YAML::Node* node = Find(name);
  reader_.SetError(node == nullptr ? line_ : reader_.LineOf(*node), PathOf(name), message);
}

void Fields::Wrong(std::string_view name, const YAML::Node& node, std::string_view expected) {
  reader_.SetError(reader_.LineOf(node), PathOf(name),
                   base::StrCat("expected ", expected, ", found ", NameOf(node)));
}

void Fields::AllowOnly(std::initializer_list<std::string_view> names) {
  for (const auto& [key, value] : entries_) {
    const auto known = [&key](std::string_view name) { return base::EqualsIgnoreCase(name, key); };
    if (std::any_of(names.begin(), names.end(), known)) continue;
    reader_.SetError(reader_.LineOf(value), PathOf(key),
                     base::StrCat("unknown field; known here: ", base::Join(names, ", ")));
  }
}

const YAML::Node* Fields::Mapping(std::string_view name) {
  const YAML::Node* node = Find(name);
  if (reader_.failed() || node == nullptr || !Present(*node)) return nullptr;
  if (node->IsMap()) return node;
  Wrong(name, *node, "a mapping");
  return nullptr;
}

const YAML::Node* Fields::List(std::string_view name) {
  const YAML::Node* node = Find(name);
  if (reader_.failed() || node == nullptr || !Present(*node)) return nullptr;
  if (node->IsSequence()) return node;
  Wrong(name, *node, "a list");
  return nullptr;
}

bool Fields::ReadScalar(std::string_view name, const YAML::Node& node, std::string& out) {
  if (!node.IsScalar()) {
    Wrong(name, node, "a string");
    return false;
  }
  out = ScalarText(node.Scalar(), Classify(node));
  return true;
}

void Fields::Read(std::string_view name, std::string& out) {
  const YAML::Node* node = Find(name);
  if (reader_.failed() || node == nullptr || !Present(*node)) return;
  ReadScalar(name, *node, out);
}

void Fields::Read(std::string_view name, bool& out) {
  const YAML::Node* node = Find(name);
  if (reader_.failed() || node == nullptr || !Present(*node)) return;
  const Scalar scalar = node->IsScalar() ? Classify(*node) : Scalar{};
  if (scalar.type != ScalarType::kBool) return Wrong(name, *node, "true or false");
  out = scalar.boolean;
}

bool Fields::ReadInt(std::string_view name, const YAML::Node& node, int64_t& out) {
  const Scalar scalar = node.IsScalar() ? Classify(node) : Scalar{};
  if (scalar.type == ScalarType::kInt) {
    out = scalar.integer;
    return true;
  }
  if (scalar.type == ScalarType::kFloat && std::fabs(scalar.number) < 1e15 &&
      scalar.number == std::trunc(scalar.number)) {
    out = static_cast<int64_t>(scalar.number);
    return true;
  }
  Wrong(name, node, "an integer");
  return false;
}

void Fields::Read(std::string_view name, int64_t& out) {
  const YAML::Node* node = Find(name);
  if (reader_.failed() || node == nullptr || !Present(*node)) return;
  ReadInt(name, *node, out);
}

void Fields::Read(std::string_view name, int32_t& out) {
  const YAML::Node* node = Find(name);
  if (reader_.failed() || node == nullptr || !Present(*node)) return;
  int64_t value = 0;
  if (!ReadInt(name, *node, value)) return;
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
    return SetError(name, base::StrCat(value, " does not fit 32 bits"));
  }
  out = static_cast<int32_t>(value);
}

void Fields::Read(std::string_view name, std::vector<std::string>& out) {
  const YAML::Node* list = List(name);
  if (list == nullptr) return;
  out.clear();
  for (const YAML::Node& item : *list) {
    std::string text;
    if (!IsNull(item) && !ReadScalar(name, item, text)) return;
    out.push_back(std::move(text));
  }
}

void Fields::Read(std::string_view name, std::vector<int64_t>& out) {
  const YAML::Node* list = List(name);
  if (list == nullptr) return;
  out.clear();
  for (const YAML::Node& item : *list) {
    int64_t value = 0;
    if (!ReadInt(name, item, value)) return;
    out.push_back(value);
  }
}

void Fields::Read(std::string_view name, std::map<std::string, std::string>& out) {
  const YAML::Node* node = Mapping(name);
  if (node == nullptr) return;
  const Fields entries(reader_, *node, PathOf(name));
  for (const auto& [key, value] : entries.entries_) {
    std::string text;
    if (Present(value) && !ReadScalar(base::StrCat(name, ".", key), value, text)) return;
    out[key] = std::move(text);
  }
}

void Fields::Read(std::string_view name, Dynamic& out) {
  const YAML::Node* node = Find(name);
  if (reader_.failed() || node == nullptr || !Present(*node)) return;
  out.json = reader_.Json(*node, PathOf(name));
  out.text = node->IsScalar() ? ScalarText(node->Scalar(), Classify(*node)) : out.json;
}

}  // namespace config
