#include "wire_table.hpp"

#include <re2/re2.h>

#include <fstream>

#include "descriptor_facts.hpp"

namespace proto_test {
namespace {

const std::set<std::string>& Scalars() {
  static const std::set<std::string> names = {
      "double", "float",  "int32", "int64",   "uint32",  "uint64",   "sint32",  "sint64",
      "bool",   "string", "bytes", "fixed32", "fixed64", "sfixed32", "sfixed64"};
  return names;
}

std::vector<std::string> Split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t at; (at = text.find(separator, start)) != std::string::npos;
       start = at + separator.size()) {
    parts.push_back(text.substr(start, at - start));
  }
  parts.push_back(text.substr(start));
  return parts;
}

bool ParsePackage(const std::string& line, WireFile& file) {
  static const RE2 pattern(R"(package `([^`]*)`; syntax proto3; imports: (.*))");
  std::string imports;
  if (!RE2::FullMatch(line, pattern, &file.package, &imports)) return false;
  if (file.package.starts_with("(NONE")) file.package.clear();
  if (imports == "-") return true;
  for (std::string& import : Split(imports, ", ")) {
    // The durabletask files import each other without a folder; in our tree they have one.
    if (import.find('/') == std::string::npos) import = "durabletask/" + import;
    file.imports.push_back(std::move(import));
  }
  return true;
}

bool ParseService(const std::string& line, WireFile& file) {
  static const RE2 pattern(R"(- S `/([\w.]+)/`)");
  WireService service;
  if (!RE2::FullMatch(line, pattern, &service.full_name)) return false;
  file.services.push_back(std::move(service));
  return true;
}

bool ParseMethod(const std::string& line, WireFile& file) {
  static const RE2 pattern(
      R"(    - `(\w+)` (unary|server-stream|client-stream|bidi) \(([\w.]+)\) -> \(([\w.]+)\))"
      R"( \[(?:stable|alpha\d|beta\d)( DEPRECATED)?\])");
  WireMethod method;
  std::string deprecated;
  if (file.services.empty() || !RE2::FullMatch(line, pattern, &method.name, &method.kind,
                                               &method.input, &method.output, &deprecated)) {
    return false;
  }
  method.deprecated = !deprecated.empty();
  file.services.back().methods.push_back(std::move(method));
  return true;
}

bool ParseEnum(const std::string& line, WireFile& file) {
  static const RE2 pattern(R"(- E `([\w.]+)`: (\w+=\d+(?:, \w+=\d+)*))");
  WireEnum entry;
  std::string values;
  if (!RE2::FullMatch(line, pattern, &entry.name, &values)) return false;
  entry.values = Split(values, ", ");
  file.enums.push_back(std::move(entry));
  return true;
}

bool ParseField(const std::string& text, WireMessage& message) {
  static const RE2 pattern(
      R"((\d+) (\w+):(?:(rep|opt) )?([\w.<>,]+)(?: \{(\w+)\})?(?: json=(\w+))?( DEPRECATED)?)");
  WireField field;
  std::string deprecated;
  if (!RE2::FullMatch(text, pattern, &field.number, &field.name, &field.label, &field.type,
                      &field.oneof, &field.json, &deprecated)) {
    return false;
  }
  field.deprecated = !deprecated.empty();
  message.fields.push_back(std::move(field));
  return true;
}

bool ParseMessage(const std::string& line, WireFile& file) {
  static const RE2 pattern(R"(- M `([\w.]+)`( DEPRECATED)?: (.*?))"
                           R"((?: \[reserved ([\d,]+)\])?(?: \[reserved names ([\w,]+)\])?)");
  WireMessage message;
  std::string deprecated, fields, numbers, names;
  if (!RE2::FullMatch(line, pattern, &message.name, &deprecated, &fields, &numbers, &names)) {
    return false;
  }
  message.deprecated = !deprecated.empty();
  for (const std::string& list : {numbers, names}) {
    if (list.empty()) continue;
    for (std::string& item : Split(list, ",")) message.reserved.push_back(std::move(item));
  }
  if (fields != "(empty)") {
    for (const std::string& field : Split(fields, "; ")) {
      if (!ParseField(field, message)) return false;
    }
  }
  file.messages.push_back(std::move(message));
  return true;
}

bool ParsePreamble(const std::string& line, WireTable& table) {
  static const RE2 totals(
      R"(Totals: (\d+) services, (\d+) methods, (\d+) messages, (\d+) fields, (\d+) enums\.)");
  static const RE2 row(R"(\| ([\w.]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (.*) \|)");
  WireTotals& t = table.totals;
  if (RE2::FullMatch(line, totals, &t.services, &t.methods, &t.messages, &t.fields, &t.enums)) {
    return true;
  }
  std::string name, methods, stable, alpha, beta, deprecated;
  if (!RE2::FullMatch(line, row, &name, &methods, &stable, &alpha, &beta, &deprecated)) {
    return false;
  }
  table.overview[name] = methods + " " + stable + " " + alpha + " " + beta + " " + deprecated;
  return true;
}

std::string Resolve(const WireTable& table, const std::string& package, const std::string& type) {
  static const RE2 map(R"(map<(\w+),([\w.]+)>)");
  std::string key, value;
  if (RE2::FullMatch(type, map, &key, &value)) {
    return "map<" + key + "," + Resolve(table, package, value) + ">";
  }
  if (Scalars().contains(type)) return type;
  if (type.starts_with("gp.")) return "google.protobuf." + type.substr(3);
  if (std::string full = Qualify(package, type); table.types.contains(full)) return full;
  if (table.types.contains(type)) return type;
  return "unknown type " + type;
}

}  // namespace

std::string Qualify(const std::string& package, const std::string& name) {
  return package.empty() ? name : package + "." + name;
}

std::expected<WireTable, std::string> ReadWireTable(const std::string& path) {
  static const RE2 head(R"(## (durabletask: )?([\w/]+\.proto))");
  std::ifstream in(path);
  if (!in) return std::unexpected("cannot open " + path);
  WireTable table;
  enum { kPreamble, kFile, kAppendix } part = kPreamble;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    std::string prefix, name;
    if (RE2::FullMatch(line, head, &prefix, &name)) {
      part = kFile;
      table.files.emplace_back().path = (prefix.empty() ? "" : "durabletask/") + name;
    } else if (line.starts_with("## ")) {
      part = kAppendix;
    } else if (part == kPreamble) {
      ParsePreamble(line, table);  // prose is welcome here
    } else if (part == kFile && !line.empty()) {
      WireFile& file = table.files.back();
      if (!ParsePackage(line, file) && !ParseService(line, file) && !ParseMethod(line, file) &&
          !ParseMessage(line, file) && !ParseEnum(line, file)) {
        return std::unexpected(path + ":" + std::to_string(number) + ": not understood: " + line);
      }
    }
  }
  for (const WireFile& file : table.files) {
    for (const auto& m : file.messages) table.types.insert(Qualify(file.package, m.name));
    for (const auto& e : file.enums) table.types.insert(Qualify(file.package, e.name));
  }
  return table;
}

std::set<std::string> FactsOf(const WireTable& table, const WireFile& file) {
  std::set<std::string> facts = {PackageFact(file.package, true)};
  for (const auto& import : file.imports) facts.insert(ImportFact(import));
  for (const WireService& service : file.services) {
    facts.insert(NameFact("service", service.full_name, false));
    for (const WireMethod& method : service.methods) {
      facts.insert(MethodFact({.service = service.full_name,
                               .name = method.name,
                               .kind = method.kind,
                               .input = Resolve(table, file.package, method.input),
                               .output = Resolve(table, file.package, method.output),
                               .deprecated = method.deprecated}));
    }
  }
  for (const WireMessage& message : file.messages) {
    const std::string full_name = Qualify(file.package, message.name);
    facts.insert(NameFact("message", full_name, message.deprecated));
    for (const auto& item : message.reserved) facts.insert(ReservedFact(full_name, item));
    for (const WireField& field : message.fields) {
      facts.insert(FieldFact({.message = full_name,
                              .number = field.number,
                              .name = field.name,
                              .label = field.label,
                              .type = Resolve(table, file.package, field.type),
                              .oneof = field.oneof,
                              .json = field.json.empty() ? LowerCamel(field.name) : field.json,
                              .deprecated = field.deprecated}));
    }
  }
  for (const WireEnum& entry : file.enums) {
    const std::string full_name = Qualify(file.package, entry.name);
    facts.insert(NameFact("enum", full_name, false));
    for (const auto& value : entry.values) facts.insert(ValueFact(full_name, value));
  }
  return facts;
}

}  // namespace proto_test
