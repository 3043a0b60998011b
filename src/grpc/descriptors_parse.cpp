#include <cstdlib>
#include <optional>

#include "base/strings.hpp"
#include "grpc/descriptors.hpp"
#include "grpc/message.hpp"
#include "grpc/wire.hpp"

// Made by the build (cmake/Protobuf.cmake), gzipped: a quarter of the size, and few ask for it.
extern "C" const char dapr_descriptor_set[];
extern "C" const char dapr_descriptor_set_end[];

namespace grpc {
namespace {

using wire::Reader;
using wire::Type;

// Messages nest in messages; no contract does so deeper.
constexpr int kMaxNesting = 32;

std::string_view WithoutDot(std::string_view name) {
  if (name.starts_with('.')) name.remove_prefix(1);
  return name;
}

std::string Qualified(std::string_view scope, std::string_view name) {
  return scope.empty() ? std::string(name) : base::StrCat(scope, ".", name);
}

// The bytes of a field that stands once.
std::string_view BytesOf(std::string_view message, uint32_t field) {
  std::string_view found;
  for (Reader in(message); in.Next();) {
    if (in.Is(field, Type::kBytes)) found = in.bytes();
  }
  return found;
}

}  // namespace

// Reads one set. The numbers in the functions are the fields of descriptor.proto.
class DescriptorIndex::Builder {
 public:
  explicit Builder(DescriptorIndex& index) : index_(index) {}

  bool AddFile(std::string_view bytes) {
    const std::string_view name = BytesOf(bytes, 1);
    FileInfo& file = index_.files_[std::string(name)];
    file.name = name;
    file.bytes = bytes;
    file.package = BytesOf(bytes, 2);
    file_ = &file;
    Reader in(bytes);
    while (in.Next()) {
      if (in.type() != Type::kBytes) continue;
      bool ok = true;
      switch (in.field()) {
        case 3:
          file.dependencies.push_back(in.bytes());
          break;
        case 4:
          ok = AddMessage(file.package, in.bytes(), 0);
          break;
        case 5:
          ok = AddEnum(file.package, in.bytes());
          break;
        case 6:
          ok = AddService(file.package, in.bytes());
          break;
        case 7:
          ok = AddExtension(file.package, in.bytes());
          break;
        case 12:
          file.proto3 = in.bytes() == "proto3";
          break;
        default:
          break;
      }
      if (!ok) return false;
    }
    return in.ok() && !name.empty();
  }

  // Fields point to types that may be declared after them.
  void Resolve() {
    for (auto& [name, message] : index_.messages_) {
      for (FieldInfo& field : message.fields) {
        if (field.type == FieldType::kMessage) {
          field.message = index_.FindMessage(field.type_name);
          field.map = field.repeated && field.message && field.message->map_entry;
        } else if (field.type == FieldType::kEnum) {
          field.enumeration = index_.FindEnum(field.type_name);
        }
      }
    }
  }

 private:
  bool AddMessage(std::string_view scope, std::string_view bytes, int depth) {
    if (depth > kMaxNesting) return false;
    const std::string full_name = Qualified(scope, BytesOf(bytes, 1));
    MessageInfo& message = index_.messages_[full_name];
    message.full_name = full_name;
    message.file = file_;
    Reader in(bytes);
    while (in.Next()) {
      if (in.type() != Type::kBytes) continue;
      bool ok = true;
      switch (in.field()) {
        case 2: {
          auto field = ReadField(in.bytes());
          ok = field.has_value();
          if (ok) message.fields.push_back(*field);
          break;
        }
        case 3:
          ok = AddMessage(full_name, in.bytes(), depth + 1);
          break;
        case 4:
          ok = AddEnum(full_name, in.bytes());
          break;
        case 6:
          ok = AddExtension(full_name, in.bytes());
          break;
        case 7:
          for (Reader options(in.bytes()); options.Next();) {
            if (options.Is(7, Type::kVarint)) message.map_entry = options.number() != 0;
          }
          break;
        case 8:
          message.oneofs.push_back(BytesOf(in.bytes(), 1));
          break;
        default:
          break;
      }
      if (!ok) return false;
    }
    return in.ok();
  }

  static std::optional<FieldInfo> ReadField(std::string_view bytes) {
    FieldInfo field;
    Reader in(bytes);
    while (in.Next()) {
      switch (in.field()) {
        case 1:
          field.name = in.bytes();
          break;
        case 3:
          field.number = static_cast<uint32_t>(in.number());
          break;
        case 4:
          field.repeated = in.number() == 3;
          break;
        case 5:
          if (in.number() < 1 || in.number() > 18) return std::nullopt;
          field.type = static_cast<FieldType>(in.number());
          break;
        case 6:
          field.type_name = WithoutDot(in.bytes());
          break;
        case 9:
          field.oneof = static_cast<int>(in.number());
          break;
        case 10:
          field.json_name = in.bytes();
          break;
        case 17:
          field.optional = in.number() != 0;
          break;
        default:
          break;
      }
    }
    // The compiler gives such a field a oneof of its own.
    if (field.optional) field.oneof = -1;
    if (!in.ok() || field.number == 0 || field.type == FieldType{}) return std::nullopt;
    return field;
  }

  bool AddEnum(std::string_view scope, std::string_view bytes) {
    const std::string full_name = Qualified(scope, BytesOf(bytes, 1));
    EnumInfo& out = index_.enums_[full_name];
    out.full_name = full_name;
    out.file = file_;
    Reader in(bytes);
    while (in.Next()) {
      if (!in.Is(2, Type::kBytes)) continue;
      EnumInfo::Value value;
      for (Reader fields(in.bytes()); fields.Next();) {
        if (fields.Is(1, Type::kBytes)) value.name = fields.bytes();
        if (fields.Is(2, Type::kVarint)) value.number = static_cast<int32_t>(fields.number());
      }
      // Values live in the scope around their enum.
      index_.others_[Qualified(scope, value.name)] = file_;
      out.values.push_back(value);
    }
    return in.ok();
  }

  bool AddService(std::string_view scope, std::string_view bytes) {
    const std::string full_name = Qualified(scope, BytesOf(bytes, 1));
    ServiceInfo& service = index_.services_[full_name];
    service.full_name = full_name;
    service.file = file_;
    Reader in(bytes);
    while (in.Next()) {
      if (!in.Is(2, Type::kBytes)) continue;
      MethodInfo method;
      Reader fields(in.bytes());
      while (fields.Next()) {
        switch (fields.field()) {
          case 1:
            method.name = fields.bytes();
            break;
          case 2:
            method.input = WithoutDot(fields.bytes());
            break;
          case 3:
            method.output = WithoutDot(fields.bytes());
            break;
          case 5:
            method.client_streaming = fields.number() != 0;
            break;
          case 6:
            method.server_streaming = fields.number() != 0;
            break;
          default:
            break;
        }
      }
      if (!fields.ok()) return false;
      service.methods.push_back(method);
    }
    return in.ok();
  }

  bool AddExtension(std::string_view scope, std::string_view bytes) {
    const auto field = ReadField(bytes);
    if (!field) return false;
    index_.others_[Qualified(scope, field->name)] = file_;
    index_.extensions_[std::string(WithoutDot(BytesOf(bytes, 2)))][field->number] = file_;
    return true;
  }

  DescriptorIndex& index_;
  const FileInfo* file_ = nullptr;
};

const DescriptorIndex& DescriptorIndex::BuiltIn() {
  constexpr std::size_t kLargest = std::size_t{4} << 20;
  // The index refers into it.
  static const auto set = Gunzip({dapr_descriptor_set, dapr_descriptor_set_end}, kLargest);
  static const DescriptorIndex index = [] {
    auto parsed = Parse(set ? *set : std::string_view());
    // Only a broken build gets here: the bytes are part of the program.
    if (!set || !parsed) std::abort();
    return *std::move(parsed);
  }();
  return index;
}

base::Result<DescriptorIndex> DescriptorIndex::Parse(std::string_view set) {
  DescriptorIndex index;
  Builder builder(index);
  Reader in(set);
  while (in.Next()) {
    if (in.Is(1, Type::kBytes) && !builder.AddFile(in.bytes())) {
      return base::Fail(base::Kind::kInvalidArgument,
                        "descriptor set: a file in it is malformed; write it again with "
                        "protoc --descriptor_set_out");
    }
  }
  if (!in.ok()) {
    return base::Fail(base::Kind::kInvalidArgument,
                      "descriptor set: not a FileDescriptorSet; write it with "
                      "protoc --descriptor_set_out");
  }
  builder.Resolve();
  return index;
}

}  // namespace grpc
