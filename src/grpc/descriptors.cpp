#include "grpc/descriptors.hpp"

#include <algorithm>

namespace grpc {
namespace {

template <class Table>
auto* Find(const Table& table, std::string_view name) {
  const auto found = table.find(name);
  return found == table.end() ? nullptr : &found->second;
}

}  // namespace

std::string_view EnumInfo::NameOf(int32_t number) const {
  // The first of several names is the one that is printed.
  const auto found = std::ranges::find(values, number, &Value::number);
  return found == values.end() ? std::string_view() : found->name;
}

int MessageInfo::IndexOf(uint32_t number) const {
  const auto found = std::ranges::find(fields, number, &FieldInfo::number);
  return found == fields.end() ? -1 : static_cast<int>(found - fields.begin());
}

const FileInfo* DescriptorIndex::FindFile(std::string_view name) const {
  return Find(files_, name);
}
const MessageInfo* DescriptorIndex::FindMessage(std::string_view full_name) const {
  return Find(messages_, full_name);
}
const EnumInfo* DescriptorIndex::FindEnum(std::string_view full_name) const {
  return Find(enums_, full_name);
}
const ServiceInfo* DescriptorIndex::FindService(std::string_view full_name) const {
  return Find(services_, full_name);
}

const FileInfo* DescriptorIndex::FindFileOfSymbol(std::string_view full_name) const {
  if (const auto* message = FindMessage(full_name)) return message->file;
  if (const auto* enumeration = FindEnum(full_name)) return enumeration->file;
  if (const auto* service = FindService(full_name)) return service->file;
  if (const auto* other = Find(others_, full_name)) return *other;
  const std::size_t dot = full_name.rfind('.');
  if (dot == std::string_view::npos) return nullptr;
  const std::string_view parent = full_name.substr(0, dot);
  const std::string_view name = full_name.substr(dot + 1);
  if (const auto* service = FindService(parent)) {
    const auto found = std::ranges::find(service->methods, name, &MethodInfo::name);
    return found == service->methods.end() ? nullptr : service->file;
  }
  const auto* message = FindMessage(parent);
  if (!message) return nullptr;
  const bool has =
      std::ranges::find(message->fields, name, &FieldInfo::name) != message->fields.end() ||
      std::ranges::find(message->oneofs, name) != message->oneofs.end();
  return has ? message->file : nullptr;
}

const FileInfo* DescriptorIndex::FindFileOfExtension(std::string_view message,
                                                     uint32_t number) const {
  const auto* numbers = Find(extensions_, message);
  if (!numbers) return nullptr;
  const auto found = numbers->find(number);
  return found == numbers->end() ? nullptr : found->second;
}

std::vector<uint32_t> DescriptorIndex::ExtensionNumbers(std::string_view message) const {
  std::vector<uint32_t> out;
  if (const auto* numbers = Find(extensions_, message)) {
    for (const auto& [number, file] : *numbers) out.push_back(number);
  }
  return out;
}

}  // namespace grpc
