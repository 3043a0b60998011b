// Facts: one line of text per name, number, type or option of a contract. The wire tables and the
// compiled descriptors are both turned into facts, and two sets of lines are easy to compare and
// their differences easy to read.
#pragma once

#include <google/protobuf/descriptor.h>

#include <set>
#include <string>

namespace proto_test {

struct MethodParts {
  std::string service;
  std::string name;
  std::string kind;
  std::string input;  // full names
  std::string output;
  bool deprecated = false;
};

struct FieldParts {
  std::string message;
  int number = 0;
  std::string name;
  std::string label;  // "", "rep" or "opt"
  std::string type;   // scalar, full name or map<K,V>
  std::string oneof;
  std::string json;
  bool deprecated = false;
};

std::string PackageFact(const std::string& package, bool proto3);
std::string ImportFact(const std::string& path);
std::string NameFact(const std::string& what, const std::string& full_name, bool deprecated);
std::string MethodFact(const MethodParts& method);
std::string FieldFact(const FieldParts& field);
std::string ReservedFact(const std::string& full_name, const std::string& number_or_name);
std::string ValueFact(const std::string& enum_name, const std::string& name_and_number);

/// The JSON name that protobuf gives a field when the file does not set one.
std::string LowerCamel(const std::string& field_name);

/// Everything that a compiled file declares, imports of google/protobuf/ left out.
std::set<std::string> FactsOf(const google::protobuf::FileDescriptor& file);

}  // namespace proto_test
