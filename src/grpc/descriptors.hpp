// What the contracts declare: files, messages, fields, enums and services, for gRPC reflection and
// for printing messages as JSON. Generated messages carry no descriptors (cmake/Protobuf.cmake), so
// this index is read from the descriptor set that the build puts into the program, when it is first
// asked for. Immutable once built; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"

namespace grpc {

struct FileInfo {
  std::string_view name;
  std::string_view package;
  std::string_view bytes;  // the serialized FileDescriptorProto
  std::vector<std::string_view> dependencies;
  bool proto3 = false;
};

/// The numbers are those of FieldDescriptorProto.Type.
enum class FieldType : uint8_t {
  kDouble = 1,
  kFloat,
  kInt64,
  kUint64,
  kInt32,
  kFixed64,
  kFixed32,
  kBool,
  kString,
  kGroup,
  kMessage,
  kBytes,
  kUint32,
  kEnum,
  kSfixed32,
  kSfixed64,
  kSint32,
  kSint64,
};

struct EnumInfo {
  std::string full_name;
  const FileInfo* file = nullptr;
  struct Value {
    int32_t number = 0;
    std::string_view name;
  };
  std::vector<Value> values;
  /// The name of a number; empty if it has none.
  std::string_view NameOf(int32_t number) const;
};

struct MessageInfo;

struct FieldInfo {
  uint32_t number = 0;
  FieldType type{};
  bool repeated = false;  // true for maps too
  bool map = false;
  bool optional = false;  // proto3 `optional`; oneof is then none
  int oneof = -1;
  std::string_view name;
  std::string_view json_name;
  std::string_view type_name;            // of messages and enums, without leading dot
  const MessageInfo* message = nullptr;  // null also if the set does not have the type
  const EnumInfo* enumeration = nullptr;
};

struct MessageInfo {
  std::string full_name;
  const FileInfo* file = nullptr;
  std::vector<FieldInfo> fields;  // in the order of their declaration
  std::vector<std::string_view> oneofs;
  bool map_entry = false;
  /// The place of a field in `fields`, or -1.
  int IndexOf(uint32_t number) const;
};

struct MethodInfo {
  std::string_view name;
  std::string_view input;  // full names without leading dot
  std::string_view output;
  bool client_streaming = false;
  bool server_streaming = false;
};

struct ServiceInfo {
  std::string full_name;
  const FileInfo* file = nullptr;
  std::vector<MethodInfo> methods;
};

class DescriptorIndex {
 public:
  /// The contracts this program was built with.
  static const DescriptorIndex& BuiltIn();

  /// `set` is a serialized FileDescriptorSet that outlives the index. Fails with kInvalidArgument
  /// if it is none.
  static base::Result<DescriptorIndex> Parse(std::string_view set);

  DescriptorIndex(DescriptorIndex&&) = default;
  DescriptorIndex& operator=(DescriptorIndex&&) = default;

  /// All of these: null if there is none of that name (full, without leading dot).
  const FileInfo* FindFile(std::string_view name) const;
  const MessageInfo* FindMessage(std::string_view full_name) const;
  const EnumInfo* FindEnum(std::string_view full_name) const;
  const ServiceInfo* FindService(std::string_view full_name) const;
  /// The file that declares a message, enum, enum value, service, method, field, oneof or
  /// extension.
  const FileInfo* FindFileOfSymbol(std::string_view full_name) const;

  /// The file that extends a message with this field number.
  const FileInfo* FindFileOfExtension(std::string_view message, uint32_t number) const;
  /// The numbers a message is extended with, ascending.
  std::vector<uint32_t> ExtensionNumbers(std::string_view message) const;

 private:
  class Builder;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  template <class T>
  using ByName = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  DescriptorIndex() = default;

  // Nodes of these tables keep their addresses when the index moves.
  ByName<FileInfo> files_;
  ByName<MessageInfo> messages_;
  ByName<EnumInfo> enums_;
  ByName<ServiceInfo> services_;
  ByName<const FileInfo*> others_;  // enum values and extensions
  std::map<std::string, std::map<uint32_t, const FileInfo*>, std::less<>> extensions_;
};

}  // namespace grpc
