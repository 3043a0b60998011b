// Reader of the wire tables (wire.md, grpc.md): the written contract that the compiled protobuf
// descriptors are compared with. The reader is strict: a line of a file section that it does not
// understand is an error, so that no fact is skipped in silence.
#pragma once

#include <expected>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace proto_test {

struct WireField {
  int number = 0;
  std::string name;
  std::string label;  // "", "rep" or "opt"
  std::string type;   // as written: scalar, relative name, gp.X or map<K,V>
  std::string oneof;  // empty when in none
  std::string json;   // empty when it is the lowerCamel form of the name
  bool deprecated = false;
};

struct WireMessage {
  std::string name;  // relative to the package, dotted when nested
  bool deprecated = false;
  std::vector<WireField> fields;
  std::vector<std::string> reserved;  // numbers and names alike
};

struct WireEnum {
  std::string name;
  std::vector<std::string> values;  // "NAME=0"
};

struct WireMethod {
  std::string name;
  std::string kind;  // unary, server-stream, client-stream, bidi
  std::string input;
  std::string output;
  bool deprecated = false;
};

struct WireService {
  std::string full_name;
  std::vector<WireMethod> methods;
};

struct WireFile {
  std::string path;                  // below proto/
  std::string package;               // empty for the files without one
  std::vector<std::string> imports;  // without google/protobuf/
  std::vector<WireService> services;
  std::vector<WireMessage> messages;
  std::vector<WireEnum> enums;
};

/// How many of each there are; map entries are not messages here.
struct WireTotals {
  int services = 0;
  int methods = 0;
  int messages = 0;
  int fields = 0;
  int enums = 0;
  bool operator==(const WireTotals&) const = default;
};

struct WireTable {
  WireTotals totals;
  /// Service name to its row of the overview: "methods stable alpha beta deprecated-list".
  std::map<std::string, std::string> overview;
  std::vector<WireFile> files;
  /// Full names of all messages and enums, to resolve relative type names.
  std::set<std::string> types;
};

/// Reads a table from a file; the error names the line that was not understood.
std::expected<WireTable, std::string> ReadWireTable(const std::string& path);

/// Package and name joined; the package may be empty.
std::string Qualify(const std::string& package, const std::string& name);

/// The table's content of one file as one line per fact, in the form of descriptor_facts.hpp.
std::set<std::string> FactsOf(const WireTable& table, const WireFile& file);

}  // namespace proto_test
