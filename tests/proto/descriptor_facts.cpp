#include "descriptor_facts.hpp"

#include <google/protobuf/descriptor.pb.h>

namespace proto_test {
namespace {

namespace pb = google::protobuf;

std::string Deprecated(bool deprecated) {
  return deprecated ? " DEPRECATED" : "";
}

std::string TypeOf(const pb::FieldDescriptor& field) {
  if (field.is_map()) {
    const pb::Descriptor& entry = *field.message_type();
    return "map<" + TypeOf(*entry.map_key()) + "," + TypeOf(*entry.map_value()) + ">";
  }
  if (field.message_type() != nullptr) return field.message_type()->full_name();
  if (field.enum_type() != nullptr) return field.enum_type()->full_name();
  return field.type_name();
}

std::string LabelOf(const pb::FieldDescriptor& field) {
  if (field.is_map()) return "";
  // An unpacked list would be read by everyone, but it is not what peers send.
  if (field.is_packable() && !field.is_packed()) return "rep unpacked";
  if (field.is_repeated()) return "rep";
  return field.has_optional_keyword() ? "opt" : "";
}

std::string KindOf(const pb::MethodDescriptor& method) {
  if (method.client_streaming()) return method.server_streaming() ? "bidi" : "client-stream";
  return method.server_streaming() ? "server-stream" : "unary";
}

void AddEnum(const pb::EnumDescriptor& entry, std::set<std::string>& facts) {
  facts.insert(NameFact("enum", entry.full_name(), entry.options().deprecated()));
  for (int i = 0; i < entry.value_count(); ++i) {
    const pb::EnumValueDescriptor& value = *entry.value(i);
    facts.insert(ValueFact(entry.full_name(), value.name() + "=" + std::to_string(value.number()) +
                                                  Deprecated(value.options().deprecated())));
  }
  for (int i = 0; i < entry.reserved_range_count(); ++i) {
    // Ends are inclusive for enums.
    for (int n = entry.reserved_range(i)->start; n <= entry.reserved_range(i)->end; ++n) {
      facts.insert(ReservedFact(entry.full_name(), std::to_string(n)));
    }
  }
  for (int i = 0; i < entry.reserved_name_count(); ++i) {
    facts.insert(ReservedFact(entry.full_name(), entry.reserved_name(i)));
  }
}

void AddMessage(const pb::Descriptor& message, std::set<std::string>& facts) {
  if (message.options().map_entry()) return;
  facts.insert(NameFact("message", message.full_name(), message.options().deprecated()));
  for (int i = 0; i < message.field_count(); ++i) {
    const pb::FieldDescriptor& field = *message.field(i);
    const pb::OneofDescriptor* oneof = field.real_containing_oneof();
    facts.insert(FieldFact({.message = message.full_name(),
                            .number = field.number(),
                            .name = field.name(),
                            .label = LabelOf(field),
                            .type = TypeOf(field),
                            .oneof = oneof == nullptr ? "" : oneof->name(),
                            .json = field.json_name(),
                            .deprecated = field.options().deprecated()}));
  }
  for (int i = 0; i < message.reserved_range_count(); ++i) {
    for (int n = message.reserved_range(i)->start; n < message.reserved_range(i)->end; ++n) {
      facts.insert(ReservedFact(message.full_name(), std::to_string(n)));
    }
  }
  for (int i = 0; i < message.reserved_name_count(); ++i) {
    facts.insert(ReservedFact(message.full_name(), message.reserved_name(i)));
  }
  for (int i = 0; i < message.enum_type_count(); ++i) AddEnum(*message.enum_type(i), facts);
  for (int i = 0; i < message.nested_type_count(); ++i) {
    AddMessage(*message.nested_type(i), facts);
  }
}

void AddService(const pb::ServiceDescriptor& service, std::set<std::string>& facts) {
  facts.insert(NameFact("service", service.full_name(), service.options().deprecated()));
  for (int i = 0; i < service.method_count(); ++i) {
    const pb::MethodDescriptor& method = *service.method(i);
    facts.insert(MethodFact({.service = service.full_name(),
                             .name = method.name(),
                             .kind = KindOf(method),
                             .input = method.input_type()->full_name(),
                             .output = method.output_type()->full_name(),
                             .deprecated = method.options().deprecated()}));
  }
}

}  // namespace

std::string PackageFact(const std::string& package, bool proto3) {
  return "package '" + package + "' syntax " + (proto3 ? "proto3" : "other");
}

std::string ImportFact(const std::string& path) {
  return "import " + path;
}

std::string NameFact(const std::string& what, const std::string& full_name, bool deprecated) {
  return what + " " + full_name + Deprecated(deprecated);
}

std::string MethodFact(const MethodParts& method) {
  return "method /" + method.service + "/" + method.name + " " + method.kind + " (" + method.input +
         ") -> (" + method.output + ")" + Deprecated(method.deprecated);
}

std::string FieldFact(const FieldParts& field) {
  return "field " + field.message + ": " + std::to_string(field.number) + " " + field.name + ":" +
         (field.label.empty() ? "" : field.label + " ") + field.type +
         (field.oneof.empty() ? "" : " {" + field.oneof + "}") + " json=" + field.json +
         Deprecated(field.deprecated);
}

std::string ReservedFact(const std::string& full_name, const std::string& number_or_name) {
  return "reserved " + full_name + ": " + number_or_name;
}

std::string ValueFact(const std::string& enum_name, const std::string& name_and_number) {
  return "value " + enum_name + ": " + name_and_number;
}

std::string LowerCamel(const std::string& field_name) {
  std::string json;
  bool upper = false;
  for (char c : field_name) {
    if (c == '_') {
      upper = true;
      continue;
    }
    json += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return json;
}

std::set<std::string> FactsOf(const pb::FileDescriptor& file) {
  std::set<std::string> facts = {
      PackageFact(file.package(), file.syntax() == pb::FileDescriptor::SYNTAX_PROTO3)};
  if (file.options().deprecated()) facts.insert("file DEPRECATED");
  for (int i = 0; i < file.extension_count(); ++i) {
    facts.insert("extension " + file.extension(i)->full_name());
  }
  for (int i = 0; i < file.dependency_count(); ++i) {
    const std::string& name = file.dependency(i)->name();
    if (!name.starts_with("google/protobuf/")) facts.insert(ImportFact(name));
  }
  for (int i = 0; i < file.service_count(); ++i) AddService(*file.service(i), facts);
  for (int i = 0; i < file.message_type_count(); ++i) AddMessage(*file.message_type(i), facts);
  for (int i = 0; i < file.enum_type_count(); ++i) AddEnum(*file.enum_type(i), facts);
  return facts;
}

}  // namespace proto_test
